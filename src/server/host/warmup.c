#include "host/warmup.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/escape.h"
#include "base/pyw_exchange.h"
#include "host/journal.h"
#include "host/worker.h"
#include "python/interpreter.h"
#include "wsgi/serve.h"

#define OTHERWISE_S 60
#define PAIRS_MAX 24
#define NUMBER_MAX 24

/* One request, on the stack of the thread that makes it. */
struct attempt {
    struct pyw_exchange exchange; /* first: an operation gets a pointer to it */
    struct pyw_request_head head;
    struct pyw_pair pairs[PAIRS_MAX];
    char pid[NUMBER_MAX];
    char id[2 * NUMBER_MAX];
    unsigned status; /* 0: no head so far */
    enum pyw_outcome outcome;
};

/* For as long as the process lives: the thread may outlast its time. */
static struct {
    const struct pyw_host *host;
    int done_fd;         /* eventfd */
    atomic_bool is_over; /* nobody waits any more */
    _Atomic(const char *) url;
    atomic_bool has_failed;
} warmup;

/* --- the exchange ------------------------------------------------------------------
 */

static struct attempt *attempt_of(struct pyw_exchange *x)
{
    return (struct attempt *)(void *)x;
}

static ssize_t read_body(struct pyw_exchange *x, void *buffer, size_t len,
                         bool may_block)
{
    (void)x;
    (void)buffer;
    (void)len;
    (void)may_block;
    return 0;
}

static int send_part(struct pyw_exchange *x, const struct pyw_part *part)
{
    if (part->head != NULL) {
        attempt_of(x)->status = part->head->status;
    }
    return 0;
}

static int send_file(struct pyw_exchange *x, const struct pyw_file_part *file)
{
    if (file->head != NULL) {
        attempt_of(x)->status = file->head->status;
    }
    return 0;
}

static int nothing(struct pyw_exchange *x)
{
    (void)x;
    return 0;
}

static void log_text(struct pyw_exchange *x, enum pyw_level level, const char *text,
                     size_t len)
{
    (void)x;
    pyw_journal_text(level, text, len);
}

static bool is_aborted(struct pyw_exchange *x)
{
    (void)x;
    return false;
}

static void end(struct pyw_exchange *x, enum pyw_outcome outcome)
{
    attempt_of(x)->outcome = outcome;
}

static const struct pyw_exchange_ops ops = {
    .read_body = read_body,
    .send = send_part,
    .finish_send = nothing,
    .send_file = send_file,
    .flush = nothing,
    .log = log_text,
    .is_aborted = is_aborted,
    .end = end,
};

/* --- the request -------------------------------------------------------------------
 */

static struct pyw_span span_of(const char *text)
{
    return (struct pyw_span){text, strlen(text)};
}

static void add(struct attempt *attempt, uint8_t key, struct pyw_span value)
{
    attempt->pairs[attempt->head.pair_count++] =
        (struct pyw_pair){key, pyw_head_key_name(key), value};
}

/* What a URL names, decoded. @return malloc'd; NULL: out of memory. */
static char *decode_path(const char *url)
{
    char *path = strndup(url, strcspn(url, "?"));

    if (path != NULL && !pyw_escape_decode(path)) { /* options do not take such */
        free(path);
        path = NULL;
    }
    return path;
}

/* The part of the path that the script's mount covers. 0: another's. */
static size_t covered(const struct pyw_preload *preload, const char *path)
{
    const char *mount = preload->mount != NULL ? preload->mount : "/";
    size_t len = strlen(mount);

    while (len > 0 && mount[len - 1] == '/') {
        len--;
    }
    if (strncmp(path, mount, len) != 0 || strchr("/", path[len]) == NULL) {
        return 0; /* strchr finds the end of the path as well */
    }
    return len + 1;
}

static void add_url(struct attempt *attempt, const struct pyw_preload *preload,
                    const char *url, const char *path)
{
    size_t mount_len = covered(preload, path) - 1;
    const char *query = strchr(url, '?');
    struct pyw_span script_name = {path, mount_len};
    struct pyw_span path_info = span_of(path + mount_len);

    add(attempt, PYW_KEY_REQUEST_METHOD, PYW_SPAN("GET"));
    add(attempt, PYW_KEY_REQUEST_URI, span_of(url));
    add(attempt, PYW_KEY_QUERY_STRING, span_of(query != NULL ? query + 1 : ""));
    add(attempt, PYW_KEY_SCRIPT_NAME, script_name);
    add(attempt, PYW_KEY_PATH_INFO, path_info);
    add(attempt, PYW_KEY_OWN_SCRIPT_NAME, script_name);
    add(attempt, PYW_KEY_OWN_PATH_INFO, path_info);
}

static void add_rest(struct attempt *attempt, const struct pyw_preload *preload)
{
    const struct pyw_setup *setup = warmup.host->setup;

    add(attempt, PYW_KEY_SERVER_PROTOCOL, PYW_SPAN("HTTP/1.1"));
    add(attempt, PYW_KEY_SERVER_NAME, PYW_SPAN("localhost"));
    add(attempt, PYW_KEY_SERVER_PORT, PYW_SPAN("80"));
    add(attempt, PYW_KEY_HTTP_HOST, PYW_SPAN("localhost"));
    add(attempt, PYW_KEY_REMOTE_ADDR, PYW_SPAN("127.0.0.1"));
    add(attempt, PYW_KEY_REQUEST_SCHEME, PYW_SPAN("http"));
    add(attempt, PYW_KEY_URL_SCHEME, PYW_SPAN("http"));
    add(attempt, PYW_KEY_SCRIPT_FILENAME, span_of(preload->script));
    add(attempt, PYW_KEY_OWN_PROCESS_GROUP, span_of(setup->group));
    add(attempt, PYW_KEY_OWN_APPLICATION_GROUP, span_of(preload->application_group));
    add(attempt, PYW_KEY_OWN_CALLABLE_OBJECT, attempt->head.callable);
    add(attempt, PYW_KEY_OWN_SERVER_PID, span_of(attempt->pid));
    add(attempt, PYW_KEY_OWN_REQUEST_ID, span_of(attempt->id));
    attempt->pairs[attempt->head.pair_count++] =
        (struct pyw_pair){0, PYW_SPAN("mod_wsgi.warmup"), PYW_SPAN("1")};
}

static void prepare(struct attempt *attempt, const struct pyw_preload *preload,
                    const char *url, const char *path, unsigned number)
{
    memset(attempt, 0, sizeof(*attempt));
    attempt->exchange.ops = &ops;
    attempt->exchange.head = &attempt->head;
    attempt->outcome = PYW_OUTCOME_ERROR;
    snprintf(attempt->pid, sizeof(attempt->pid), "%d", (int)getpid());
    snprintf(attempt->id, sizeof(attempt->id), "warmup-%d-%u", (int)getpid(), number);
    attempt->head.arrival_us = pyw_clock_epoch_us();
    attempt->head.queued_us = attempt->head.arrival_us;
    attempt->head.script = span_of(preload->script);
    attempt->head.callable =
        span_of(preload->callable != NULL ? preload->callable : "application");
    attempt->head.application_group = span_of(preload->application_group);
    attempt->head.role = PYW_ROLE_APPLICATION;
    attempt->head.pairs = attempt->pairs;
    add_url(attempt, preload, url, path);
    add_rest(attempt, preload);
}

/* --- one after the other -----------------------------------------------------------
 */

static const char *consequence(const struct pyw_host *host)
{
    return host->setup->must_load ? "the processes that it was to replace go on serving"
                                  : "the process serves all the same";
}

/* What the first interpreter could answer and the one of this lane could not. */
static void fail_lane(const struct pyw_preload *preload, const char *url,
                      const char *what)
{
    if (pyw_interpreter_retire_own(span_of(preload->application_group))) {
        PYW_LOG(
            pyw_journal_line, NULL, WARMUP_FAILED, url, (int)getpid(),
            warmup.host->setup->group, what,
            "the interpreter, one of interpreters=, is taken out of service, and its "
            "threads use the first");
    }
}

static void fail(const char *url, const char *what)
{
    atomic_store(&warmup.has_failed, true);
    PYW_LOG(pyw_journal_line, NULL, WARMUP_FAILED, url, (int)getpid(),
            warmup.host->setup->group, what, consequence(warmup.host));
}

static void ask(const struct pyw_preload *preload, const char *url, const char *path,
                unsigned number)
{
    int64_t begun_ms = pyw_clock_now_ms();
    struct attempt attempt;
    char what[64];

    prepare(&attempt, preload, url, path, number);
    pyw_serve_run(&attempt.exchange);
    if (attempt.outcome == PYW_OUTCOME_OK && attempt.status < 500) {
        pyw_journal_line(NULL, PYW_LEVEL_INFO,
                         "Warm-up request for %s in process %d of group '%s': status "
                         "%u after %lld ms.",
                         url, (int)getpid(), warmup.host->setup->group, attempt.status,
                         (long long)(pyw_clock_now_ms() - begun_ms));
        return;
    }
    snprintf(what, sizeof(what), "status %u", attempt.status);
    if (attempt.status == 0) {
        snprintf(what, sizeof(what), "no answer; lines before this one say why");
    }
    if (pyw_interpreter_own_lane() > 0) {
        fail_lane(preload, url, what);
    } else {
        fail(url, what);
    }
}

/* The script whose mount covers most of the path; NULL: none does. */
static const struct pyw_preload *choose(const struct pyw_setup *setup, const char *path)
{
    const struct pyw_preload *best = NULL;
    size_t most = 0;

    for (size_t i = 0; i < setup->preload_count; i++) {
        const struct pyw_preload *preload = &setup->preloads[i];
        size_t len = covered(preload, path);

        /* A script of which nothing is known, of WSGIImportScript, comes last. */
        if (len > most || (len > 0 && len == most && best->mount == NULL)) {
            most = len;
            best = preload;
        }
    }
    return best;
}

static void go_to(const struct pyw_setup *setup, const char *url, unsigned number)
{
    char *path = decode_path(url);
    const struct pyw_preload *preload = path != NULL ? choose(setup, path) : NULL;

    if (preload != NULL) {
        ask(preload, url, path, number);
    } else {
        fail(url, path != NULL ? "no script that serves it is imported at start"
                               : "out of memory");
    }
    free(path);
}

/* All of them in the interpreters of one lane. */
static void go_round(unsigned lane)
{
    const struct pyw_setup *setup = warmup.host->setup;
    const struct pyw_texts *urls = &setup->options.warmup;

    pyw_interpreter_take_lane(lane);
    for (size_t i = 0; i < urls->count && !atomic_load(&warmup.is_over); i++) {
        atomic_store(&warmup.url, urls->items[i]);
        go_to(setup, urls->items[i], (unsigned)i + 1);
    }
}

static void *run(void *argument)
{
    const uint64_t one = 1;

    (void)argument;
    for (unsigned lane = 0;
         lane < pyw_interpreter_lanes() && !atomic_load(&warmup.has_failed); lane++) {
        go_round(lane);
    }
    pyw_serve_leave_thread();
    (void)!write(warmup.done_fd, &one, sizeof(one)); /* the first: there is room */
    return NULL;
}

static int start_thread(const struct pyw_options *options)
{
    pthread_attr_t attributes;
    pthread_t thread;
    int rv = -pthread_attr_init(&attributes);

    if (rv != 0) {
        return rv;
    }
    rv = pyw_worker_set_stack(&attributes, options);
    (void)pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    if (rv == 0) {
        rv = -pthread_create(&thread, &attributes, run, NULL);
    }
    pthread_attr_destroy(&attributes);
    return rv;
}

/* @return false: the time is over. */
static bool wait_until(int64_t until_ms)
{
    struct pollfd done = {.fd = warmup.done_fd, .events = POLLIN};

    while (poll(&done, 1, pyw_clock_until(until_ms)) <= 0) {
        if (pyw_clock_now_ms() >= until_ms) {
            return false;
        }
    }
    return true;
}

bool pyw_warmup_run(struct pyw_host *host)
{
    const struct pyw_options *options = &host->setup->options;
    int64_t limit_s =
        options->startup_timeout_s > 0 ? options->startup_timeout_s : OTHERWISE_S;
    int64_t until_ms = pyw_clock_now_ms() + limit_s * 1000;
    char what[64];
    int rv;

    if (options->warmup.count == 0) {
        return true;
    }
    warmup.host = host;
    atomic_store(&warmup.url, options->warmup.items[0]);
    warmup.done_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    rv = warmup.done_fd < 0 ? -errno : start_thread(options);
    if (rv != 0) {
        fail(options->warmup.items[0], strerror(-rv));
        return false;
    }
    if (!wait_until(until_ms)) {
        atomic_store(&warmup.is_over, true);
        snprintf(what, sizeof(what), "no answer within %lld s", (long long)limit_s);
        fail(atomic_load(&warmup.url), what);
    }
    return !atomic_load(&warmup.has_failed);
}
