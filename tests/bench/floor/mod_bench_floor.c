/* The floor of the benchmark: what a request costs in Apache when the answer costs
 * nothing. The same answers as the WSGI applications give, from a bare C handler. */

#include <httpd.h>
#include <http_config.h>
#include <http_core.h>
#include <http_protocol.h>

#define PIECE 65536
#define PIECES 16

static const char zeros[PIECE];

static int send_hello(request_rec *r)
{
    ap_set_content_type(r, "text/plain");
    ap_set_content_length(r, 12);
    ap_rwrite("Hello World!", 12, r);
    return OK;
}

/* A flush after each piece, as a server must that knows not when the next one comes. */
static int send_pieces(request_rec *r)
{
    ap_set_content_type(r, "application/octet-stream");
    for (int i = 0; i < PIECES; i++) {
        if (ap_rwrite(zeros, PIECE, r) < 0 || ap_rflush(r) < 0) {
            break;
        }
    }
    return OK;
}

static int count_body(request_rec *r)
{
    char piece[PIECE];
    apr_off_t total = 0;
    long got = 0;
    int status = ap_setup_client_block(r, REQUEST_CHUNKED_DECHUNK);

    if (status != OK) {
        return status;
    }
    if (ap_should_client_block(r)) {
        while ((got = ap_get_client_block(r, piece, sizeof(piece))) > 0) {
            total += got;
        }
    }
    if (got < 0) {
        return HTTP_BAD_REQUEST;
    }
    ap_set_content_type(r, "text/plain");
    ap_rprintf(r, "%" APR_OFF_T_FMT, total);
    return OK;
}

static int handle(request_rec *r)
{
    if (strcmp(r->handler, "bench-hello") == 0) {
        return send_hello(r);
    }
    if (strcmp(r->handler, "bench-generator") == 0) {
        return send_pieces(r);
    }
    if (strcmp(r->handler, "bench-upload") == 0) {
        return count_body(r);
    }
    return DECLINED;
}

static void register_hooks(apr_pool_t *pool)
{
    (void)pool;
    ap_hook_handler(handle, NULL, NULL, APR_HOOK_MIDDLE);
}

AP_DECLARE_MODULE(bench_floor) = {
    STANDARD20_MODULE_STUFF, NULL, NULL, NULL, NULL, NULL, register_hooks,
    AP_MODULE_FLAG_NONE,
};
