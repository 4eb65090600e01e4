#include "python/reporter.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/datagram.h"
#include "base/seats.h"
#include "base/thread.h"
#include "python/builtin.h"
#include "python/events.h"
#include "python/log.h"
#include "python/pyw_gil.h"
#include "python/view.h"

/* More threads than this are not told of one by one. */
#define EACH_MAX 64
/* Of a slow request's texts; all of them fit into one datagram. */
#define TEXT_MAX 1024

static struct {
    /* set before the thread starts, then constant */
    const struct pyw_setup *setup;
    struct sockaddr_un address;
    struct pyw_view_reader *reader;
    int fd;
    pid_t pid;       /* forks do not report */
    int64_t slow_us; /* -1: slow requests are not looked for */
    atomic_bool is_on;
    _Atomic uint32_t sequence;
} reporter = {.fd = -1, .slow_us = -1};

/* The requests that run, where slow ones are looked for: lists of struct pyw_running.
 */
static struct pyw_seats seats;
static __thread struct pyw_seat *own_seat;

/* --- datagrams -------------------------------------------------------------------- */

static double seconds(int64_t us)
{
    return (double)us / 1e6;
}

static void begin(struct pyw_writer *writer, enum pyw_datagram_kind kind)
{
    pyw_datagram_begin(writer, kind, (uint32_t)reporter.pid,
                       atomic_fetch_add(&reporter.sequence, 1),
                       seconds(pyw_clock_epoch_us()));
}

static void send_off(const struct pyw_writer *writer)
{
    if (writer->failed || writer->len > PYW_DATAGRAM_MAX) {
        return;
    }
    (void)sendto(reporter.fd, writer->data, writer->len, MSG_DONTWAIT | MSG_NOSIGNAL,
                 (const struct sockaddr *)&reporter.address, sizeof(reporter.address));
}

static void put_string(struct pyw_writer *writer, unsigned field, const char *text)
{
    text = text != NULL ? text : "";
    pyw_datagram_put_text(writer, field, (struct pyw_span){text, strlen(text)});
}

static void put_identity(struct pyw_writer *writer)
{
    char host[256] = "";

    (void)gethostname(host, sizeof(host) - 1);
    put_string(writer, PYW_FIELD_GROUP, reporter.setup->group);
    put_string(writer, PYW_FIELD_HOST, host);
    put_string(writer, PYW_FIELD_VERSION, PYW_VERSION);
    put_string(writer, PYW_FIELD_PYTHON, PYW_PYTHON_VERSION);
    put_string(writer, PYW_FIELD_APACHE, reporter.setup->server_description);
    put_string(writer, PYW_FIELD_MPM, reporter.setup->mpm_name);
}

static void put_life(struct pyw_writer *writer)
{
    int64_t began_us = pyw_builtin_started_us();

    pyw_datagram_put_f64(writer, PYW_FIELD_RESTART_TIME, seconds(began_us));
    pyw_datagram_put_f64(writer, PYW_FIELD_RUNNING_TIME,
                         seconds(pyw_clock_epoch_us() - began_us));
}

/* STARTED, STOPPING, STOPPED. */
static void report_life(enum pyw_datagram_kind kind, const char *reason)
{
    struct pyw_writer writer;

    if (!atomic_load(&reporter.is_on) || getpid() != reporter.pid) {
        return;
    }
    pyw_bytes_init(&writer);
    begin(&writer, kind);
    put_identity(&writer);
    put_life(&writer);
    if (reason != NULL) {
        put_string(&writer, PYW_FIELD_REASON, reason);
    }
    send_off(&writer);
    pyw_bytes_free(&writer);
}

/* --- PROCESS and REQUEST ------------------------------------------------------------
 */

static double period_of(const struct pyw_view *from, const struct pyw_view *to)
{
    return to->now_us > from->now_us ? seconds(to->now_us - from->now_us) : 1e-6;
}

static uint64_t grown(uint64_t from, uint64_t to)
{
    return to > from ? to - from : 0; /* a thread may be in the middle of counting */
}

static uint64_t grown_total(const struct pyw_view *from, const struct pyw_view *to,
                            int total)
{
    return grown(from->all.totals[total], to->all.totals[total]);
}

static void put_interval(struct pyw_writer *writer, const struct pyw_view *from,
                         const struct pyw_view *to)
{
    pyw_datagram_put_f64(writer, PYW_FIELD_START_TIME, seconds(from->epoch_us));
    pyw_datagram_put_f64(writer, PYW_FIELD_STOP_TIME, seconds(to->epoch_us));
    pyw_datagram_put_f64(writer, PYW_FIELD_PERIOD, period_of(from, to));
}

static void put_threads(struct pyw_writer *writer, const struct pyw_view *to)
{
    pyw_datagram_put_u64(writer, PYW_FIELD_THREADS_MAXIMUM,
                         reporter.setup->threads_per_process);
    pyw_datagram_put_u64(writer, PYW_FIELD_THREADS_STARTED, to->threads);
    pyw_datagram_put_u64(writer, PYW_FIELD_THREADS_ACTIVE, to->active);
}

static void report_process(struct pyw_writer *writer, const struct pyw_view *from,
                           const struct pyw_view *to)
{
    double period = period_of(from, to);
    double user = seconds(to->user_us - from->user_us) / period;
    double system = seconds(to->system_us - from->system_us) / period;

    begin(writer, PYW_DATAGRAM_PROCESS);
    put_identity(writer);
    put_interval(writer, from, to);
    pyw_datagram_put_f64(writer, PYW_FIELD_CPU_USER, user);
    pyw_datagram_put_f64(writer, PYW_FIELD_CPU_SYSTEM, system);
    pyw_datagram_put_f64(writer, PYW_FIELD_CPU, user + system);
    pyw_datagram_put_u64(writer, PYW_FIELD_RSS, (uint64_t)pyw_view_memory_rss());
    pyw_datagram_put_u64(writer, PYW_FIELD_MAX_RSS,
                         (uint64_t)pyw_view_memory_max_rss());
    put_threads(writer, to);
    put_life(writer);
    send_off(writer);
}

/* Mean, extremes and histogram of a time that occurred. */
static void put_time(struct pyw_writer *writer, const struct pyw_view *from,
                     const struct pyw_view *to, int time)
{
    uint64_t number = grown(from->all.numbers[time], to->all.numbers[time]);
    uint64_t sum_us = grown(from->all.sums_us[time], to->all.sums_us[time]);
    unsigned at = (unsigned)time;

    if (number == 0) {
        return;
    }
    pyw_datagram_put_f64(writer, PYW_FIELD_MEANS + at,
                         seconds((int64_t)sum_us) / (double)number);
    if (to->extremes.low[time] != UINT64_MAX) {
        pyw_datagram_put_u64(writer, PYW_FIELD_MINIMA + at, to->extremes.low[time]);
        pyw_datagram_put_u64(writer, PYW_FIELD_MAXIMA + at, to->extremes.high[time]);
    }
    pyw_datagram_put_i32s(writer, PYW_FIELD_HISTOGRAMS + at, PYW_HISTOGRAM_BUCKETS);
    for (int i = 0; i < PYW_HISTOGRAM_BUCKETS; i++) {
        pyw_datagram_add_i32(
            writer, grown(from->all.buckets[time][i], to->all.buckets[time][i]));
    }
}

static double thread_value(const struct pyw_view_thread *from,
                           const struct pyw_view_thread *to, unsigned field)
{
    switch (field) {
    case PYW_FIELD_EACH_BUSY:
        return seconds((int64_t)grown(from->busy_us, to->busy_us));
    case PYW_FIELD_EACH_CPU:
        return seconds((int64_t)grown(from->cpu_us, to->cpu_us));
    case PYW_FIELD_EACH_ELAPSED:
        return seconds(to->elapsed_us > 0 ? to->elapsed_us : 0);
    default:
        return seconds((int64_t)to->longest_us);
    }
}

static void put_each(struct pyw_writer *writer, const struct pyw_view *from,
                     const struct pyw_view *to)
{
    static const struct pyw_view_thread none;
    uint16_t count = (uint16_t)to->threads;

    if (to->threads > EACH_MAX) {
        return;
    }
    pyw_datagram_put_i32s(writer, PYW_FIELD_EACH_COMPLETED, count);
    for (unsigned i = 0; i < count; i++) {
        const struct pyw_view_thread *before =
            i < from->threads ? &from->each[i] : &none;

        pyw_datagram_add_i32(writer, grown(before->requests, to->each[i].requests));
    }
    for (unsigned field = PYW_FIELD_EACH_BUSY; field <= PYW_FIELD_EACH_LONGEST;
         field++) {
        pyw_datagram_put_f64s(writer, field, count);
        for (unsigned i = 0; i < count; i++) {
            const struct pyw_view_thread *before =
                i < from->threads ? &from->each[i] : &none;

            pyw_datagram_add_f64(writer, thread_value(before, &to->each[i], field));
        }
    }
}

static void put_volume(struct pyw_writer *writer, const struct pyw_view *from,
                       const struct pyw_view *to)
{
    static const struct {
        unsigned field;
        enum pyw_total total;
    } rows[] = {
        {PYW_FIELD_REQUESTS, PYW_TOTAL_REQUESTS},
        {PYW_FIELD_GIL_WAITS, PYW_TOTAL_GIL_WAITS},
        {PYW_FIELD_INPUT_BYTES, PYW_TOTAL_INPUT_BYTES},
        {PYW_FIELD_INPUT_READS, PYW_TOTAL_INPUT_READS},
        {PYW_FIELD_OUTPUT_BYTES, PYW_TOTAL_OUTPUT_BYTES},
        {PYW_FIELD_OUTPUT_WRITES, PYW_TOTAL_OUTPUT_WRITES},
        {PYW_FIELD_STATUSES, PYW_TOTAL_1XX},
        {PYW_FIELD_STATUSES + 1, PYW_TOTAL_2XX},
        {PYW_FIELD_STATUSES + 2, PYW_TOTAL_3XX},
        {PYW_FIELD_STATUSES + 3, PYW_TOTAL_4XX},
        {PYW_FIELD_STATUSES + 4, PYW_TOTAL_5XX},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        pyw_datagram_put_u64(writer, rows[i].field,
                             grown_total(from, to, rows[i].total));
    }
}

static void report_requests(struct pyw_writer *writer, const struct pyw_view *from,
                            const struct pyw_view *to)
{
    double period = period_of(from, to);
    double requests = (double)grown_total(from, to, PYW_TOTAL_REQUESTS);
    double busy = seconds((int64_t)grown_total(from, to, PYW_TOTAL_BUSY_US));
    double capacity = period * reporter.setup->threads_per_process;

    begin(writer, PYW_DATAGRAM_REQUEST);
    put_interval(writer, from, to);
    put_volume(writer, from, to);
    pyw_datagram_put_f64(writer, PYW_FIELD_THROUGHPUT, requests / period);
    pyw_datagram_put_f64(writer, PYW_FIELD_CAPACITY,
                         busy < capacity ? busy / capacity : 1);
    put_threads(writer, to);
    for (int time = 0; time < PYW_TIME_COUNT; time++) {
        put_time(writer, from, to, time);
    }
    put_each(writer, from, to);
    send_off(writer);
}

static void report_interval(struct pyw_writer *writer)
{
    struct pyw_view *views = calloc(2, sizeof(*views)); /* large for a stack */

    if (views != NULL &&
        pyw_view_read_interval(reporter.reader, &views[0], &views[1])) {
        report_process(writer, &views[0], &views[1]);
        report_requests(writer, &views[0], &views[1]);
        free(views[0].each);
        free(views[1].each);
    }
    free(views);
}

/* --- slow requests ------------------------------------------------------------------
 */

static struct pyw_span value_of(const struct pyw_request_head *head, const char *name)
{
    struct pyw_span value = PYW_SPAN("");

    for (size_t i = 0; i < head->pair_count && value.len == 0; i++) {
        if (pyw_bytes_is_equal(head->pairs[i].name, name)) {
            value = head->pairs[i].value;
        }
    }
    return value;
}

static void put_text(struct pyw_writer *writer, unsigned field, struct pyw_span text)
{
    text.len = text.len < TEXT_MAX ? text.len : TEXT_MAX;
    pyw_datagram_put_text(writer, field, text);
}

static void report_slow(struct pyw_writer *writer, const struct pyw_running *running,
                        int64_t elapsed_us, bool is_over)
{
    const struct pyw_request_head *head = running->head;

    begin(writer, PYW_DATAGRAM_SLOW_REQUEST);
    put_text(writer, PYW_FIELD_SLOW_ID, value_of(head, "mod_wsgi.request_id"));
    pyw_datagram_put_u64(writer, PYW_FIELD_SLOW_THREAD, running->thread);
    pyw_datagram_put_f64(writer, PYW_FIELD_SLOW_START, seconds(head->arrival_us));
    pyw_datagram_put_f64(writer, PYW_FIELD_SLOW_ELAPSED, seconds(elapsed_us));
    pyw_datagram_put_u64(writer, PYW_FIELD_SLOW_OVER, is_over ? 1 : 0);
    put_text(writer, PYW_FIELD_SLOW_METHOD, value_of(head, "REQUEST_METHOD"));
    put_text(writer, PYW_FIELD_SLOW_URI, value_of(head, "REQUEST_URI"));
    put_text(writer, PYW_FIELD_SLOW_SCRIPT, head->script);
    put_text(writer, PYW_FIELD_SLOW_APPLICATION_GROUP, head->application_group);
    put_text(writer, PYW_FIELD_SLOW_CLIENT, value_of(head, "REMOTE_ADDR"));
    if (reporter.setup->telemetry_user_agent) {
        put_text(writer, PYW_FIELD_SLOW_USER_AGENT, value_of(head, "HTTP_USER_AGENT"));
    }
    send_off(writer);
}

/* Sending under the lock, which keeps the requests from ending, does not block. */
static void report_running(struct pyw_writer *writer)
{
    struct pyw_seat *seat = NULL;

    while ((seat = pyw_seats_next(&seats, seat)) != NULL) {
        pthread_mutex_lock(&seat->lock);
        for (const struct pyw_running *at = seat->first; at != NULL; at = at->next) {
            int64_t elapsed_us = pyw_clock_now_us() - at->begun_us;

            if (elapsed_us >= reporter.slow_us) {
                report_slow(writer, at, elapsed_us, false);
            }
        }
        pthread_mutex_unlock(&seat->lock);
    }
}

void pyw_reporter_enter(struct pyw_running *running,
                        const struct pyw_request_head *head, int64_t begun_us)
{
    struct pyw_seat *seat =
        reporter.slow_us >= 0 ? pyw_seats_own(&seats, &own_seat) : NULL;

    running->is_listed = seat != NULL;
    if (seat == NULL) {
        return;
    }
    running->head = head;
    running->begun_us = begun_us;
    running->thread = pyw_gil_thread_number();
    pthread_mutex_lock(&seat->lock);
    running->next = seat->first;
    seat->first = running;
    pthread_mutex_unlock(&seat->lock);
}

void pyw_reporter_leave(struct pyw_running *running)
{
    struct pyw_seat *seat = own_seat;
    struct pyw_writer writer;
    int64_t elapsed_us;

    if (!running->is_listed || getpid() != reporter.pid) {
        return;
    }
    pthread_mutex_lock(&seat->lock);
    seat->first = running->next; /* the thread's last to begin is its first to end */
    pthread_mutex_unlock(&seat->lock);
    elapsed_us = pyw_clock_now_us() - running->begun_us;
    if (elapsed_us >= reporter.slow_us) {
        pyw_bytes_init(&writer);
        report_slow(&writer, running, elapsed_us, true);
        pyw_bytes_free(&writer);
    }
}

/* --- the thread ---------------------------------------------------------------------
 */

static void *run(void *unused)
{
    int64_t interval_ms = reporter.setup->telemetry_interval_ms;
    struct timespec pause = {.tv_sec = interval_ms / 1000,
                             .tv_nsec = interval_ms % 1000 * 1000000};
    struct pyw_writer writer;

    (void)unused;
    pyw_bytes_init(&writer);
    report_life(PYW_DATAGRAM_STARTED, NULL);
    for (;;) {
        (void)nanosleep(&pause, NULL);
        report_interval(&writer);
        if (reporter.slow_us >= 0) {
            report_running(&writer);
        }
    }
    return NULL;
}

/* @return 0 or -errno. */
static int open_reporter(const struct pyw_setup *setup)
{
    size_t len = strlen(setup->telemetry_path);

    if (len >= sizeof(reporter.address.sun_path)) {
        return -ENAMETOOLONG;
    }
    reporter.setup = setup;
    reporter.pid = getpid();
    reporter.address.sun_family = AF_UNIX;
    memcpy(reporter.address.sun_path, setup->telemetry_path, len + 1);
    reporter.fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (reporter.fd < 0) {
        return -errno;
    }
    pyw_counters_start();
    reporter.reader = pyw_view_make_reader();
    return reporter.reader != NULL ? 0 : -ENOMEM;
}

void pyw_reporter_start(const struct pyw_setup *setup)
{
    int rv;

    if (setup->telemetry_path == NULL || setup->telemetry_path[0] == '\0' ||
        setup->threads_per_process == 0) {
        return; /* nobody to report to, or no requests to report of */
    }
    rv = open_reporter(setup);
    if (rv == 0) {
        reporter.slow_us =
            setup->has_slow_requests ? (int64_t)setup->slow_requests_ms * 1000 : -1;
        atomic_store(&reporter.is_on, true);
        rv = pyw_thread_start(run, NULL);
    }
    if (rv == 0) {
        pyw_events_want();
        return;
    }
    atomic_store(&reporter.is_on, false);
    reporter.slow_us = -1;
    PYW_LOG(pyw_log_print, NULL, TELEMETRY_FAILED, setup->telemetry_path,
            strerror(-rv));
}

void pyw_reporter_stopping(const char *reason)
{
    report_life(PYW_DATAGRAM_STOPPING, reason);
}

void pyw_reporter_stopped(void)
{
    report_life(PYW_DATAGRAM_STOPPED, NULL);
}
