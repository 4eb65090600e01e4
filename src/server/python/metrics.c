#include "python/metrics.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/clock.h"
#include "python/builtin.h"
#include "python/counters.h"
#include "python/dicts.h"

/* A thread at one moment. */
struct thread_counts {
    uint64_t requests;
    uint64_t busy_us;
    uint64_t cpu_us;
    int64_t elapsed_us; /* -1: idle */
    uint64_t longest_us;
};

/* Everything at one moment. */
struct view {
    int64_t epoch_us;
    int64_t now_us;
    int64_t user_us;
    int64_t system_us;
    struct pyw_counts all;
    struct pyw_extremes extremes;
    unsigned active;
    unsigned capacity;
    unsigned threads;
    struct thread_counts *each; /* by index */
};

struct pyw_metrics_reader {
    pthread_mutex_t lock; /* a leaf, and not held while Python code may run */
    int place;            /* for smallest and largest values; -1: has none */
    struct view views[2]; /* the last, and the one under way */
};

/* --- looking --------------------------------------------------------------------- */

static int64_t us_of(struct timeval time)
{
    return (int64_t)time.tv_sec * 1000000 + time.tv_usec;
}

static void look_at_process(struct view *view)
{
    struct rusage usage;

    memset(&usage, 0, sizeof usage);
    (void)getrusage(RUSAGE_SELF, &usage);
    view->user_us = us_of(usage.ru_utime);
    view->system_us = us_of(usage.ru_stime);
    view->epoch_us = pyw_clock_epoch_us();
    view->now_us = pyw_clock_now_us();
}

/* Threads that come meanwhile count the next time. @return false: out of memory. */
static bool make_room(struct view *view)
{
    const struct pyw_counters *newest = pyw_counters_next(NULL);
    unsigned wanted = newest != NULL ? pyw_counters_index(newest) + 1 : 0;
    struct thread_counts *each;

    if (wanted > view->capacity) {
        each = realloc(view->each, wanted * sizeof(*each));
        if (each == NULL) {
            return false;
        }
        view->each = each;
        view->capacity = wanted;
    }
    if (wanted > 0) {
        memset(view->each, 0, wanted * sizeof(*view->each));
    }
    view->threads = wanted;
    return true;
}

static void look_at_thread(struct view *view, const struct pyw_counters *counters,
                           int place)
{
    struct thread_counts *thread = &view->each[pyw_counters_index(counters)];
    struct pyw_extremes extremes = {.high = {0}};
    uint64_t before[3] = {view->all.totals[PYW_TOTAL_REQUESTS],
                          view->all.totals[PYW_TOTAL_BUSY_US],
                          view->all.totals[PYW_TOTAL_CPU_US]};

    pyw_counters_add(counters, view->now_us, &view->all);
    thread->requests = view->all.totals[PYW_TOTAL_REQUESTS] - before[0];
    thread->busy_us = view->all.totals[PYW_TOTAL_BUSY_US] - before[1];
    thread->cpu_us = view->all.totals[PYW_TOTAL_CPU_US] - before[2];
    thread->elapsed_us = pyw_counters_elapsed(counters, view->now_us);
    view->active += thread->elapsed_us >= 0 ? 1 : 0;
    if (place >= 0) {
        pyw_counters_widen(counters, place, &view->extremes);
        pyw_counters_widen(counters, place, &extremes);
        thread->longest_us = extremes.high[PYW_TIME_REQUEST];
    }
}

static bool look(struct view *view, int place)
{
    const struct pyw_counters *at = NULL;

    if (!make_room(view)) {
        return false;
    }
    look_at_process(view);
    memset(&view->all, 0, sizeof view->all);
    memset(view->extremes.low, 0xff, sizeof view->extremes.low);
    memset(view->extremes.high, 0, sizeof view->extremes.high);
    view->active = 0;
    while ((at = pyw_counters_next(at)) != NULL) {
        if (pyw_counters_index(at) < view->threads) {
            look_at_thread(view, at, place);
        }
    }
    return true;
}

static long memory_rss(void)
{
    FILE *file = fopen("/proc/self/statm", "re");
    long pages = 0;

    if (file != NULL) {
        if (fscanf(file, "%*s %ld", &pages) != 1) {
            pages = 0;
        }
        fclose(file);
    }
    return pages * sysconf(_SC_PAGESIZE);
}

static long memory_max_rss(void)
{
    struct rusage usage;

    return getrusage(RUSAGE_SELF, &usage) == 0 ? usage.ru_maxrss * 1024 : 0;
}

/* --- the reader ------------------------------------------------------------------ */

static void free_views(struct pyw_metrics_reader *reader)
{
    free(reader->views[0].each);
    free(reader->views[1].each);
}

void pyw_metrics_free_reader(struct pyw_metrics_reader *reader)
{
    if (reader != NULL) {
        free_views(reader);
        pthread_mutex_destroy(&reader->lock);
        free(reader);
    }
}

/* Its first interval begins with the recording. Where that is a while ago, the CPU time
 * and the extremes of then are not known. */
static struct pyw_metrics_reader *make_reader(void)
{
    struct pyw_metrics_reader *reader = calloc(1, sizeof(*reader));
    int64_t age_us = pyw_clock_epoch_us() - pyw_counters_since_us();

    if (reader != NULL && pthread_mutex_init(&reader->lock, NULL) != 0) {
        free(reader);
        reader = NULL;
    }
    if (reader == NULL) {
        return NULL;
    }
    reader->place = pyw_counters_new_reader();
    look_at_process(&reader->views[0]);
    reader->views[0].epoch_us -= age_us;
    reader->views[0].now_us -= age_us;
    return reader;
}

/* @return 0, or -1 with an exception. */
static int need_reader(struct pyw_builtin *state)
{
    static pthread_mutex_t making = PTHREAD_MUTEX_INITIALIZER; /* a leaf */
    bool is_there;

    pthread_mutex_lock(&making);
    if (state->reader == NULL) {
        state->reader = make_reader();
    }
    is_there = state->reader != NULL;
    pthread_mutex_unlock(&making);
    if (!is_there) {
        PyErr_NoMemory();
    }
    return is_there ? 0 : -1;
}

int pyw_metrics_start(struct pyw_builtin *state)
{
    pyw_counters_start();
    return need_reader(state);
}

/* Copies of the two moments that the interval lies between; their `each` are the
 * caller's to free. @return false: out of memory. */
static bool read_interval(struct pyw_metrics_reader *reader, struct view *from,
                          struct view *to)
{
    struct view *last = &reader->views[0];
    struct view *now = &reader->views[1];
    bool is_done;

    pthread_mutex_lock(&reader->lock);
    is_done = look(now, reader->place);
    if (is_done) {
        size_t size = now->threads * sizeof(*now->each);

        *from = *last;
        *to = *now;
        /* What the reader keeps is a copy; the arrays go out. */
        last->each = NULL;
        last->capacity = 0;
        now->each = size > 0 ? malloc(size) : NULL;
        now->capacity = now->each != NULL ? now->threads : 0;
        now->threads = now->capacity;
        if (now->each != NULL) {
            memcpy(now->each, to->each, size);
        }
        *last = *now;
        now->each = NULL;
        now->capacity = 0;
        if (reader->place >= 0) {
            pyw_counters_turn(reader->place);
        }
    }
    pthread_mutex_unlock(&reader->lock);
    return is_done;
}

/* --- request_metrics() ----------------------------------------------------------- */

static const char *const time_names[] = {
    "server_time",  "queue_time",    "daemon_time",     "application_time",
    "request_time", "gil_wait_time", "input_read_time", "output_write_time"};

static double seconds(uint64_t us)
{
    return (double)us / 1e6;
}

static uint64_t grown(uint64_t from, uint64_t to)
{
    return to > from ? to - from : 0; /* a thread may be in the middle of counting */
}

static uint64_t grown_total(const struct view *from, const struct view *to,
                            enum pyw_total total)
{
    return grown(from->all.totals[total], to->all.totals[total]);
}

static double period_of(const struct view *from, const struct view *to)
{
    int64_t us = to->now_us - from->now_us;

    return us > 0 ? (double)us / 1e6 : 1e-6;
}

static PyObject *histogram(const uint64_t *from, const uint64_t *to)
{
    PyObject *list = PyList_New(PYW_HISTOGRAM_BUCKETS);

    for (int i = 0; list != NULL && i < PYW_HISTOGRAM_BUCKETS; i++) {
        PyObject *count = PyLong_FromUnsignedLongLong(grown(from[i], to[i]));

        if (count == NULL) {
            Py_CLEAR(list);
        } else {
            PyList_SET_ITEM(list, i, count);
        }
    }
    return list;
}

static PyObject *extreme(uint64_t us, bool is_known)
{
    return is_known ? PyLong_FromUnsignedLongLong(us) : Py_NewRef(Py_None);
}

/* Mean, extremes and histogram of one time. */
static int put_time(PyObject *dict, const struct view *from, const struct view *to,
                    int time)
{
    uint64_t number = grown(from->all.numbers[time], to->all.numbers[time]);
    uint64_t sum_us = grown(from->all.sums_us[time], to->all.sums_us[time]);
    bool is_embedded = pyw_builtin_setup()->group[0] == '\0';
    bool applies = !is_embedded || (time != PYW_TIME_QUEUE && time != PYW_TIME_DAEMON);
    bool is_known = applies && to->extremes.low[time] != UINT64_MAX;
    double mean = number > 0 ? seconds(sum_us) / (double)number : 0;
    const char *name = time_names[time];
    char key[64];

    if (pyw_dicts_put(dict, name,
                      applies ? PyFloat_FromDouble(mean) : Py_NewRef(Py_None)) != 0) {
        return -1;
    }
    (void)snprintf(key, sizeof key, "%s_min_us", name);
    if (pyw_dicts_put(dict, key, extreme(to->extremes.low[time], is_known)) != 0) {
        return -1;
    }
    (void)snprintf(key, sizeof key, "%s_max_us", name);
    if (pyw_dicts_put(dict, key, extreme(to->extremes.high[time], is_known)) != 0) {
        return -1;
    }
    (void)snprintf(key, sizeof key, "%s_buckets", name);
    return pyw_dicts_put(dict, key,
                         histogram(from->all.buckets[time], to->all.buckets[time]));
}

static int put_times(PyObject *dict, const struct view *from, const struct view *to)
{
    for (int time = 0; time < PYW_TIME_COUNT; time++) {
        if (put_time(dict, from, to, time) != 0) {
            return -1;
        }
    }
    return 0;
}

static int put_volume(PyObject *dict, const struct view *from, const struct view *to)
{
    static const struct {
        const char *name;
        enum pyw_total total;
    } rows[] = {
        {"request_count", PYW_TOTAL_REQUESTS},
        {"status_1xx", PYW_TOTAL_1XX},
        {"status_2xx", PYW_TOTAL_2XX},
        {"status_3xx", PYW_TOTAL_3XX},
        {"status_4xx", PYW_TOTAL_4XX},
        {"status_5xx", PYW_TOTAL_5XX},
        {"input_bytes", PYW_TOTAL_INPUT_BYTES},
        {"input_reads", PYW_TOTAL_INPUT_READS},
        {"output_bytes", PYW_TOTAL_OUTPUT_BYTES},
        {"output_writes", PYW_TOTAL_OUTPUT_WRITES},
        {"gil_wait_count", PYW_TOTAL_GIL_WAITS},
    };
    uint64_t requests = grown_total(from, to, PYW_TOTAL_REQUESTS);

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (pyw_dicts_put_count(dict, rows[i].name,
                                grown_total(from, to, rows[i].total)) != 0) {
            return -1;
        }
    }
    return pyw_dicts_put_float(dict, "request_throughput",
                               (double)requests / period_of(from, to));
}

/* The fields of one thread that are shown as lists. */
static PyObject *shown(const struct thread_counts *from, const struct thread_counts *to,
                       int field)
{
    switch (field) {
    case 0:
    case 1:
        return PyLong_FromUnsignedLongLong(grown(from->requests, to->requests));
    case 2:
        return PyFloat_FromDouble(seconds(grown(from->busy_us, to->busy_us)));
    case 3:
        return PyFloat_FromDouble(seconds(grown(from->cpu_us, to->cpu_us)));
    case 4:
        return PyFloat_FromDouble(
            seconds(to->elapsed_us > 0 ? (uint64_t)to->elapsed_us : 0));
    default:
        return PyFloat_FromDouble(seconds(to->longest_us));
    }
}

static PyObject *thread_list(const struct view *from, const struct view *to, int field)
{
    static const struct thread_counts none;
    PyObject *list = PyList_New(to->threads);

    for (unsigned i = 0; list != NULL && i < to->threads; i++) {
        PyObject *value =
            shown(i < from->threads ? &from->each[i] : &none, &to->each[i], field);

        if (value == NULL) {
            Py_CLEAR(list);
        } else {
            PyList_SET_ITEM(list, i, value);
        }
    }
    return list;
}

static int put_threads(PyObject *dict, const struct view *from, const struct view *to)
{
    static const char *const names[] = {
        "request_threads_completed",       "request_threads_buckets",
        "request_threads_busy_time",       "request_threads_cpu_time",
        "request_threads_current_elapsed", "request_threads_max_duration"};
    unsigned maximum = pyw_builtin_setup()->threads_per_process;
    double busy = seconds(grown_total(from, to, PYW_TOTAL_BUSY_US));
    double capacity = period_of(from, to) * (maximum > 0 ? maximum : 1);
    double used = busy < capacity ? busy / capacity : 1;

    for (int i = 0; i < (int)(sizeof names / sizeof names[0]); i++) {
        if (pyw_dicts_put(dict, names[i], thread_list(from, to, i)) != 0) {
            return -1;
        }
    }
    return pyw_dicts_put_count(dict, "request_threads_maximum", maximum) != 0 ||
                   pyw_dicts_put_count(dict, "request_threads_started", to->threads) !=
                       0 ||
                   pyw_dicts_put_count(dict, "request_threads_active", to->active) !=
                       0 ||
                   pyw_dicts_put_float(dict, "capacity_utilization", used) != 0
               ? -1
               : 0;
}

/* CPU time as fractions of a core, and memory. */
static int put_process(PyObject *dict, const struct view *from, const struct view *to)
{
    double period = period_of(from, to);
    double user = (double)(to->user_us - from->user_us) / 1e6 / period;
    double system = (double)(to->system_us - from->system_us) / 1e6 / period;
    const struct {
        const char *name;
        double value;
    } rows[] = {
        {"start_time", (double)from->epoch_us / 1e6},
        {"stop_time", (double)to->epoch_us / 1e6},
        {"sample_period", period},
        {"cpu_user_utilization", user},
        {"cpu_system_utilization", system},
        {"cpu_utilization", user + system},
        {"cpu_user_time", user}, /* names of old */
        {"cpu_system_time", system},
        {"cpu_time", user + system},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (pyw_dicts_put_float(dict, rows[i].name, rows[i].value) != 0) {
            return -1;
        }
    }
    return pyw_dicts_put(dict, "pid", PyLong_FromLong((long)getpid())) != 0 ||
                   pyw_dicts_put(dict, "memory_rss", PyLong_FromLong(memory_rss())) !=
                       0 ||
                   pyw_dicts_put(dict, "memory_max_rss",
                                 PyLong_FromLong(memory_max_rss())) != 0
               ? -1
               : 0;
}

static PyObject *describe_interval(const struct view *from, const struct view *to)
{
    PyObject *dict = PyDict_New();

    if (dict != NULL &&
        (put_process(dict, from, to) != 0 || put_volume(dict, from, to) != 0 ||
         put_threads(dict, from, to) != 0 || put_times(dict, from, to) != 0)) {
        Py_CLEAR(dict);
    }
    return dict;
}

PyObject *pyw_metrics_of_requests(struct pyw_builtin *state)
{
    struct view *views;
    PyObject *dict = NULL;

    if (pyw_counters_since_us() == 0) {
        Py_RETURN_NONE;
    }
    if (need_reader(state) != 0) {
        return NULL;
    }
    views = calloc(2, sizeof(*views)); /* large for a thread's stack */
    if (views != NULL && read_interval(state->reader, &views[0], &views[1])) {
        dict = describe_interval(&views[0], &views[1]);
        free(views[0].each);
        free(views[1].each);
    } else {
        PyErr_NoMemory();
    }
    free(views);
    return dict;
}

/* --- process_metrics() ------------------------------------------------------------ */

static PyObject *describe_threads(const struct view *view)
{
    PyObject *list = PyList_New(0);
    const struct pyw_counters *at = NULL;

    while (list != NULL && (at = pyw_counters_next(at)) != NULL) {
        unsigned index = pyw_counters_index(at);
        PyObject *row;

        if (index >= view->threads) {
            continue; /* it came a moment ago */
        }
        row = Py_BuildValue("{sIsK}", "thread_id", pyw_counters_thread(at),
                            "request_count",
                            (unsigned long long)view->each[index].requests);
        if (row == NULL || PyList_Insert(list, 0, row) != 0) {
            Py_CLEAR(list); /* the newest comes first in the walk */
        }
        Py_XDECREF(row);
    }
    return list;
}

static PyObject *describe_process(const struct view *view)
{
    int64_t since_us = pyw_builtin_started_us();
    const struct {
        const char *name;
        double value;
    } rows[] = {
        {"request_busy_time", seconds(view->all.totals[PYW_TOTAL_BUSY_US])},
        {"cpu_user_time", (double)view->user_us / 1e6},
        {"cpu_system_time", (double)view->system_us / 1e6},
        {"cpu_time", (double)(view->user_us + view->system_us) / 1e6},
        {"restart_time", (double)since_us / 1e6},
        {"current_time", (double)view->epoch_us / 1e6},
    };
    PyObject *dict = Py_BuildValue(
        "{slsKslslsLsIsIsN}", "pid", (long)getpid(), "request_count",
        (unsigned long long)view->all.totals[PYW_TOTAL_REQUESTS], "memory_max_rss",
        memory_max_rss(), "memory_rss", memory_rss(), "running_time",
        (long long)((view->epoch_us - since_us) / 1000000), "request_threads",
        pyw_builtin_setup()->threads_per_process, "active_requests", view->active,
        "threads", describe_threads(view));

    for (size_t i = 0; dict != NULL && i < sizeof rows / sizeof rows[0]; i++) {
        if (pyw_dicts_put_float(dict, rows[i].name, rows[i].value) != 0) {
            Py_CLEAR(dict);
        }
    }
    return dict;
}

PyObject *pyw_metrics_of_process(void)
{
    struct view *view;
    PyObject *dict = NULL;

    if (pyw_counters_since_us() == 0) {
        Py_RETURN_NONE;
    }
    view = calloc(1, sizeof(*view));
    if (view != NULL && look(view, -1)) {
        dict = describe_process(view);
        free(view->each);
    } else {
        PyErr_NoMemory();
    }
    free(view);
    return dict;
}
