#include "python/api.h"

#include <stdbool.h>
#include <string.h>

#include "python/builtin.h"
#include "python/dicts.h"
#include "python/events.h"
#include "python/log.h"
#include "python/metrics.h"
#include "python/pyw_gil.h"
#include "python/scoreboard.h"
#include "python/sources.h"
#include "python/stream.h"

static bool is_embedded(void)
{
    return pyw_builtin_setup()->group[0] == '\0';
}

/* --- subscribing ------------------------------------------------------------------ */

/* New reference to the callback, so that it can be a decorator. */
static PyObject *subscribe(PyObject *list, PyObject *callback)
{
    if (!PyCallable_Check(callback)) {
        PyErr_Format(PyExc_TypeError, "a callback must be callable, not %.200s",
                     Py_TYPE(callback)->tp_name);
        return NULL;
    }
    return PyList_Append(list, callback) == 0 ? Py_NewRef(callback) : NULL;
}

static PyObject *subscribe_events(PyObject *module, PyObject *callback)
{
    PyObject *result = subscribe(pyw_builtin_state(module)->event_callbacks, callback);

    if (result != NULL) {
        pyw_events_want();
    }
    return result;
}

static PyObject *subscribe_shutdown(PyObject *module, PyObject *callback)
{
    return subscribe(pyw_builtin_state(module)->shutdown_callbacks, callback);
}

static PyObject *subscribe_signals(PyObject *module, PyObject *callback)
{
    PyObject *result = subscribe(pyw_builtin_state(module)->signal_callbacks, callback);

    if (result != NULL && is_embedded()) {
        PYW_LOG(pyw_log_print_held, pyw_log_bound(), SIGNALS_EMBEDDED);
    }
    return result;
}

/* --- requests and metrics ----------------------------------------------------------
 */

static PyObject *request_data(PyObject *module, PyObject *unused)
{
    struct pyw_active *active = pyw_events_current();

    (void)module;
    (void)unused;
    if (active == NULL) {
        PyErr_SetString(PyExc_RuntimeError, "no active request for thread");
        return NULL;
    }
    return Py_XNewRef(pyw_events_data(active));
}

static PyObject *start_recording_metrics(PyObject *module, PyObject *unused)
{
    (void)unused;
    if (pyw_metrics_start(pyw_builtin_state(module)) != 0) {
        return NULL;
    }
    pyw_events_want();
    Py_RETURN_NONE;
}

static PyObject *request_metrics(PyObject *module, PyObject *unused)
{
    (void)unused;
    return pyw_metrics_of_requests(pyw_builtin_state(module));
}

static PyObject *process_metrics(PyObject *module, PyObject *unused)
{
    (void)module;
    (void)unused;
    return pyw_metrics_of_process();
}

static PyObject *server_metrics(PyObject *module, PyObject *unused)
{
    (void)module;
    (void)unused;
    return pyw_scoreboard_describe();
}

/* --- what is made when it is asked for ----------------------------------------------
 */

static const char *const names[] = {"FileWrapper",
                                    "LogHandler",
                                    "RequestTimeout",
                                    "active_requests",
                                    "after_fork",
                                    "application_group",
                                    "event_callbacks",
                                    "maximum_processes",
                                    "process_group",
                                    "process_metrics",
                                    "request_data",
                                    "request_metrics",
                                    "server_metrics",
                                    "shutdown_callbacks",
                                    "signal_callbacks",
                                    "start_recording_metrics",
                                    "subscribe_events",
                                    "subscribe_shutdown",
                                    "subscribe_signals",
                                    "threads_per_process",
                                    "version"};
#define NAMES (sizeof names / sizeof names[0])

/* New reference to the names in order. */
static PyObject *list_names(PyObject *module, PyObject *unused)
{
    PyObject *list = PyList_New(NAMES);

    (void)module;
    (void)unused;
    for (size_t i = 0; list != NULL && i < NAMES; i++) {
        PyObject *name = PyUnicode_FromString(names[i]);

        if (name == NULL) {
            Py_CLEAR(list);
        } else {
            PyList_SET_ITEM(list, (Py_ssize_t)i, name);
        }
    }
    return list;
}

/* Who looks at requests wants to know of them, of the one at hand too. */
static int want_requests(struct pyw_builtin *state)
{
    struct pyw_active *active = pyw_events_current();

    pyw_events_want();
    return active != NULL ? pyw_events_list(state, active) : 0;
}

/* New reference; NULL with an exception, or without where the module has no such name.
 */
static PyObject *make(struct pyw_builtin *state, PyObject *name)
{
    if (PyUnicode_CompareWithASCIIString(name, "LogHandler") == 0) {
        return PyObject_CallNoArgs(state->make_handler);
    }
    if (PyUnicode_CompareWithASCIIString(name, "event_callbacks") == 0) {
        return want_requests(state) == 0 ? Py_NewRef(state->event_callbacks) : NULL;
    }
    if (PyUnicode_CompareWithASCIIString(name, "active_requests") == 0) {
        return want_requests(state) == 0 ? Py_NewRef(state->active_requests) : NULL;
    }
    return NULL;
}

/* The module's __getattr__: for names that its dict does not hold. */
static PyObject *find_name(PyObject *module, PyObject *name)
{
    PyObject *value;
    PyObject *kept;

    if (!PyUnicode_Check(name)) {
        PyErr_SetString(PyExc_TypeError, "a name must be str");
        return NULL;
    }
    value = make(pyw_builtin_state(module), name);
    if (value == NULL && !PyErr_Occurred()) {
        PyErr_Format(PyExc_AttributeError, "module 'mod_wsgi' has no attribute '%U'",
                     name);
    }
    if (value == NULL) {
        return NULL;
    }
    /* Another thread may have been here meanwhile: all get the same. */
    kept = Py_XNewRef(PyDict_SetDefault(PyModule_GetDict(module), name, value));
    Py_DECREF(value);
    return kept;
}

/* --- for api.py ---------------------------------------------------------------------
 */

/* Levels of `logging` in Apache's words. */
static enum pyw_level level_of(long number)
{
    static const struct {
        long least;
        enum pyw_level level;
    } rows[] = {{50, PYW_LEVEL_CRIT},
                {40, PYW_LEVEL_ERR},
                {30, PYW_LEVEL_WARNING},
                {20, PYW_LEVEL_INFO}};

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (number >= rows[i].least) {
            return rows[i].level;
        }
    }
    return PYW_LEVEL_DEBUG;
}

static PyObject *log_record(PyObject *module, PyObject *arguments)
{
    PyObject *text;
    PyObject *bytes;
    long number;
    void *token;

    (void)module;
    if (!PyArg_ParseTuple(arguments, "Ul", &text, &number)) {
        return NULL;
    }
    bytes = PyUnicode_AsEncodedString(text, "utf-8", "backslashreplace");
    if (bytes == NULL) {
        return NULL;
    }
    token = pyw_gil_release();
    pyw_log_text(pyw_log_bound(), level_of(number), PyBytes_AS_STRING(bytes),
                 (size_t)PyBytes_GET_SIZE(bytes));
    pyw_gil_acquire(token);
    Py_DECREF(bytes);
    Py_RETURN_NONE;
}

/* The thread writes a record of this level from now on, None: none. New reference to
 * what was set before, to be set again: a level of `logging` is given as its number,
 * what was before as the negative of ours. */
static PyObject *set_level(PyObject *module, PyObject *wanted)
{
    long number = wanted != Py_None ? PyLong_AsLong(wanted) : 0;
    int level = -1;
    int before;

    (void)module;
    if (number == -1 && PyErr_Occurred()) {
        PyErr_Clear(); /* a level that is no number is none of ours to complain of */
        number = 40;
    }
    if (wanted != Py_None) {
        level = number < 0 ? (int)(-1 - number) : (int)level_of(number);
    }
    before = pyw_stream_set_level(level);
    return before < 0 ? Py_NewRef(Py_None) : PyLong_FromLong(-1 - before);
}

static PyObject *is_log(PyObject *module, PyObject *stream)
{
    return PyBool_FromLong(
        pyw_stream_is_ours(stream, pyw_builtin_state(module)->log_type));
}

static PyObject *hold(PyObject *module, PyObject *wanted)
{
    bool is_wanted = wanted == Py_True;

    (void)module;
    return PyBool_FromLong(pyw_stream_hold(is_wanted));
}

/* New reference to what the module `apache` holds. */
static PyObject *describe_apache(void)
{
    const struct pyw_setup *setup = pyw_builtin_setup();
    const uint32_t *version = setup->server_version;

    return Py_BuildValue("{s(III)sIsIszszsz}", "version", version[0], version[1],
                         version[2], "maximum_processes", setup->mpm_processes,
                         "threads_per_process", setup->mpm_threads, "description",
                         setup->server_description, "mpm_name", setup->mpm_name,
                         "build_date", setup->server_built);
}

static PyMethodDef for_python[] = {
    {"log", log_record, METH_VARARGS, NULL},
    {"set_level", set_level, METH_O, NULL},
    {"is_log", is_log, METH_O, NULL},
    {"hold", hold, METH_O, NULL},
    {NULL, NULL, 0, NULL},
};

/* New reference to the dict that api.py's install() takes. */
static PyObject *offer(PyObject *module)
{
    PyObject *dict = PyDict_New();
    int result = dict != NULL ? 0 : -1;

    for (PyMethodDef *row = for_python; result == 0 && row->ml_name != NULL; row++) {
        result = pyw_dicts_put(dict, row->ml_name, PyCFunction_New(row, module));
    }
    if (result != 0 || pyw_dicts_put(dict, "module", Py_NewRef(module)) != 0 ||
        pyw_dicts_put(dict, "is_embedded", PyBool_FromLong(is_embedded())) != 0 ||
        pyw_dicts_put(dict, "apache", describe_apache()) != 0) {
        Py_CLEAR(dict);
    }
    return dict;
}

/* New reference to the names that api.py defines. */
static PyObject *execute_source(void)
{
    PyObject *globals = PyDict_New();
    PyObject *code;
    PyObject *result = NULL;

    if (globals == NULL ||
        pyw_dicts_put(globals, "__builtins__", PyImport_ImportModule("builtins")) !=
            0 ||
        pyw_dicts_put(globals, "__name__", PyUnicode_FromString("mod_wsgi")) != 0) {
        Py_CLEAR(globals);
        return NULL;
    }
    code = Py_CompileString(pyw_sources_api, "<mod_pywsgi api>", Py_file_input);
    if (code != NULL) {
        result = PyEval_EvalCode(code, globals, globals);
        Py_DECREF(code);
    }
    if (result == NULL) {
        Py_CLEAR(globals);
    }
    Py_XDECREF(result);
    return globals;
}

static int install_source(PyObject *module)
{
    struct pyw_builtin *state = pyw_builtin_state(module);
    PyObject *globals = execute_source();
    PyObject *offered = globals != NULL ? offer(module) : NULL;
    PyObject *install = NULL;
    PyObject *result = NULL;

    if (offered != NULL) {
        state->make_handler = Py_XNewRef(PyDict_GetItemString(globals, "make_handler"));
        state->run_after_fork =
            Py_XNewRef(PyDict_GetItemString(globals, "run_after_fork"));
        install = PyDict_GetItemString(globals, "install"); /* borrowed */
    }
    if (install != NULL && state->make_handler != NULL &&
        state->run_after_fork != NULL) {
        result = PyObject_CallOneArg(install, offered);
    }
    Py_XDECREF(offered);
    Py_XDECREF(globals);
    Py_XDECREF(result);
    return result != NULL ? 0 : -1;
}

/* --- the module ---------------------------------------------------------------------
 */

static PyMethodDef functions[] = {
    {"subscribe_events", subscribe_events, METH_O,
     "Calls back on each event of requests and of the process."},
    {"subscribe_shutdown", subscribe_shutdown, METH_O,
     "Calls back when the process is about to end."},
    {"subscribe_signals", subscribe_signals, METH_O,
     "Calls back when the process gets SIGHUP or SIGUSR2."},
    {"request_data", request_data, METH_NOARGS,
     "A dict that belongs to the request of the calling thread."},
    {"start_recording_metrics", start_recording_metrics, METH_NOARGS,
     "Begins to count what requests cost."},
    {"request_metrics", request_metrics, METH_NOARGS,
     "What requests cost since this function was called last."},
    {"process_metrics", process_metrics, METH_NOARGS,
     "What requests cost since metrics are recorded."},
    {"server_metrics", server_metrics, METH_NOARGS, "What Apache's processes do."},
    {"__getattr__", find_name, METH_O, NULL},
    {"__dir__", list_names, METH_NOARGS, NULL},
    {NULL, NULL, 0, NULL},
};

/* For `import *`, which would leave out what __getattr__ makes. */
static int add_all(PyObject *module)
{
    PyObject *all = list_names(module, NULL);
    int rv = PyModule_AddObjectRef(module, "__all__", all);

    Py_XDECREF(all);
    return rv;
}

int pyw_api_add(PyObject *module)
{
    const struct pyw_builtin *state = pyw_builtin_state(module);

    if (PyModule_AddFunctions(module, functions) != 0 ||
        PyModule_AddObjectRef(module, "shutdown_callbacks",
                              state->shutdown_callbacks) != 0 ||
        PyModule_AddObjectRef(module, "signal_callbacks", state->signal_callbacks) !=
            0 ||
        add_all(module) != 0) {
        return -1;
    }
    return install_source(module);
}
