#include "python/events.h"

#include "python/errors.h"
#include "python/guard.h"
#include "python/interpreter.h"
#include "python/log.h"
#include "python/prelude.h"

#define CALLBACKS "callbacks of event"

atomic_bool pyw_events_wanted;

static __thread struct pyw_active *current;

void pyw_events_want(void)
{
    atomic_store(&pyw_events_wanted, true);
}

/* --- the thread's request ------------------------------------------------------- */

struct pyw_active *pyw_events_current(void)
{
    return current;
}

struct pyw_active *pyw_events_hide(void)
{
    struct pyw_active *active = current;

    current = NULL;
    return active;
}

void pyw_events_show(struct pyw_active *active)
{
    current = active;
}

void pyw_events_enter(struct pyw_active *active, PyObject *environ)
{
    active->environ = environ;
    active->data = NULL;
    active->id = NULL;
    current = active;
}

void pyw_events_leave(struct pyw_builtin *state, struct pyw_active *active)
{
    current = NULL;
    active->environ = NULL;
    if (active->id != NULL && PyDict_DelItem(state->active_requests, active->id) != 0) {
        PyErr_Clear(); /* the application took it out */
    }
    Py_CLEAR(active->id);
    Py_CLEAR(active->data);
}

PyObject *pyw_events_data(struct pyw_active *active)
{
    if (active->data == NULL) {
        active->data = PyDict_New();
    }
    return active->data;
}

int pyw_events_list(struct pyw_builtin *state, struct pyw_active *active)
{
    PyObject *data = pyw_events_data(active);
    PyObject *id;

    if (data == NULL) {
        return -1;
    }
    if (active->environ == NULL || active->id != NULL) {
        return 0;
    }
    id = pyw_guard_item(active->environ, state->id_name);
    if (id == NULL) {
        return PyErr_Occurred() ? -1 : 0;
    }
    if (PyDict_SetItem(state->active_requests, id, data) != 0) {
        Py_DECREF(id);
        return -1;
    }
    active->id = id;
    return 0;
}

/* --- publishing ------------------------------------------------------------------ */

/* Takes what the callback returned, stolen; NULL with an exception. */
static void merge(PyObject *fields, PyObject *result, const char *name)
{
    int rv = result != NULL ? 0 : -1;

    if (result != NULL && PyDict_Check(result)) {
        rv = PyDict_Update(fields, result);
    }
    Py_XDECREF(result);
    if (rv != 0) {
        char class[PYW_ERRORS_NAME_MAX];

        pyw_errors_class(class);
        PYW_LOG(pyw_errors_log, pyw_log_bound(), CALLBACK_FAILED, class, name);
    }
}

void pyw_events_publish(PyObject *callbacks, const char *name, PyObject *fields)
{
    PyObject *snapshot = PyList_AsTuple(callbacks);
    PyObject *arguments = Py_BuildValue("(s)", name);

    if (snapshot == NULL || arguments == NULL) {
        merge(fields, NULL, name);
    } else {
        for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(snapshot); i++) {
            merge(fields,
                  PyObject_Call(PyTuple_GET_ITEM(snapshot, i), arguments, fields),
                  name);
        }
    }
    Py_XDECREF(snapshot);
    Py_XDECREF(arguments);
}

/* Likewise; steals `fields`, NULL with an exception included. */
static void publish_new(PyObject *callbacks, const char *name, PyObject *fields)
{
    if (fields == NULL) {
        merge(NULL, NULL, name);
        return;
    }
    pyw_events_publish(callbacks, name, fields);
    Py_DECREF(fields);
}

/* --- of the process ----------------------------------------------------------------
 */

/* For pyw_interpreter_each, whose functions get no argument; written by the one thread
 * that publishes what concerns the process. */
static __thread struct {
    const char *text;
    int number;
} subject;

static void publish_stopping(struct pyw_interpreter *interpreter)
{
    const struct pyw_builtin *state = pyw_builtin_state(interpreter->module);
    PyObject *const lists[] = {state->event_callbacks, state->shutdown_callbacks};

    for (size_t i = 0; i < 2; i++) {
        if (PyList_GET_SIZE(lists[i]) > 0) {
            publish_new(lists[i], "process_stopping",
                        Py_BuildValue("{ss}", "shutdown_reason", subject.text));
            pyw_prelude_leave_fork(CALLBACKS, PYW_SPAN("process_stopping"));
        }
    }
}

static void publish_signal(struct pyw_interpreter *interpreter)
{
    const struct pyw_builtin *state = pyw_builtin_state(interpreter->module);
    PyObject *const lists[] = {state->event_callbacks, state->signal_callbacks};

    for (size_t i = 0; i < 2; i++) {
        if (PyList_GET_SIZE(lists[i]) > 0) {
            publish_new(lists[i], "process_signal",
                        Py_BuildValue("{sssi}", "signame", subject.text, "signum",
                                      subject.number));
            pyw_prelude_leave_fork(CALLBACKS, PYW_SPAN("process_signal"));
        }
    }
}

void pyw_events_stopping(const char *reason)
{
    static atomic_flag is_done = ATOMIC_FLAG_INIT;

    if (!atomic_flag_test_and_set(&is_done) && Py_IsInitialized()) {
        subject.text = reason;
        pyw_interpreter_each(publish_stopping);
    }
}

void pyw_events_signal(const char *name, int number)
{
    subject.text = name;
    subject.number = number;
    pyw_interpreter_each(publish_signal);
}
