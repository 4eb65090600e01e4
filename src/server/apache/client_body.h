/* client_body.h: the request body as it comes out of Apache's input filters.
 *
 * Both modes: the relay reads without blocking, the embedded bridge blocks. Apache
 * worker threads. The first read makes Apache send 100 Continue where the client
 * expects it.
 */
#ifndef PYW_APACHE_CLIENT_BODY_H
#define PYW_APACHE_CLIENT_BODY_H

#include <httpd.h>
#include <util_filter.h>

#include "base/frame.h"

struct pyw_client_body {
    request_rec *r;
    apr_bucket_brigade *brigade; /* read from Apache, not yet given out */
    bool is_over;                /* the whole body was given out */
    int error;                   /* -errno of the first failure; final */
    int status;                  /* the HTTP status that goes with it */
    bool is_logged;              /* what it failed of */
};

/* `has_body` false: nothing is ever read. */
void pyw_client_body_init(struct pyw_client_body *body, request_rec *r, bool has_body);

/* Up to `len` bytes. @return bytes; 0: the end; -EAGAIN (not when blocking): nothing
 * there yet; -EPIPE: the client left, -ETIMEDOUT: it was too slow, -EFBIG: over
 * LimitRequestBody, -EBADMSG: malformed. */
ssize_t pyw_client_body_read(struct pyw_client_body *body, char *buffer, size_t len,
                             bool may_block);

/* The client sent nothing for too long: the next read fails with -ETIMEDOUT. */
void pyw_client_body_give_up(struct pyw_client_body *body);

/* Says in the request's log why the body could not be had, once. */
void pyw_client_body_log_error(struct pyw_client_body *body);

/* The client's socket, or -1 where it has none of its own (HTTP/2 streams). */
int pyw_client_body_socket(const request_rec *r);

/* The ABORT reason for an error of `read`. */
enum pyw_abort pyw_client_body_abort_reason(int error);

#endif
