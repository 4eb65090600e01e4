#include "peer.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "suite.h"

void peer_open(struct peer *peer, int fd)
{
    memset(peer, 0, sizeof(*peer));
    peer->fd = fd;
    pyw_inbox_init(&peer->inbox, fd, PYW_FROM_DAEMON, true);
}

void peer_close(struct peer *peer)
{
    pyw_inbox_free(&peer->inbox);
    if (peer->fd >= 0) {
        close(peer->fd);
        peer->fd = -1;
    }
}

static void send_all(struct peer *peer, const struct pyw_writer *writer)
{
    size_t sent = 0;

    ck_assert(!writer->failed);
    while (sent < writer->len) {
        ssize_t part =
            send(peer->fd, writer->data + sent, writer->len - sent, MSG_NOSIGNAL);

        if (part < 0) {
            return; /* the test sees what came of it */
        }
        sent += (size_t)part;
    }
}

void peer_send(struct peer *peer, enum pyw_frame_type type, uint16_t flags,
               const void *payload, size_t len)
{
    struct pyw_writer writer;
    size_t start;

    pyw_bytes_init(&writer);
    start = pyw_frame_start(&writer, type, flags);
    pyw_bytes_put(&writer, payload, len);
    pyw_frame_finish(&writer, start);
    send_all(peer, &writer);
    pyw_bytes_free(&writer);
}

void peer_send_hello(struct peer *peer, const struct pyw_setup *setup)
{
    struct pyw_hello hello = {PYW_FRAME_VERSION, PYW_FRAME_VERSION, {0}};
    struct pyw_writer writer;

    memcpy(hello.secret, setup->secret, sizeof(hello.secret));
    pyw_bytes_init(&writer);
    pyw_frame_put_hello(&writer, &hello);
    send_all(peer, &writer);
    pyw_bytes_free(&writer);
}

void peer_send_request(struct peer *peer, uint16_t flags, const char *uri)
{
    struct pyw_pair pairs[] = {{1, PYW_SPAN("REQUEST_METHOD"), PYW_SPAN("GET")},
                               {2, PYW_SPAN("REQUEST_URI"), {uri, strlen(uri)}}};
    struct pyw_request_head head = {.flags = flags,
                                    .arrival_us = pyw_clock_epoch_us(),
                                    .arrival_clock_us = pyw_clock_now_us(),
                                    .content_length = -1,
                                    .script_mtime = 1,
                                    .script = PYW_SPAN("/srv/app.wsgi"),
                                    .callable = PYW_SPAN("application"),
                                    .application_group = PYW_SPAN(""),
                                    .pair_count = 2,
                                    .pairs = pairs};
    struct pyw_writer writer;

    pyw_bytes_init(&writer);
    pyw_head_put_request(&writer, &head);
    send_all(peer, &writer);
    pyw_bytes_free(&writer);
}

void peer_send_abort(struct peer *peer, enum pyw_abort reason)
{
    uint8_t byte = (uint8_t)reason;

    peer_send(peer, PYW_FRAME_ABORT, 0, &byte, 1);
}

int peer_receive(struct peer *peer)
{
    for (;;) {
        int rv = pyw_inbox_next(&peer->inbox, &peer->frame, &peer->payload);

        if (rv == 0) {
            ssize_t got = pyw_inbox_fill(&peer->inbox, 0);

            if (got == 0 || got == -ECONNRESET) {
                return 0;
            }
            ck_assert_int_gt(got, 0);
        } else {
            ck_assert_int_eq(rv, 1);
            return peer->frame.type;
        }
    }
}

void peer_expect(struct peer *peer, enum pyw_frame_type type)
{
    int got = peer_receive(peer);

    ck_assert_msg(got == (int)type, "%s instead of %s",
                  got == 0 ? "the end" : pyw_frame_name((unsigned)got),
                  pyw_frame_name(type));
}

void peer_expect_end(struct peer *peer, enum pyw_outcome outcome)
{
    struct pyw_end end;

    peer_expect(peer, PYW_FRAME_END);
    ck_assert_int_eq(pyw_frame_get_end(peer->payload, &end), 0);
    ck_assert_int_eq(end.outcome, outcome);
}

void peer_expect_nothing(struct peer *peer)
{
    ck_assert(pyw_inbox_is_empty(&peer->inbox));
    ck_assert_int_eq(pyw_inbox_fill(&peer->inbox, MSG_DONTWAIT), -EAGAIN);
}
