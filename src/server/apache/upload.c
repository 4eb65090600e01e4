#include "apache/upload.h"

#include <errno.h>
#include <poll.h>

#include "apache/log.h"
#include "base/clock.h"
#include "channel/throttle.h"

/* A client that has not said how long its body is, and then is silent for so long, may
 * wait for an answer to what it has sent. */
#define CONVERSATION_MS 2000

/* Of this child: the line would come with each request. */
static struct pyw_throttle no_file;

void pyw_upload_init(struct pyw_upload *upload, request_rec *r, bool has_body,
                     size_t max)
{
    memset(upload, 0, sizeof(*upload));
    pyw_client_body_init(&upload->body, r, has_body);
    pyw_spool_init_growing(&upload->kept, max);
    upload->has_body = has_body;
    upload->has_sent_end = !has_body;
    upload->deadline_ms = PYW_CLOCK_NEVER;
}

void pyw_upload_free(struct pyw_upload *upload)
{
    pyw_spool_free(&upload->kept);
}

void pyw_upload_rewind(struct pyw_upload *upload)
{
    upload->at = 0;
    upload->has_sent_end = !upload->has_body;
    upload->has_sent_abort = false;
    upload->is_client_slow = false;
    upload->may_drop = false;
}

void pyw_upload_await(struct pyw_upload *upload)
{
    upload->deadline_ms =
        pyw_clock_now_ms() + apr_time_as_msec(upload->body.r->server->timeout);
}

/* --- in --- */

static size_t kept_ahead(const struct pyw_upload *upload)
{
    return pyw_spool_size(&upload->kept) - upload->at;
}

static bool has_room(const struct pyw_upload *upload)
{
    return upload->may_drop || pyw_spool_has_room(&upload->kept);
}

bool pyw_upload_is_open(const struct pyw_upload *upload)
{
    if (upload->has_sent_end || upload->has_sent_abort) {
        return false;
    }
    return kept_ahead(upload) > 0 || upload->body.is_over || upload->body.error != 0 ||
           has_room(upload);
}

/* Reads what the client has sent, if there is room for it. @return bytes; 0: the end;
 * as pyw_client_body_read; -ENOBUFS: there is no room. */
static ssize_t read_more(struct pyw_upload *upload)
{
    unsigned char *place;
    size_t room = 0;
    ssize_t got;

    if (upload->body.is_over || upload->body.error != 0) {
        return upload->body.error;
    }
    place = pyw_spool_reserve(&upload->kept, &room);
    if (place == NULL) {
        if (upload->kept.error != 0 && pyw_throttle_may_say(&no_file)) {
            PYW_LOG(pyw_log_request, upload->body.r, UPLOAD_NO_FILE,
                    strerror(upload->kept.error));
        }
        return -ENOBUFS;
    }
    /* By pieces: Apache holds as much again as it is asked for, and keeps that memory
     * as long as the connection. */
    room = room < PYW_SPOOL_MEMORY ? room : PYW_SPOOL_MEMORY;
    got = pyw_client_body_read(&upload->body, (char *)place, room, false);
    if (got > 0) {
        pyw_spool_commit(&upload->kept, (size_t)got);
        pyw_upload_await(upload);
    }
    upload->is_client_slow = got == -EAGAIN;
    return got;
}

/* --- before there is a process --- */

/* @return false: it is silent, and may not be expected to go on. */
static bool wait_for_client(struct pyw_upload *upload, int64_t silent_at_ms)
{
    request_rec *r = upload->body.r;
    struct pollfd client = {.fd = pyw_client_body_socket(r), .events = POLLIN};
    int limit = pyw_clock_until(upload->deadline_ms);
    int look = client.fd < 0 ? PYW_UPLOAD_STREAM_LOOK_MS : PYW_UPLOAD_LOOK_MS;

    upload->has_waited = true;
    /* Whatever it says, the next read finds out more. */
    (void)poll(&client, 1, limit < 0 || limit > look ? look : limit);
    if (pyw_clock_until(upload->deadline_ms) == 0) {
        pyw_client_body_give_up(&upload->body);
    }
    return pyw_clock_until(silent_at_ms) != 0 ||
           apr_table_get(r->headers_in, "Content-Length") != NULL;
}

static int cannot_be_had(const struct pyw_upload *upload)
{
    const struct pyw_client_body *body = &upload->body;

    if (body->error == -EPIPE) {
        PYW_LOG(pyw_log_request, body->r, UPLOAD_LEFT);
    } else {
        /* Below 0, AP_FILTER_ERROR: Apache has answered it already. */
        PYW_LOG(pyw_log_request, body->r, UPLOAD_FAILED, strerror(-body->error),
                body->status > 0 ? body->status : body->r->status);
    }
    return body->status;
}

bool pyw_upload_has_come(struct pyw_upload *upload)
{
    ssize_t got;

    do {
        got = read_more(upload);
    } while (got > 0);
    return got == 0 || got == -ENOBUFS;
}

int pyw_upload_collect(struct pyw_upload *upload)
{
    int64_t silent_at_ms = PYW_CLOCK_NEVER;
    ssize_t got;

    pyw_upload_await(upload);
    do {
        got = read_more(upload);
        if (got > 0) {
            silent_at_ms = PYW_CLOCK_NEVER;
        } else if (got == -EAGAIN) {
            if (silent_at_ms == PYW_CLOCK_NEVER) {
                silent_at_ms = pyw_clock_now_ms() + CONVERSATION_MS;
            }
            if (!wait_for_client(upload, silent_at_ms)) {
                break;
            }
        }
    } while (got > 0 || got == -EAGAIN);
    return upload->body.error != 0 ? cannot_be_had(upload) : OK;
}

/* --- out --- */

static int put_body(struct pyw_upload *upload, struct iovec *pieces)
{
    struct pyw_span found;
    int rv;

    if (upload->scratch == NULL && upload->kept.fd >= 0) {
        upload->scratch = apr_palloc(upload->body.r->pool, PYW_FRAME_CHUNK);
    }
    rv = pyw_spool_look(&upload->kept, upload->at, upload->scratch, PYW_FRAME_CHUNK,
                        &found);
    if (rv != 0) {
        return rv;
    }
    upload->at += found.len;
    pyw_frame_pack(upload->frame_head, PYW_FRAME_BODY, 0, found.len);
    pieces[0] = (struct iovec){upload->frame_head, sizeof(upload->frame_head)};
    pieces[1] = (struct iovec){(char *)(uintptr_t)found.data, found.len};
    return 2;
}

/* BODY_END, or ABORT where the body has no good end: the application is told why, and
 * goes on. */
static int put_end(struct pyw_upload *upload, struct iovec *piece)
{
    size_t len = PYW_FRAME_HEADER_LEN;

    if (upload->body.is_over) {
        pyw_frame_pack(upload->frame_end, PYW_FRAME_BODY_END, 0, 0);
        upload->has_sent_end = true;
    } else {
        pyw_frame_pack(upload->frame_end, PYW_FRAME_ABORT, 0, 1);
        upload->frame_end[len++] =
            (unsigned char)pyw_client_body_abort_reason(upload->body.error);
        upload->has_sent_abort = true;
    }
    *piece = (struct iovec){upload->frame_end, len};
    return 1;
}

int pyw_upload_next(struct pyw_upload *upload, struct iovec pieces[PYW_UPLOAD_PIECES])
{
    int count = 0;

    upload->is_client_slow = false;
    if (kept_ahead(upload) == 0) {
        if (upload->may_drop) {
            pyw_spool_drop(&upload->kept, upload->at);
            upload->at = 0;
        }
        if (read_more(upload) == -ENOBUFS && has_room(upload)) {
            return -ENOMEM;
        }
    }
    if (upload->body.error != 0) {
        pyw_client_body_log_error(&upload->body);
    }
    if (kept_ahead(upload) > 0) {
        count = put_body(upload, pieces);
        if (count < 0) {
            return count;
        }
    }
    if (kept_ahead(upload) == 0 && (upload->body.is_over || upload->body.error != 0)) {
        count += put_end(upload, pieces + count);
    }
    return count;
}
