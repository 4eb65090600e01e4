#include "host/channel.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "host/journal.h"

void pyw_channel_init(struct pyw_channel *channel, uint32_t index)
{
    memset(channel, 0, sizeof(*channel));
    channel->index = index;
    channel->fd = -1;
    pthread_mutex_init(&channel->lock, NULL);
    atomic_init(&channel->claim, 0);
    atomic_init(&channel->is_ending, false);
    atomic_init(&channel->deadline_ms, PYW_CLOCK_NEVER);
}

void pyw_channel_open(struct pyw_channel *channel, int fd)
{
    channel->fd = fd;
    channel->stage = PYW_STAGE_HELLO;
    channel->is_muted = false;
    atomic_store(&channel->is_ending, false);
    pyw_inbox_init(&channel->inbox, fd, PYW_FROM_CHILD, false);
    pyw_outbox_init(&channel->outbox, fd);
    pthread_mutex_lock(&channel->lock);
    memset(&channel->shared, 0, sizeof(channel->shared));
    pthread_mutex_unlock(&channel->lock);
}

void pyw_channel_close(struct pyw_channel *channel)
{
    int fd = channel->fd;

    if (fd < 0) {
        return;
    }
    channel->fd = -1;
    /* Not close() alone: a process that the application forked may hold the socket
     * open. */
    (void)shutdown(fd, SHUT_RDWR);
    close(fd);
    pyw_inbox_free(&channel->inbox);
}

static int send_now(struct pyw_channel *channel, struct pyw_writer *writer)
{
    struct iovec piece = {writer->data, writer->len};
    int rv = -ENOMEM;

    if (!writer->failed) {
        pthread_mutex_lock(&channel->lock);
        rv = pyw_outbox_send(&channel->outbox, &piece, 1, -1);
        pthread_mutex_unlock(&channel->lock);
    }
    pyw_bytes_free(writer);
    return rv;
}

int pyw_channel_refuse(struct pyw_channel *channel, enum pyw_refuse reason)
{
    struct pyw_writer writer;

    pyw_bytes_init(&writer);
    pyw_frame_put_reason(&writer, PYW_FRAME_REFUSE, (uint8_t)reason);
    return send_now(channel, &writer);
}

int pyw_channel_admit(struct pyw_channel *channel)
{
    unsigned char frame[PYW_FRAME_HEADER_LEN];
    struct iovec piece = {frame, sizeof(frame)};
    int rv;

    pyw_frame_pack(frame, PYW_FRAME_ADMIT, 0, 0);
    pthread_mutex_lock(&channel->lock);
    rv = pyw_outbox_send(&channel->outbox, &piece, 1, -1);
    pthread_mutex_unlock(&channel->lock);
    return rv;
}

int pyw_channel_greet(struct pyw_channel *channel, struct pyw_span payload,
                      const struct pyw_setup *setup)
{
    struct pyw_hello theirs;
    struct pyw_hello ours = {PYW_FRAME_VERSION, PYW_FRAME_VERSION, {0}};
    struct pyw_writer writer;
    bool is_spoken;
    int rv;

    /* Nothing is said to somebody without the secret: our HELLO would tell it. */
    if (pyw_frame_get_hello(payload, &theirs) != 0 ||
        !pyw_frame_is_secret(theirs.secret, setup->secret)) {
        PYW_LOG(pyw_journal_line, NULL, CHANNEL_SECRET, setup->group);
        return -EPROTO;
    }
    is_spoken = theirs.version_low <= PYW_FRAME_VERSION &&
                theirs.version_high >= PYW_FRAME_VERSION;
    memcpy(ours.secret, setup->secret, sizeof(ours.secret));
    pyw_bytes_init(&writer);
    pyw_frame_put_hello(&writer, &ours);
    if (!is_spoken) {
        PYW_LOG(pyw_journal_line, NULL, CHANNEL_VERSION, theirs.version_low,
                theirs.version_high, PYW_FRAME_VERSION);
        pyw_frame_put_reason(&writer, PYW_FRAME_REFUSE, PYW_REFUSE_PROTOCOL);
    }
    rv = send_now(channel, &writer);
    if (rv == 0 && !is_spoken) {
        rv = -EPROTO;
    }
    channel->stage = PYW_STAGE_REQUEST;
    return rv;
}

int pyw_channel_take(struct pyw_channel *channel, const struct pyw_frame *frame,
                     struct pyw_span payload, const struct pyw_setup *setup)
{
    switch (channel->stage) {
    case PYW_STAGE_HELLO:
        if (frame->type == PYW_FRAME_HELLO) {
            return pyw_channel_greet(channel, payload, setup) == 0 ? 1 : -EPROTO;
        }
        break;
    case PYW_STAGE_REQUEST:
        if (frame->type == PYW_FRAME_REQUEST) {
            return 0;
        }
        if (frame->type == PYW_FRAME_ABORT) {
            return 1; /* it crossed the END of the request before */
        }
        break;
    case PYW_STAGE_SKIP:
        if (frame->type == PYW_FRAME_BODY) {
            return 1;
        }
        if (frame->type == PYW_FRAME_BODY_END) {
            channel->stage = PYW_STAGE_REQUEST;
            return 1;
        }
        if (frame->type == PYW_FRAME_ABORT) {
            return -EPIPE; /* no BODY_END will come */
        }
        break;
    }
    PYW_LOG(pyw_journal_line, NULL, CHANNEL_PROTOCOL, pyw_frame_name(frame->type));
    return -EPROTO;
}

/* A new channel's HELLO comes with its first request: that one must be told where to
 * go, too. */
static int take_greeting(struct pyw_channel *channel, const struct pyw_setup *setup)
{
    struct pyw_frame frame;
    struct pyw_span payload;

    if (pyw_inbox_next(&channel->inbox, &frame, &payload) <= 0 ||
        frame.type != PYW_FRAME_HELLO) {
        return -EPROTO;
    }
    return pyw_channel_greet(channel, payload, setup);
}

void pyw_channel_retire(struct pyw_channel *channel, const struct pyw_setup *setup)
{
    bool has_bytes;

    /* From here the child's send fails; what it sent before is still ours to read. */
    (void)shutdown(channel->fd, SHUT_RD);
    has_bytes = !pyw_inbox_is_empty(&channel->inbox) ||
                pyw_inbox_fill(&channel->inbox, MSG_DONTWAIT) > 0;
    if (has_bytes && channel->stage == PYW_STAGE_HELLO &&
        take_greeting(channel, setup) != 0) {
        return;
    }
    /* While SKIP too: a request may be behind the rest of the body. */
    if (has_bytes) {
        (void)pyw_channel_refuse(channel, PYW_REFUSE_DRAINING);
    }
}

void pyw_channel_abandon(struct pyw_channel *channel)
{
    int fd = channel->fd;

    if (fd >= 0) {
        channel->fd = -1;
        channel->inbox.fd = -1;
        channel->outbox.fd = -1;
        close(fd);
    }
}
