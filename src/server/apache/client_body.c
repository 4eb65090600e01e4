#include "apache/client_body.h"

#include <apr_portable.h>
#include <errno.h>
#include <http_core.h>
#include <http_protocol.h>

#include "apache/log.h"

void pyw_client_body_init(struct pyw_client_body *body, request_rec *r, bool has_body)
{
    body->r = r;
    body->brigade = NULL;
    body->is_over = !has_body;
    body->error = 0;
    body->status = OK;
    body->is_logged = false;
}

enum pyw_abort pyw_client_body_abort_reason(int error)
{
    switch (error) {
    case -ETIMEDOUT:
        return PYW_ABORT_TIMEOUT;
    case -EFBIG:
        return PYW_ABORT_TOO_LARGE;
    case -EBADMSG:
        return PYW_ABORT_BAD_BODY;
    default:
        return PYW_ABORT_CLIENT_GONE;
    }
}

static ssize_t fail(struct pyw_client_body *body, int error, int status)
{
    body->error = error;
    body->status = status;
    return error;
}

int pyw_client_body_socket(const request_rec *r)
{
    apr_socket_t *socket =
        r->connection->master == NULL ? ap_get_conn_socket(r->connection) : NULL;
    apr_os_sock_t fd;

    return socket != NULL && apr_os_sock_get(&fd, socket) == APR_SUCCESS ? fd : -1;
}

void pyw_client_body_log_error(struct pyw_client_body *body)
{
    if (body->is_logged) {
        return;
    }
    body->is_logged = true;
    if (body->error == -EPIPE) {
        PYW_LOG(pyw_log_request, body->r, CLIENT_LEFT);
    } else {
        PYW_LOG(pyw_log_request, body->r, BODY_FAILED, strerror(-body->error),
                body->status);
    }
}

void pyw_client_body_give_up(struct pyw_client_body *body)
{
    (void)fail(body, -ETIMEDOUT, HTTP_REQUEST_TIME_OUT);
}

static ssize_t fail_with(struct pyw_client_body *body, apr_status_t rv)
{
    int status = ap_map_http_request_error(rv, HTTP_BAD_REQUEST);

    if (APR_STATUS_IS_TIMEUP(rv)) {
        return fail(body, -ETIMEDOUT, HTTP_REQUEST_TIME_OUT);
    }
    if (rv == APR_ENOSPC || status == HTTP_REQUEST_ENTITY_TOO_LARGE) {
        return fail(body, -EFBIG, HTTP_REQUEST_ENTITY_TOO_LARGE);
    }
    if (body->r->connection->aborted || APR_STATUS_IS_EOF(rv) ||
        APR_STATUS_IS_ECONNRESET(rv) || APR_STATUS_IS_EPIPE(rv) ||
        APR_STATUS_IS_ECONNABORTED(rv) || rv == APR_INCOMPLETE) {
        return fail(body, -EPIPE, HTTP_BAD_REQUEST);
    }
    return fail(body, -EBADMSG, status);
}

/* Reads more into the brigade. @return 0 or as pyw_client_body_read. */
static ssize_t refill(struct pyw_client_body *body, size_t len, bool may_block)
{
    request_rec *r = body->r;
    apr_status_t rv;

    if (r->connection->aborted) {
        return fail(body, -EPIPE, HTTP_BAD_REQUEST);
    }
    if (body->brigade == NULL) {
        body->brigade = apr_brigade_create(r->pool, r->connection->bucket_alloc);
    }
    rv = ap_get_brigade(r->input_filters, body->brigade, AP_MODE_READBYTES,
                        may_block ? APR_BLOCK_READ : APR_NONBLOCK_READ, (apr_off_t)len);
    if (rv == APR_SUCCESS && APR_BRIGADE_EMPTY(body->brigade)) {
        return may_block ? fail(body, -EPIPE, HTTP_BAD_REQUEST) : -EAGAIN;
    }
    if (rv != APR_SUCCESS && !may_block && APR_STATUS_IS_EAGAIN(rv)) {
        return -EAGAIN;
    }
    return rv == APR_SUCCESS ? 0 : fail_with(body, rv);
}

/* Takes bytes of the first bucket. @return bytes; 0: the bucket had none and is gone.
 */
static ssize_t take(struct pyw_client_body *body, char *buffer, size_t len,
                    bool may_block)
{
    apr_bucket *bucket = APR_BRIGADE_FIRST(body->brigade);
    const char *data;
    apr_size_t size;
    apr_status_t rv;

    if (APR_BUCKET_IS_EOS(bucket)) {
        body->is_over = true;
        apr_brigade_cleanup(body->brigade);
        return 0;
    }
    if (APR_BUCKET_IS_METADATA(bucket)) {
        apr_bucket_delete(bucket);
        return 0;
    }
    rv = apr_bucket_read(bucket, &data, &size,
                         may_block ? APR_BLOCK_READ : APR_NONBLOCK_READ);
    if (rv != APR_SUCCESS) {
        return !may_block && APR_STATUS_IS_EAGAIN(rv) ? -EAGAIN : fail_with(body, rv);
    }
    if (size > len) {
        apr_bucket_split(bucket, len);
        size = len;
    }
    memcpy(buffer, data, size);
    apr_bucket_delete(bucket);
    return (ssize_t)size;
}

ssize_t pyw_client_body_read(struct pyw_client_body *body, char *buffer, size_t len,
                             bool may_block)
{
    size_t taken = 0;

    if (body->error != 0) {
        return body->error;
    }
    while (taken < len && !body->is_over) {
        /* What has been read goes out before anything is waited for. */
        bool waits = may_block && taken == 0;
        ssize_t got;

        if (body->brigade == NULL || APR_BRIGADE_EMPTY(body->brigade)) {
            got = refill(body, len - taken, waits);
        } else {
            got = take(body, buffer + taken, len - taken, waits);
        }
        if (got < 0) {
            return taken > 0 ? (ssize_t)taken : got;
        }
        taken += (size_t)got;
    }
    return (ssize_t)taken;
}
