#include "apache/outflow.h"

#include <errno.h>
#include <fcntl.h>
#include <http_core.h>
#include <stdlib.h>
#include <unistd.h>
#include <util_filter.h>

#include "apache/log.h"
#include "apache/reply.h"
#include "base/clock.h"
#include "base/spool.h"
#include "channel/throttle.h"

/* Of what is in memory Apache's last filter gets so much at a time: from 64 KiB on
 * (FlushMaxThreshold) it waits for the client. */
#define PASSED_MAX (48 * 1024)
/* What is less is not worth a write of its own. */
#define PASSED_LOW (8 * 1024)
#define PIECE (32 * 1024)
/* What may come in one go, filters between included, when there was room. */
#define SLACK (256 * 1024)

struct pyw_outflow {
    ap_filter_t *filter;
    request_rec *r;              /* whose response passes; NULL: none that matters */
    apr_bucket_brigade *brigade; /* about to be passed */
    struct pyw_spool spool;
    size_t max;
    size_t passed;       /* bytes of memory that Apache's last filter has, at most */
    bool is_blocked;     /* the client took less than there was */
    int64_t timeout_ms;  /* of a write to the socket; PYW_CLOCK_NEVER */
    int64_t deadline_ms; /* for the client to take more */
};

static ap_filter_rec_t *filter_record;
/* Of this child: the line would come with each response. */
static struct pyw_throttle no_file;

static conn_rec *connection_of(const struct pyw_outflow *outflow)
{
    return outflow->filter->c;
}

/* --- on to Apache's last filter --- */

static apr_status_t settle(struct pyw_outflow *outflow, apr_status_t rv)
{
    conn_rec *c = connection_of(outflow);

    if (rv != APR_SUCCESS) {
        c->aborted = 1;
    }
    if (c->aborted) {
        return rv != APR_SUCCESS ? rv : APR_ECONNABORTED;
    }
    if (!c->data_in_output_filters) {
        outflow->passed = 0;
    }
    return APR_SUCCESS;
}

/* Passes what has been gathered; Apache writes what the client takes at once. */
static apr_status_t pass_on(struct pyw_outflow *outflow)
{
    apr_status_t rv;

    if (APR_BRIGADE_EMPTY(outflow->brigade)) {
        return APR_SUCCESS;
    }
    rv = ap_pass_brigade(outflow->filter->next, outflow->brigade);
    apr_brigade_cleanup(outflow->brigade);
    return settle(outflow, rv);
}

/* Has Apache write what it has, as far as the client takes it: without a brigade its
 * last filter does that, as the MPM asks of it between requests. */
static apr_status_t press(struct pyw_outflow *outflow)
{
    conn_rec *c = connection_of(outflow);
    ap_filter_t *last = outflow->filter->next;
    apr_status_t rv = APR_SUCCESS;

    while (last->next != NULL) {
        last = last->next;
    }
    if (c->data_in_output_filters) {
        rv = last->frec->filter_func.out_func(last, NULL);
    }
    rv = settle(outflow, rv);
    outflow->is_blocked = c->data_in_output_filters != 0;
    if (outflow->is_blocked && outflow->timeout_ms != PYW_CLOCK_NEVER) {
        outflow->deadline_ms = pyw_clock_now_ms() + outflow->timeout_ms;
    }
    return rv;
}

static void gather(struct pyw_outflow *outflow, apr_bucket *bucket)
{
    APR_BUCKET_REMOVE(bucket);
    APR_BRIGADE_INSERT_TAIL(outflow->brigade, bucket);
}

static apr_bucket_alloc_t *buckets(const struct pyw_outflow *outflow)
{
    return connection_of(outflow)->bucket_alloc;
}

static void gather_memory(struct pyw_outflow *outflow, unsigned char *memory,
                          size_t len)
{
    APR_BRIGADE_INSERT_TAIL(
        outflow->brigade,
        apr_bucket_heap_create((char *)memory, len, free, buckets(outflow)));
    outflow->passed += len;
}

/* What is in the spool, as buckets. @return -EIO: not all of it. */
static int gather_spool(struct pyw_outflow *outflow)
{
    struct pyw_spool *spool = &outflow->spool;
    struct pyw_spool_range ranges[2];
    unsigned char *memory;
    size_t count;
    size_t len;

    if (spool->filled > 0 && outflow->passed + spool->filled > PASSED_MAX) {
        (void)pyw_spool_spill(spool); /* Apache may have to wait then */
    }
    count = pyw_spool_ranges(spool, ranges);
    for (size_t i = 0; i < count; i++) {
        int fd = i + 1 < count ? fcntl(spool->fd, F_DUPFD_CLOEXEC, 0) : spool->fd;

        spool->fd = fd == spool->fd ? -1 : spool->fd; /* it goes with the last */
        if (fd < 0 || pyw_reply_insert_file(outflow->r, outflow->brigade, fd,
                                            ranges[i].offset, ranges[i].length) != 0) {
            return -EIO;
        }
    }
    memory = pyw_spool_take_memory(spool, &len);
    if (memory != NULL) {
        gather_memory(outflow, memory, len);
    }
    pyw_spool_free(spool);
    return 0;
}

/* @return also APR_EGENERAL: what was held is lost, and that is logged. */
static apr_status_t hand_over(struct pyw_outflow *outflow)
{
    if (connection_of(outflow)->aborted) {
        return APR_ECONNABORTED;
    }
    if (gather_spool(outflow) != 0) {
        PYW_LOG(pyw_log_request, outflow->r, OUTFLOW_LOST, strerror(errno));
        return settle(outflow, APR_EGENERAL);
    }
    return pass_on(outflow);
}

/* --- what comes from the filters before --- */

static bool is_memory(const apr_bucket *bucket)
{
    return APR_BUCKET_IS_HEAP(bucket) || APR_BUCKET_IS_TRANSIENT(bucket) ||
           APR_BUCKET_IS_POOL(bucket) || APR_BUCKET_IS_IMMORTAL(bucket) ||
           APR_BUCKET_IS_MMAP(bucket);
}

/* The spool is full, or has no file: now the client is waited for. */
static apr_status_t wait_for_client(struct pyw_outflow *outflow, apr_bucket *rest)
{
    if (outflow->spool.error != 0 && pyw_throttle_may_say(&no_file)) {
        PYW_LOG(pyw_log_request, outflow->r, OUTFLOW_NO_FILE,
                strerror(outflow->spool.error));
    }
    if (gather_spool(outflow) != 0) {
        PYW_LOG(pyw_log_request, outflow->r, OUTFLOW_LOST, strerror(errno));
        return settle(outflow, APR_EGENERAL);
    }
    gather(outflow, rest);
    APR_BRIGADE_INSERT_TAIL(outflow->brigade,
                            apr_bucket_flush_create(buckets(outflow)));
    outflow->is_blocked = false;
    return pass_on(outflow);
}

/* A bucket while the client takes no more. */
static apr_status_t hold(struct pyw_outflow *outflow, apr_bucket *bucket)
{
    const char *data;
    apr_size_t len;
    size_t taken;
    apr_status_t rv;

    if (APR_BUCKET_IS_METADATA(bucket) ||
        (!is_memory(bucket) && bucket->length != (apr_size_t)-1)) {
        rv = hand_over(outflow);
        gather(outflow, bucket);
        return rv;
    }
    rv = apr_bucket_read(bucket, &data, &len, APR_BLOCK_READ);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    taken = pyw_spool_append(&outflow->spool, data, len);
    if (taken < len) {
        if (taken > 0) {
            rv = apr_bucket_split(bucket, taken);
            if (rv != APR_SUCCESS) {
                return settle(outflow, rv);
            }
            bucket = APR_BUCKET_NEXT(bucket);
            apr_bucket_delete(APR_BUCKET_PREV(bucket));
        }
        return wait_for_client(outflow, bucket);
    }
    apr_bucket_delete(bucket);
    return APR_SUCCESS;
}

/* A bucket while the client takes all, as far as is known. */
static apr_status_t let_by(struct pyw_outflow *outflow, apr_bucket *bucket)
{
    size_t room = outflow->passed < PASSED_MAX ? PASSED_MAX - outflow->passed : 0;

    if (bucket->length == (apr_size_t)-1) {
        const char *data;
        apr_size_t len;

        return apr_bucket_read(bucket, &data, &len, APR_BLOCK_READ);
    }
    if (is_memory(bucket)) {
        if (bucket->length > room && room < PASSED_LOW) {
            apr_status_t rv = pass_on(outflow);

            return rv == APR_SUCCESS && outflow->passed > 0 ? press(outflow) : rv;
        }
        if (bucket->length > room && apr_bucket_split(bucket, room) != APR_SUCCESS) {
            return settle(outflow, APR_EGENERAL);
        }
        outflow->passed += bucket->length;
    }
    gather(outflow, bucket);
    return APR_SUCCESS;
}

static apr_status_t filter(ap_filter_t *f, apr_bucket_brigade *brigade)
{
    struct pyw_outflow *outflow = f->ctx;
    bool wants_flush = false;
    apr_status_t rv = APR_SUCCESS;

    if (outflow->r == NULL) {
        return ap_pass_brigade(f->next, brigade);
    }
    while (rv == APR_SUCCESS && !APR_BRIGADE_EMPTY(brigade)) {
        apr_bucket *bucket = APR_BRIGADE_FIRST(brigade);

        if (APR_BUCKET_IS_FLUSH(bucket)) {
            wants_flush = true;
            apr_bucket_delete(bucket);
        } else {
            rv = outflow->is_blocked ? hold(outflow, bucket) : let_by(outflow, bucket);
        }
    }
    if (rv == APR_SUCCESS) {
        rv = pass_on(outflow);
    }
    if (rv == APR_SUCCESS && wants_flush && !outflow->is_blocked) {
        rv = press(outflow);
    }
    return rv;
}

/* --- for the relay --- */

static struct pyw_outflow *find(conn_rec *c)
{
    for (ap_filter_t *f = c->output_filters; f != NULL; f = f->next) {
        if (f->frec == filter_record) {
            return f->ctx;
        }
    }
    return NULL;
}

/* The relay has set it for this response (response-socket-timeout=). */
static int64_t write_timeout_ms(conn_rec *c)
{
    apr_socket_t *socket = ap_get_conn_socket(c);
    apr_interval_time_t timeout = -1;

    if (socket == NULL || apr_socket_timeout_get(socket, &timeout) != APR_SUCCESS ||
        timeout < 0) {
        return PYW_CLOCK_NEVER;
    }
    return apr_time_as_msec(timeout);
}

struct pyw_outflow *pyw_outflow_begin(request_rec *r, size_t max)
{
    conn_rec *c = r->connection;
    struct pyw_outflow *outflow;

    if (c->master != NULL) {
        return NULL;
    }
    outflow = find(c);
    if (outflow != NULL && outflow->r != NULL) {
        return NULL; /* a request within the one whose response passes: it goes the same
                        way */
    }
    if (outflow == NULL) {
        outflow = apr_pcalloc(c->pool, sizeof(*outflow));
        outflow->brigade = apr_brigade_create(c->pool, c->bucket_alloc);
        outflow->filter = ap_add_output_filter_handle(filter_record, outflow, r, c);
    }
    outflow->r = r;
    outflow->max = max;
    pyw_spool_init(&outflow->spool, max + SLACK);
    outflow->passed = c->data_in_output_filters ? PASSED_MAX : 0;
    outflow->is_blocked = false;
    outflow->timeout_ms = write_timeout_ms(c);
    outflow->deadline_ms = PYW_CLOCK_NEVER;
    return outflow;
}

bool pyw_outflow_is_held(const struct pyw_outflow *outflow)
{
    return outflow != NULL && outflow->is_blocked;
}

int64_t pyw_outflow_deadline_ms(const struct pyw_outflow *outflow)
{
    return pyw_outflow_is_held(outflow) ? outflow->deadline_ms : PYW_CLOCK_NEVER;
}

bool pyw_outflow_has_room(const struct pyw_outflow *outflow)
{
    size_t size;

    if (!pyw_outflow_is_held(outflow)) {
        return true;
    }
    size = pyw_spool_size(&outflow->spool);
    return size < outflow->max && (size == 0 || outflow->spool.error == 0);
}

/* The first bytes of the spool go on. */
static apr_status_t pass_piece(struct pyw_outflow *outflow)
{
    unsigned char *memory = malloc(PIECE);
    struct pyw_span found;
    apr_status_t rv;

    if (memory == NULL ||
        pyw_spool_look(&outflow->spool, 0, memory, PIECE, &found) != 0) {
        free(memory);
        return settle(outflow, APR_EGENERAL);
    }
    if (found.data != (char *)memory) {
        memcpy(memory, found.data, found.len);
    }
    pyw_spool_drop(&outflow->spool, found.len);
    gather_memory(outflow, memory, found.len);
    rv = pass_on(outflow);
    return rv == APR_SUCCESS ? press(outflow) : rv;
}

int pyw_outflow_move(struct pyw_outflow *outflow)
{
    apr_status_t rv = press(outflow);

    while (rv == APR_SUCCESS && !outflow->is_blocked &&
           pyw_spool_size(&outflow->spool) > 0) {
        rv = pass_piece(outflow);
    }
    return rv == APR_SUCCESS ? 0 : -EPIPE;
}

int pyw_outflow_end(struct pyw_outflow *outflow)
{
    apr_status_t rv = APR_SUCCESS;

    if (outflow == NULL || outflow->r == NULL) {
        return 0;
    }
    if (pyw_spool_size(&outflow->spool) > 0) {
        rv = hand_over(outflow); /* else, where it fails, the client has gone */
    }
    apr_brigade_cleanup(outflow->brigade);
    pyw_spool_free(&outflow->spool);
    outflow->r = NULL;
    outflow->is_blocked = false;
    return rv == APR_EGENERAL ? -EIO : 0;
}

void pyw_outflow_register_hooks(apr_pool_t *pool)
{
    (void)pool;
    filter_record =
        ap_register_output_filter("PYWSGI_OUTFLOW", filter, NULL, AP_FTYPE_NETWORK - 1);
}
