#include "apache/reply.h"

#include <apr_portable.h>
#include <apr_strings.h>
#include <apu_version.h>
#include <errno.h>
#include <fcntl.h>
#include <http_core.h>
#include <http_protocol.h>
#include <http_request.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "apache/conf.h"
#include "apache/hints.h"
#include "apache/log.h"
#include "apache/ranges.h"
#include "apache/timeout_page.h"

/* A file goes in such pieces where it is not sent by sendfile(2). */
#define FILE_READ_SIZE (32 * 1024)
#define HAS_FILE_READ_SIZE                                                             \
    (APU_MAJOR_VERSION == 1 &&                                                         \
     (APU_MINOR_VERSION > 6 || (APU_MINOR_VERSION == 6 && APU_PATCH_VERSION >= 3)))

/* WSGIEnableSendfile; where it says nothing, all but an `EnableSendfile Off`. */
static bool may_sendfile(const request_rec *r)
{
    const core_dir_config *core = ap_get_core_module_config(r->per_dir_config);
    int own = pyw_conf_dir(r)->enable_sendfile;

    return own == PYW_UNSET ? core->enable_sendfile != ENABLE_SENDFILE_OFF
                            : own == PYW_ON;
}

/* WSGIErrorOverride, but for a page that is itself an ErrorDocument: in its place,
 * Apache could only say that there was another error. */
static bool has_override(const request_rec *r)
{
    return pyw_conf_dir(r)->error_override == PYW_ON &&
           (r->prev == NULL || !ap_is_HTTP_ERROR(r->prev->status));
}

void pyw_reply_init(struct pyw_reply *reply, request_rec *r)
{
    reply->r = r;
    reply->capture = NULL;
    reply->brigade = apr_brigade_create(r->pool, r->connection->bucket_alloc);
    reply->has_head = false;
    reply->hint_count = 0;
    reply->is_settled = false;
    reply->is_file = false;
    reply->has_override = has_override(r);
    reply->overridden = 0;
    reply->is_over = false;
    reply->is_early = false;
    reply->error_status = HTTP_INTERNAL_SERVER_ERROR;
    reply->declared = -1;
    reply->sent = 0;
}

/* --- head
 * ------------------------------------------------------------------------------------
 */

/* RFC 9110 5.6.2: one bit a character. */
static const uint32_t token_characters[] = {0, 0x03ff6cfa, 0xc7fffffe, 0x57ffffff};

static bool is_token(struct pyw_span text)
{
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.data[i];

        if (c >= 0x80 || (token_characters[c / 32] >> c % 32 & 1) == 0) {
            return false;
        }
    }
    return text.len > 0;
}

/* No byte that could end a header line or a C string, nor any other control character:
 * Apache itself would answer 500 then, later and with less to say. */
static bool is_line(struct pyw_span text)
{
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.data[i];

        if ((c < ' ' && c != '\t') || c == 0x7f) {
            return false;
        }
    }
    return true;
}

/* RFC 9110 7.6.1: they concern one connection, and the connection is Apache's. */
static bool is_hop_by_hop(struct pyw_span name)
{
    static const struct pyw_span names[] = {
        {"Connection", 10}, {"Keep-Alive", 10}, {"Proxy-Connection", 16}, {"TE", 2},
        {"Trailer", 7},     {"Upgrade", 7},     {"Transfer-Encoding", 17}};

    return pyw_bytes_is_among(names, sizeof(names) / sizeof(names[0]), name);
}

static const char *check_header(const struct pyw_header *header)
{
    if (!is_token(header->name)) {
        return "a header name is empty or has a forbidden character";
    }
    if (!is_line(header->value)) {
        return "a header value has a line break or another control character";
    }
    return NULL;
}

static void set_header(request_rec *r, const struct pyw_header *header)
{
    const char *name = apr_pstrmemdup(r->pool, header->name.data, header->name.len);
    const char *value = apr_pstrmemdup(r->pool, header->value.data, header->value.len);

    if (is_hop_by_hop(header->name) || strcasecmp(name, "Content-Length") == 0) {
        return; /* the length comes as a number in the head */
    }
    if (strcasecmp(name, "Content-Type") == 0) {
        ap_set_content_type(r, value);
        return;
    }
    apr_table_addn(r->headers_out, name, value);
}

static const char *check_head(const struct pyw_reply_head *head)
{
    if (head->status < 200 || head->status > 999) {
        return "its status is not a final HTTP status";
    }
    if (!is_line(head->reason)) {
        return "its reason phrase has a line break or another control character";
    }
    for (size_t i = 0; i < head->header_count; i++) {
        const char *why = check_header(&head->headers[i]);

        if (why != NULL) {
            return why;
        }
    }
    return NULL;
}

/* Apache's page of a 405 has an Allow of its own making. */
static void keep_allow(request_rec *r, char *methods)
{
    char *state = NULL;
    char *method;

    for (method = apr_strtok(methods, ", ", &state); method != NULL;
         method = apr_strtok(NULL, ", ", &state)) {
        ap_allow_methods(r, MERGE_ALLOW, method, NULL);
    }
}

/* WSGIErrorOverride: the page will be Apache's; of the application's head only what the
 * status needs to mean anything is kept. */
static void override_head(struct pyw_reply *reply, const struct pyw_reply_head *head)
{
    static const char *const kept[] = {"Retry-After", "Set-Cookie", "WWW-Authenticate"};
    request_rec *r = reply->r;

    reply->overridden = head->status;
    for (size_t i = 0; i < head->header_count; i++) {
        const struct pyw_header *header = &head->headers[i];
        char *name = apr_pstrmemdup(r->pool, header->name.data, header->name.len);
        char *value = apr_pstrmemdup(r->pool, header->value.data, header->value.len);

        for (size_t j = 0; j < sizeof(kept) / sizeof(kept[0]); j++) {
            if (strcasecmp(name, kept[j]) == 0) {
                apr_table_addn(r->err_headers_out, name, value);
            }
        }
        if (head->status == HTTP_METHOD_NOT_ALLOWED && strcasecmp(name, "Allow") == 0) {
            keep_allow(r, value);
        }
    }
}

/* Apache's own text where it is the same. */
static const char *status_line(request_rec *r, const struct pyw_reply_head *head)
{
    const char *usual = ap_get_status_line((int)head->status);

    if (strtoul(usual, NULL, 10) == head->status && strlen(usual) > 4 &&
        pyw_bytes_is_equal(head->reason, usual + 4)) {
        return usual;
    }
    return apr_psprintf(r->pool, "%u %.*s", head->status, (int)head->reason.len,
                        head->reason.data);
}

static void use_head(request_rec *r, const struct pyw_reply_head *head)
{
    r->status = head->status;
    if (head->reason.len > 0) {
        r->status_line = status_line(r, head);
    }
    for (size_t i = 0; i < head->header_count; i++) {
        set_header(r, &head->headers[i]);
    }
    if (head->content_length >= 0) {
        ap_set_content_length(r, head->content_length);
    }
}

int pyw_reply_set_head(struct pyw_reply *reply, const struct pyw_reply_head *head,
                       const char **why)
{
    *why = reply->has_head ? "it is a second one" : check_head(head);
    if (*why == NULL && reply->capture != NULL && head->status != HTTP_OK) {
        *why = "it is no answer to a question of the server's own";
    }
    if (*why != NULL) {
        return -EPROTO;
    }
    reply->has_head = true;
    reply->declared = head->content_length;
    if (reply->capture != NULL) {
        return 0;
    }
    if (reply->has_override && ap_is_HTTP_ERROR(head->status)) {
        override_head(reply, head);
    } else {
        use_head(reply->r, head);
    }
    return 0;
}

int pyw_reply_inform(struct pyw_reply *reply, const struct pyw_reply_head *head,
                     const char **why)
{
    request_rec *r = reply->r;
    apr_table_t *headers = apr_table_make(r->pool, (int)head->header_count);

    *why = ++reply->hint_count > PYW_HEAD_MAX_HINTS ? "there are too many" : NULL;
    for (size_t i = 0; *why == NULL && i < head->header_count; i++) {
        const struct pyw_header *header = &head->headers[i];
        const char *name;

        *why = check_header(header);
        name = apr_pstrmemdup(r->pool, header->name.data, header->name.len);
        if (!is_hop_by_hop(header->name) && strcasecmp(name, "Content-Length") != 0) {
            apr_table_addn(
                headers, name,
                apr_pstrmemdup(r->pool, header->value.data, header->value.len));
        }
    }
    if (*why != NULL) {
        return -EPROTO;
    }
    if (!reply->has_head && !reply->is_over && pyw_hints_are_wanted(r)) {
        pyw_hints_send(r, headers);
    }
    return 0;
}

/* --- body
 * ------------------------------------------------------------------------------------
 */

/* Counts body in. @return 0 or -EPROTO. */
static int count_body(struct pyw_reply *reply, uint64_t length)
{
    if (!reply->has_head || length > (uint64_t)(INT64_MAX - reply->sent)) {
        return -EPROTO;
    }
    if (reply->declared >= 0 && length > (uint64_t)(reply->declared - reply->sent)) {
        return -EPROTO;
    }
    reply->sent += (int64_t)length;
    return 0;
}

static void append(struct pyw_reply *reply, apr_bucket *bucket)
{
    if (reply->overridden != 0) {
        apr_bucket_destroy(bucket);
        return;
    }
    APR_BRIGADE_INSERT_TAIL(reply->brigade, bucket);
}

static apr_bucket_alloc_t *buckets(const struct pyw_reply *reply)
{
    return reply->r->connection->bucket_alloc;
}

static int keep(struct pyw_capture *capture, const char *data, size_t len)
{
    if (len > capture->max - capture->body.len) {
        return -EPROTO;
    }
    pyw_bytes_put(&capture->body, data, len);
    return capture->body.failed ? -EPROTO : 0;
}

int pyw_reply_add_data(struct pyw_reply *reply, const char *data, size_t len)
{
    int rv = count_body(reply, len);

    if (rv == 0 && reply->capture != NULL) {
        return keep(reply->capture, data, len);
    }
    if (rv == 0 && len > 0) {
        append(reply, apr_bucket_transient_create(data, len, buckets(reply)));
    }
    return rv;
}

/* A stretch that lies within a regular file: anything else would block or lie about its
 * length. */
static bool is_within_file(int fd, uint64_t offset, uint64_t length)
{
    struct stat about;

    return fstat(fd, &about) == 0 && S_ISREG(about.st_mode) &&
           offset <= (uint64_t)about.st_size &&
           length <= (uint64_t)about.st_size - offset;
}

int pyw_reply_insert_file(request_rec *r, apr_bucket_brigade *brigade, int fd,
                          uint64_t offset, uint64_t length)
{
    apr_int32_t flags =
        APR_FOPEN_READ | (may_sendfile(r) ? APR_FOPEN_SENDFILE_ENABLED : 0);
    apr_file_t *borrowed = NULL;
    apr_file_t *file = NULL;
    apr_os_file_t os_file = fd;
    apr_bucket *bucket;
    apr_status_t rv = apr_os_file_put(&borrowed, &os_file, flags, r->pool);

    /* APR never closes a descriptor that it was given once Apache has set the file
     * aside for a slow client; a duplicate of its own it does. */
    if (rv == APR_SUCCESS) {
        rv = apr_file_dup(&file, borrowed, r->pool);
    }
    close(fd);
    if (rv != APR_SUCCESS || apr_os_file_get(&os_file, file) != APR_SUCCESS) {
        return -EPROTO;
    }
    (void)fcntl(os_file, F_SETFD, FD_CLOEXEC); /* dup(2) cleared it */
    bucket = apr_brigade_insert_file(brigade, file, (apr_off_t)offset,
                                     (apr_off_t)length, r->pool);
    /* Never mapped: its owner may truncate it meanwhile, and a read behind the end of a
     * mapped file ends the process that reads. */
    (void)apr_bucket_file_enable_mmap(bucket, 0);
#if HAS_FILE_READ_SIZE
    (void)apr_bucket_file_set_buf_size(bucket, FILE_READ_SIZE);
#endif
    return 0;
}

int pyw_reply_add_file(struct pyw_reply *reply, int fd, uint64_t offset,
                       uint64_t length)
{
    if (reply->capture != NULL || !is_within_file(fd, offset, length) ||
        count_body(reply, length) != 0) {
        close(fd);
        return -EPROTO;
    }
    if (reply->overridden != 0) {
        close(fd);
        return 0;
    }
    reply->is_file = length == (uint64_t)reply->declared;
    return pyw_reply_insert_file(reply->r, reply->brigade, fd, offset, length);
}

bool pyw_reply_has_unpushed(const struct pyw_reply *reply)
{
    return !APR_BRIGADE_EMPTY(reply->brigade);
}

int pyw_reply_push(struct pyw_reply *reply, bool flush)
{
    request_rec *r = reply->r;
    apr_status_t rv;

    if (reply->capture != NULL) {
        return 0;
    }
    if (flush) {
        append(reply, apr_bucket_flush_create(buckets(reply)));
    }
    if (APR_BRIGADE_EMPTY(reply->brigade)) {
        return 0;
    }
    if (!reply->is_settled) {
        reply->is_settled = true;
        pyw_ranges_settle(r, reply->is_file);
    }
    rv = ap_pass_brigade(r->output_filters, reply->brigade);
    apr_brigade_cleanup(reply->brigade);
    return rv != APR_SUCCESS || r->connection->aborted ? -EPIPE : 0;
}

/* --- end
 * -------------------------------------------------------------------------------------
 */

/* Where only the end of the connection tells the client that the body is complete, an
 * ordinary close would pass a part for the whole: the connection is reset instead. */
static void reset_on_close(request_rec *r)
{
    apr_socket_t *socket =
        r->connection->master == NULL ? ap_get_conn_socket(r->connection) : NULL;
    struct linger now = {.l_onoff = 1, .l_linger = 0};
    apr_os_sock_t fd;

    if (socket != NULL && apr_os_sock_get(&fd, socket) == APR_SUCCESS) {
        /* Where it fails the client has gone already. */
        (void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
    }
}

static int finish(struct pyw_reply *reply)
{
    reply->is_over = true;
    if (reply->overridden != 0) {
        return reply->overridden;
    }
    append(reply, apr_bucket_eos_create(buckets(reply)));
    /* A client that left needs no answer. One that is still sending gets it before
     * Apache reads the rest of its body. */
    (void)pyw_reply_push(reply, reply->is_early);
    return OK;
}

static bool is_bodyless(const struct pyw_reply *reply)
{
    return reply->r->header_only || reply->r->status == HTTP_NO_CONTENT ||
           reply->r->status == HTTP_NOT_MODIFIED;
}

/* Ends a response whose head is out so that the client sees that it is cut: no last
 * chunk, a reset HTTP/2 stream, a closed connection. One that has no body is whole with
 * its head. */
static int cut(struct pyw_reply *reply)
{
    request_rec *r = reply->r;
    conn_rec *c = r->connection;

    if (is_bodyless(reply)) {
        return finish(reply);
    }
    /* What was produced up to here still goes out: a part that is seen to be one. */
    (void)pyw_reply_push(reply, true);
    reply->is_over = true;
    c->keepalive = AP_CONN_CLOSE;
    /* The chunk filter takes this bucket as the sign to leave the last chunk out. */
    append(reply,
           ap_bucket_error_create(HTTP_BAD_GATEWAY, NULL, r->pool, buckets(reply)));
    append(reply, apr_bucket_flush_create(buckets(reply)));
    (void)ap_pass_brigade(r->output_filters, reply->brigade);
    apr_brigade_cleanup(reply->brigade);
    if (!r->chunked && apr_table_get(r->headers_out, "Content-Length") == NULL) {
        reset_on_close(r);
    }
    c->aborted = 1;
    return OK;
}

int pyw_reply_fail(struct pyw_reply *reply, int status)
{
    if (reply->is_over) {
        return OK;
    }
    if (reply->has_head && reply->overridden == 0 && reply->capture == NULL) {
        return cut(reply);
    }
    reply->is_over = true;
    if (status == HTTP_GATEWAY_TIME_OUT && reply->capture == NULL) {
        pyw_timeout_page_set(reply->r);
    }
    return status;
}

static int end_capture(struct pyw_reply *reply, enum pyw_outcome outcome)
{
    struct pyw_capture *capture = reply->capture;

    reply->is_over = true;
    capture->is_complete = outcome == PYW_OUTCOME_OK && reply->has_head &&
                           (reply->declared < 0 || reply->sent == reply->declared);
    capture->outcome = (int)outcome;
    return capture->is_complete ? OK : HTTP_INTERNAL_SERVER_ERROR;
}

int pyw_reply_end(struct pyw_reply *reply, enum pyw_outcome outcome)
{
    if (reply->capture != NULL) {
        return end_capture(reply, outcome);
    }
    if (outcome == PYW_OUTCOME_OK && reply->has_head && !reply->is_over) {
        if (reply->declared >= 0 && reply->sent < reply->declared &&
            reply->overridden == 0 && !is_bodyless(reply)) {
            return cut(reply);
        }
        return finish(reply);
    }
    if (outcome == PYW_OUTCOME_GONE) {
        reply->r->connection->aborted = 1;
        return pyw_reply_fail(reply, OK);
    }
    return pyw_reply_fail(reply, outcome == PYW_OUTCOME_TIMEOUT ? HTTP_GATEWAY_TIME_OUT
                                                                : reply->error_status);
}
