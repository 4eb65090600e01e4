#include "python/metrics.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "python/builtin.h"
#include "python/counters.h"
#include "python/dicts.h"
#include "python/view.h"

/* @return 0, or -1 with an exception. */
static int need_reader(struct pyw_builtin *state)
{
    static pthread_mutex_t making = PTHREAD_MUTEX_INITIALIZER; /* a leaf */
    bool is_there;

    pthread_mutex_lock(&making);
    if (state->reader == NULL) {
        state->reader = pyw_view_make_reader();
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

static uint64_t grown_total(const struct pyw_view *from, const struct pyw_view *to,
                            enum pyw_total total)
{
    return grown(from->all.totals[total], to->all.totals[total]);
}

static double period_of(const struct pyw_view *from, const struct pyw_view *to)
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
static int put_time(PyObject *dict, const struct pyw_view *from,
                    const struct pyw_view *to, int time)
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

static int put_times(PyObject *dict, const struct pyw_view *from,
                     const struct pyw_view *to)
{
    for (int time = 0; time < PYW_TIME_COUNT; time++) {
        if (put_time(dict, from, to, time) != 0) {
            return -1;
        }
    }
    return 0;
}

static int put_volume(PyObject *dict, const struct pyw_view *from,
                      const struct pyw_view *to)
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
static PyObject *shown(const struct pyw_view_thread *from,
                       const struct pyw_view_thread *to, int field)
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

static PyObject *thread_list(const struct pyw_view *from, const struct pyw_view *to,
                             int field)
{
    static const struct pyw_view_thread none;
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

static int put_threads(PyObject *dict, const struct pyw_view *from,
                       const struct pyw_view *to)
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
static int put_process(PyObject *dict, const struct pyw_view *from,
                       const struct pyw_view *to)
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
                   pyw_dicts_put(dict, "memory_rss",
                                 PyLong_FromLong(pyw_view_memory_rss())) != 0 ||
                   pyw_dicts_put(dict, "memory_max_rss",
                                 PyLong_FromLong(pyw_view_memory_max_rss())) != 0
               ? -1
               : 0;
}

static PyObject *describe_interval(const struct pyw_view *from,
                                   const struct pyw_view *to)
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
    struct pyw_view *views;
    PyObject *dict = NULL;

    if (pyw_counters_since_us() == 0) {
        Py_RETURN_NONE;
    }
    if (need_reader(state) != 0) {
        return NULL;
    }
    views = calloc(2, sizeof(*views)); /* large for a thread's stack */
    if (views != NULL && pyw_view_read_interval(state->reader, &views[0], &views[1])) {
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

static PyObject *describe_threads(const struct pyw_view *view)
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

static PyObject *describe_process(const struct pyw_view *view)
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
        pyw_view_memory_max_rss(), "memory_rss", pyw_view_memory_rss(), "running_time",
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
    struct pyw_view *view;
    PyObject *dict = NULL;

    if (pyw_counters_since_us() == 0) {
        Py_RETURN_NONE;
    }
    view = calloc(1, sizeof(*view));
    if (view != NULL && pyw_view_look(view, -1)) {
        dict = describe_process(view);
        free(view->each);
    } else {
        PyErr_NoMemory();
    }
    free(view);
    return dict;
}
