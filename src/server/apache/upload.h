/* upload.h: the request body on its way from the client to a process: what has come of
 * it is kept from its first byte on until an answer begins, so that it can go to
 * another process, and cut into frames.
 *
 * Apache worker threads; part of a relay, for one request over one or more tries.
 */
#ifndef PYW_APACHE_UPLOAD_H
#define PYW_APACHE_UPLOAD_H

#include <httpd.h>
#include <sys/uio.h>

#include "apache/client_body.h"
#include "base/spool.h"

/* While only the client can move things on, its filters are asked again this often:
 * that is how mod_reqtimeout gets to say that it is too slow. */
#define PYW_UPLOAD_LOOK_MS 1000
/* HTTP/2 streams have no descriptor of their own to wait on. */
#define PYW_UPLOAD_STREAM_LOOK_MS 10

/* BODY's header and bytes, and BODY_END or ABORT. */
#define PYW_UPLOAD_PIECES 3

struct pyw_upload {
    struct pyw_client_body body;
    struct pyw_spool kept; /* what has come, of that `at` bytes were given out in this
                              try */
    size_t at;
    unsigned char *scratch; /* of the request's pool; NULL: none yet */
    unsigned char frame_head[PYW_FRAME_HEADER_LEN];
    unsigned char frame_end[PYW_FRAME_HEADER_LEN + 1];
    bool has_body;
    bool may_drop;       /* an answer has begun: what was given out is kept no longer */
    bool has_sent_end;   /* BODY_END was given out, or there is no body */
    bool has_sent_abort; /* ABORT was */
    bool is_client_slow; /* the last read of the body had nothing */
    bool has_waited;     /* `collect` waited for the client */
    int64_t deadline_ms; /* for the client to send more */
};

/* Keeps up to `max` bytes. */
void pyw_upload_init(struct pyw_upload *upload, request_rec *r, bool has_body,
                     size_t max);
void pyw_upload_free(struct pyw_upload *upload); /* idempotent */

/* Reads what has come of the body, without waiting. @return true: it is there, or as
 * much as is kept. */
bool pyw_upload_has_come(struct pyw_upload *upload);
/* Reads it until it is there, or as much as is kept. @return OK; the HTTP status where
 * it cannot be had, which has been logged. */
int pyw_upload_collect(struct pyw_upload *upload);

/* The next try begins with the first byte. */
void pyw_upload_rewind(struct pyw_upload *upload);

/* There may be more to give out: there is a body, whose end was not, nor that it has
 * none, and there is room for what comes of it. */
bool pyw_upload_is_open(const struct pyw_upload *upload);

/* Gives out the next frames, with what the client has sent without waiting for it; the
 * bytes stay put until the next call. @return how many pieces; 0: nothing is there;
 * -errno: it cannot go on. */
int pyw_upload_next(struct pyw_upload *upload, struct iovec pieces[PYW_UPLOAD_PIECES]);

/* The client is expected to go on with its body. */
void pyw_upload_await(struct pyw_upload *upload);

#endif
