#include "wsgi/observe.h"

#include <string.h>
#include <sys/resource.h>

#include "base/clock.h"
#include "python/counters.h"
#include "python/dicts.h"
#include "python/errors.h"
#include "python/guard.h"
#include "python/prelude.h"
#include "python/pyw_gil.h"
#include "wsgi/request.h"

static struct pyw_builtin *builtin_of(const struct pyw_request *request)
{
    return pyw_builtin_state(request->interpreter->module);
}

static bool has_callbacks(const struct pyw_request *request)
{
    return PyList_GET_SIZE(builtin_of(request)->event_callbacks) > 0;
}

/* CPU time of the calling thread. */
static void read_cpu(int64_t *user_us, int64_t *system_us)
{
    struct rusage usage;

    memset(&usage, 0, sizeof usage);
    (void)getrusage(RUSAGE_THREAD, &usage);
    *user_us = (int64_t)usage.ru_utime.tv_sec * 1000000 + usage.ru_utime.tv_usec;
    *system_us = (int64_t)usage.ru_stime.tv_sec * 1000000 + usage.ru_stime.tv_usec;
}

/* --- the course of a request -------------------------------------------------------
 */

static void begin(struct pyw_request *request)
{
    struct pyw_observation *observed = &request->observed;

    memset(observed, 0, sizeof *observed);
    observed->is_on = true;
    observed->begun_us = pyw_clock_now_us();
    read_cpu(&observed->user_us, &observed->system_us);
    pyw_counters_begin(observed->begun_us);
    pyw_reporter_enter(&observed->running, request->exchange->head, observed->begun_us);
}

/* Questions of the server's own, to scripts that decide, are no requests. */
static bool is_wanted(const struct pyw_request *request)
{
    return pyw_events_is_wanted() &&
           request->exchange->head->role == PYW_ROLE_APPLICATION;
}

void pyw_observe_begin(struct pyw_request *request)
{
    request->observed.is_on = false;
    if (is_wanted(request)) {
        begin(request);
    }
}

void pyw_observe_entered(struct pyw_request *request)
{
    if (request->observed.is_on) {
        request->observed.gil_waits++;
        request->observed.gil_us = pyw_clock_now_us() - request->observed.begun_us;
    }
}

void pyw_observe_loaded(struct pyw_request *request)
{
    if (!request->observed.is_on && is_wanted(request)) {
        begin(request);
    }
}

int64_t pyw_observe_now(const struct pyw_request *request)
{
    return request->observed.is_on ? pyw_clock_now_us() : 0;
}

void pyw_observe_input(struct pyw_request *request, int64_t since_us, int64_t got)
{
    struct pyw_observation *observed = &request->observed;

    if (observed->is_on) {
        observed->input_reads++;
        observed->input_length += got > 0 ? (uint64_t)got : 0;
        observed->input_us += pyw_clock_now_us() - since_us;
    }
}

void pyw_observe_output(struct pyw_request *request, int64_t since_us, uint64_t len)
{
    struct pyw_observation *observed = &request->observed;

    if (observed->is_on) {
        observed->output_writes++;
        observed->output_length += len;
        observed->output_us += pyw_clock_now_us() - since_us;
    }
}

void pyw_observe_acquire(struct pyw_request *request, void *token)
{
    int64_t since_us = pyw_observe_now(request);

    pyw_gil_acquire(token);
    if (request->observed.is_on) {
        request->observed.gil_waits++;
        request->observed.gil_us += pyw_clock_now_us() - since_us;
    }
}

/* --- events ------------------------------------------------------------------------
 */

static PyObject *seconds(int64_t us)
{
    return PyFloat_FromDouble((double)us / 1e6);
}

/* A value of environ under a name of its own, if it is there. @return 0, or -1 with an
 * exception. */
static int put_from_environ(PyObject *fields, const struct pyw_request *request,
                            const char *name, const char *key, bool is_number)
{
    PyObject *environ = request->active.environ;
    PyObject *value = environ != NULL ? pyw_guard_named(environ, key) : NULL;

    if (value == NULL) {
        return 0;
    }
    if (is_number && PyUnicode_Check(value)) {
        Py_SETREF(value, PyLong_FromUnicodeObject(value, 10));
    }
    return pyw_dicts_put(fields, name, value);
}

/* New reference to the fields that all events of a request have; NULL with an
 * exception. */
static PyObject *make_fields(const struct pyw_request *request)
{
    PyObject *fields = PyDict_New();
    /* Borrowed; it was made when the request began. */
    PyObject *data = request->active.data;

    if (fields != NULL && (put_from_environ(fields, request, "request_id",
                                            "mod_wsgi.request_id", false) != 0 ||
                           PyDict_SetItemString(fields, "request_data",
                                                data != NULL ? data : Py_None) != 0)) {
        Py_CLEAR(fields);
    }
    return fields;
}

/* What request_started and request_finished share. */
static int put_course(PyObject *fields, const struct pyw_request *request)
{
    const struct pyw_request_head *head = request->exchange->head;
    bool is_embedded = pyw_builtin_setup()->group[0] == '\0';
    int64_t picked_up_us = is_embedded ? 0 : request->picked_up_us;

    return put_from_environ(fields, request, "server_pid", "mod_wsgi.server_pid",
                            true) != 0 ||
                   pyw_dicts_put_count(fields, "thread_id", pyw_gil_thread_number()) !=
                       0 ||
                   pyw_dicts_put(fields, "request_start", seconds(head->arrival_us)) !=
                       0 ||
                   pyw_dicts_put(fields, "queue_start", seconds(head->queued_us)) !=
                       0 ||
                   pyw_dicts_put(fields, "daemon_start", seconds(picked_up_us)) != 0
               ? -1
               : 0;
}

static int put_start(PyObject *fields, const struct pyw_request *request,
                     PyObject *application, PyObject *environ)
{
    const struct pyw_request_head *head = request->exchange->head;

    return put_course(fields, request) != 0 ||
                   pyw_dicts_put_count(fields, "daemon_connects", head->connects) !=
                       0 ||
                   /* None is refused any more because a process restarts. */
                   pyw_dicts_put_count(fields, "daemon_restarts", 0) != 0 ||
                   pyw_dicts_put(fields, "application_start",
                                 seconds(request->observed.called_epoch_us)) != 0 ||
                   pyw_dicts_put(fields, "callable_object",
                                 PyUnicode_DecodeLatin1(head->callable.data,
                                                        (Py_ssize_t)head->callable.len,
                                                        NULL)) != 0 ||
                   PyDict_SetItemString(fields, "application_object", application) !=
                       0 ||
                   PyDict_SetItemString(fields, "request_environ", environ) != 0
               ? -1
               : 0;
}

/* An event that cannot be described, for want of memory, does not happen. */
static void publish(const struct pyw_request *request, const char *name,
                    PyObject *fields, int result)
{
    if (result == 0) {
        pyw_events_publish(builtin_of(request)->event_callbacks, name, fields);
    } else {
        PyErr_WriteUnraisable(NULL);
    }
}

PyObject *pyw_observe_start(struct pyw_request *request, PyObject *application,
                            PyObject *environ)
{
    struct pyw_observation *observed = &request->observed;
    PyObject *fields;
    PyObject *chosen;

    if (!observed->is_on) {
        return Py_NewRef(application);
    }
    observed->is_started = true;
    observed->called_epoch_us = pyw_clock_epoch_us();
    observed->called_us = pyw_clock_now_us();
    if (pyw_events_list(builtin_of(request), &request->active) != 0) {
        return NULL;
    }
    if (!has_callbacks(request)) {
        return Py_NewRef(application);
    }
    fields = make_fields(request);
    publish(request, "request_started", fields,
            fields != NULL ? put_start(fields, request, application, environ) : -1);
    chosen = fields != NULL ? PyDict_GetItemString(fields, "application_object") : NULL;
    chosen = Py_NewRef(chosen != NULL ? chosen : application);
    Py_XDECREF(fields);
    return chosen;
}

void pyw_observe_response(const struct pyw_request *request, PyObject *status,
                          PyObject *headers, PyObject *exc_info)
{
    PyObject *fields;
    int result = -1;

    if (!request->observed.is_on || !has_callbacks(request)) {
        return;
    }
    fields = make_fields(request);
    if (fields != NULL) {
        result =
            PyDict_SetItemString(fields, "response_status", status) != 0 ||
                    PyDict_SetItemString(fields, "response_headers", headers) != 0 ||
                    PyDict_SetItemString(fields, "exception_info", exc_info) != 0
                ? -1
                : 0;
    }
    publish(request, "response_started", fields, result);
    Py_XDECREF(fields);
}

void pyw_observe_exception(const struct pyw_request *request)
{
    PyObject *exception;
    PyObject *traceback;
    PyObject *fields;
    int result = -1;

    if (!request->observed.is_on || !has_callbacks(request)) {
        return;
    }
    exception = pyw_errors_take();
    traceback = exception != NULL ? PyException_GetTraceback(exception) : NULL;
    fields = exception != NULL ? make_fields(request) : NULL;
    if (fields != NULL) {
        result =
            pyw_dicts_put(fields, "exception_info",
                          PyTuple_Pack(3, (PyObject *)Py_TYPE(exception), exception,
                                       traceback != NULL ? traceback : Py_None));
    }
    publish(request, "request_exception", fields, result);
    Py_XDECREF(fields);
    Py_XDECREF(traceback);
    if (exception != NULL) {
        pyw_errors_put(exception);
    }
}

/* --- the end -----------------------------------------------------------------------
 */

/* Everything that is known at the end. */
struct account {
    int64_t finish_epoch_us;
    int64_t user_us;
    int64_t system_us;
    int64_t application_us;
    int64_t request_us; /* since Apache accepted it */
    int64_t wall_us;    /* of this thread */
    unsigned status;
};

static unsigned status_of(const struct pyw_request *request, enum pyw_outcome outcome)
{
    if (request->response.is_sent) {
        return request->response.head.status;
    }
    return outcome == PYW_OUTCOME_TIMEOUT ? 504 : 500;
}

static void close_account(const struct pyw_request *request, enum pyw_outcome outcome,
                          struct account *account)
{
    const struct pyw_observation *observed = &request->observed;
    int64_t now_us = pyw_clock_now_us();
    int64_t user_us;
    int64_t system_us;

    read_cpu(&user_us, &system_us);
    account->user_us = user_us - observed->user_us;
    account->system_us = system_us - observed->system_us;
    account->finish_epoch_us = pyw_clock_epoch_us();
    account->application_us = now_us - observed->called_us;
    account->request_us =
        account->finish_epoch_us - request->exchange->head->arrival_us;
    account->wall_us = now_us - observed->begun_us;
    account->status = status_of(request, outcome);
}

static int put_account(PyObject *fields, const struct pyw_request *request,
                       const struct account *account)
{
    const struct pyw_observation *observed = &request->observed;
    const struct {
        const char *name;
        int64_t us;
    } times[] = {
        {"application_finish", account->finish_epoch_us},
        {"application_time", account->application_us},
        {"input_time", observed->input_us},
        {"output_time", observed->output_us},
        {"cpu_user_time", account->user_us},
        {"cpu_system_time", account->system_us},
        {"cpu_time", account->user_us + account->system_us},
        {"gil_wait_time", observed->gil_us},
    };
    const struct {
        const char *name;
        uint64_t count;
    } counts[] = {
        {"input_reads", observed->input_reads},
        {"input_length", observed->input_length},
        {"output_writes", observed->output_writes},
        {"output_length", observed->output_length},
        {"gil_wait_count", observed->gil_waits},
        {"status", account->status},
    };

    for (size_t i = 0; i < sizeof times / sizeof times[0]; i++) {
        if (pyw_dicts_put(fields, times[i].name, seconds(times[i].us)) != 0) {
            return -1;
        }
    }
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        if (pyw_dicts_put_count(fields, counts[i].name, counts[i].count) != 0) {
            return -1;
        }
    }
    return put_course(fields, request);
}

static void publish_finished(const struct pyw_request *request,
                             const struct account *account)
{
    PyObject *fields = make_fields(request);

    publish(request, "request_finished", fields,
            fields != NULL ? put_account(fields, request, account) : -1);
    Py_XDECREF(fields);
}

static int64_t at_least_0(int64_t us)
{
    return us > 0 ? us : 0; /* a wall clock may be set back */
}

static void count(const struct pyw_request *request, const struct account *account)
{
    const struct pyw_observation *observed = &request->observed;
    const struct pyw_request_head *head = request->exchange->head;
    bool is_embedded = pyw_builtin_setup()->group[0] == '\0';
    int64_t called_us = observed->called_epoch_us;
    int64_t looked_us = is_embedded ? called_us : head->queued_us;
    struct pyw_sample sample = {
        .totals = {[PYW_TOTAL_REQUESTS] = 1,
                   [PYW_TOTAL_INPUT_BYTES] = observed->input_length,
                   [PYW_TOTAL_INPUT_READS] = observed->input_reads,
                   [PYW_TOTAL_OUTPUT_BYTES] = observed->output_length,
                   [PYW_TOTAL_OUTPUT_WRITES] = observed->output_writes,
                   [PYW_TOTAL_GIL_WAITS] = observed->gil_waits,
                   [PYW_TOTAL_BUSY_US] = (uint64_t)account->wall_us,
                   [PYW_TOTAL_CPU_US] =
                       (uint64_t)at_least_0(account->user_us + account->system_us)},
        .us = {[PYW_TIME_SERVER] = at_least_0(looked_us - head->arrival_us),
               [PYW_TIME_QUEUE] = -1,
               [PYW_TIME_DAEMON] = -1,
               [PYW_TIME_APPLICATION] = account->application_us,
               [PYW_TIME_REQUEST] = at_least_0(account->request_us),
               [PYW_TIME_GIL] = observed->gil_us,
               [PYW_TIME_INPUT] = observed->input_us,
               [PYW_TIME_OUTPUT] = observed->output_us},
    };
    unsigned class = account->status / 100;

    if (!is_embedded) {
        sample.us[PYW_TIME_QUEUE] = at_least_0(request->picked_up_us - looked_us);
        sample.us[PYW_TIME_DAEMON] = at_least_0(called_us - request->picked_up_us);
    }
    if (class >= 1 && class <= 5) {
        sample.totals[PYW_TOTAL_1XX + class - 1] = 1;
    }
    pyw_counters_end(&sample);
}

/* The script could not be loaded, or there was no memory: it counts as nothing. */
static void count_nothing(void)
{
    struct pyw_sample sample;

    memset(&sample, 0, sizeof sample);
    for (int i = 0; i < PYW_TIME_COUNT; i++) {
        sample.us[i] = -1;
    }
    pyw_counters_end(&sample);
}

void pyw_observe_end(struct pyw_request *request, enum pyw_outcome outcome)
{
    struct account account;

    if (!request->observed.is_on) {
        return;
    }
    pyw_reporter_leave(&request->observed.running);
    if (!request->observed.is_started) {
        count_nothing();
        return;
    }
    close_account(request, outcome, &account);
    if (has_callbacks(request)) {
        publish_finished(request, &account);
    }
    count(request, &account);
}
