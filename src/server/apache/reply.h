/* reply.h: the response on its way into Apache's output filters, the same for both
 * modes. What comes from a daemon process is treated as hostile: a head is checked
 * before any of it is used.
 *
 * Apache worker threads; owned by the relay or the bridge, for one request.
 */
#ifndef PYW_APACHE_REPLY_H
#define PYW_APACHE_REPLY_H

#include <httpd.h>
#include <util_filter.h>

#include "base/bytes.h"
#include "base/frame.h"
#include "base/head.h"

/* Where a response is for the server itself, the answer of a script that decides
 * (apache/decide): it is kept here, and neither the request nor the client sees any of
 * it. */
struct pyw_capture {
    struct pyw_writer body; /* the owner's to free */
    size_t max;             /* bytes of body; more break the response */
    bool is_complete;       /* a 200 that came to its end */
    int outcome;            /* enum pyw_outcome; -1: it came to none */
};

struct pyw_reply {
    request_rec *r;
    struct pyw_capture *capture; /* NULL: the response is the client's */
    apr_bucket_brigade *brigade; /* added, not yet pushed */
    bool has_head;
    unsigned hint_count;
    bool is_settled;   /* pyw_ranges_settle has been called */
    bool is_file;      /* a file is the whole body */
    bool has_override; /* WSGIErrorOverride */
    int overridden;    /* the application's status, for Apache's own page; 0: none */
    bool is_over;      /* finished or cut */
    bool is_early;     /* the request body has not been read to its end */
    int error_status;  /* for an application that fails before a head: 500, or what was
                          wrong with the request body */
    int64_t declared;  /* Content-Length, -1 when not declared */
    int64_t sent;      /* bytes of body added */
};

void pyw_reply_init(struct pyw_reply *reply, request_rec *r);

/* Passes 103 Early Hints on, where the client is to see them and it is not too late.
 * @return 0; -EPROTO: it must not go out, `why` says why. */
int pyw_reply_inform(struct pyw_reply *reply, const struct pyw_reply_head *head,
                     const char **why);

/* Checks the head and makes it the response's. @return 0; -EPROTO: it must not go out,
 * `why` says why. */
int pyw_reply_set_head(struct pyw_reply *reply, const struct pyw_reply_head *head,
                       const char **why);

/* Adds body; `data` stays valid until the next push. @return 0; -EPROTO: no head, or
 * more than declared. */
int pyw_reply_add_data(struct pyw_reply *reply, const char *data, size_t len);
/* The same from a file; takes the descriptor over, in every case. */
int pyw_reply_add_file(struct pyw_reply *reply, int fd, uint64_t offset,
                       uint64_t length);

/* Adds a stretch of a file to a brigade; takes the descriptor over, in every case.
 * @return 0 or -EPROTO. */
int pyw_reply_insert_file(request_rec *r, apr_bucket_brigade *brigade, int fd,
                          uint64_t offset, uint64_t length);

bool pyw_reply_has_unpushed(const struct pyw_reply *reply);

/* Passes what was added to the client. @return 0; -EPIPE: the client has gone. */
int pyw_reply_push(struct pyw_reply *reply, bool flush);

/* Ends the response according to how the request ended. @return what the handler
 * returns to Apache: OK, or the status of an error page where no head was sent. */
int pyw_reply_end(struct pyw_reply *reply, enum pyw_outcome outcome);

/* The same where something on our side failed: `status` is used if no head was sent,
 * else it is cut. */
int pyw_reply_fail(struct pyw_reply *reply, int status);

#endif
