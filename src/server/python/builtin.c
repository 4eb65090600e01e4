#include "python/builtin.h"

#include <stddef.h>
#include <stdio.h>

#include "base/clock.h"
#include "python/api.h"
#include "python/interpreter.h"
#include "python/stream.h"
#include "python/view.h"

static const struct pyw_protocol *registered;
static const struct pyw_setup *setup;
static int64_t started_us;

struct pyw_builtin *pyw_builtin_state(PyObject *module)
{
    return PyModule_GetState(module);
}

const struct pyw_setup *pyw_builtin_setup(void)
{
    return setup;
}

int64_t pyw_builtin_started_us(void)
{
    return started_us;
}

void pyw_builtin_restart(void)
{
    started_us = pyw_clock_epoch_us();
}

const struct pyw_protocol *pyw_builtin_protocol(void)
{
    return registered;
}

PyObject *pyw_builtin_version(void)
{
    int numbers[3] = {0, 0, 0};

    if (sscanf(PYW_VERSION, "%d.%d.%d", &numbers[0], &numbers[1], &numbers[2]) < 1) {
        numbers[0] = 0;
    }
    return Py_BuildValue("(iii)", numbers[0], numbers[1], numbers[2]);
}

/* Adds a value to the module; steals the reference, NULL with an exception included. */
static int add(PyObject *module, const char *name, PyObject *value)
{
    int result = value != NULL ? PyModule_AddObjectRef(module, name, value) : -1;

    Py_XDECREF(value);
    return result;
}

static int add_protocol(PyObject *module)
{
    PyObject *protocol;
    int result = 0;

    if (registered == NULL) {
        return 0;
    }
    protocol = PyImport_ImportModule(registered->module);
    if (protocol == NULL) {
        return -1;
    }
    for (const char *const *name = registered->public; *name != NULL && result == 0;
         name++) {
        result = add(module, *name, PyObject_GetAttrString(protocol, *name));
    }
    Py_DECREF(protocol);
    return result;
}

/* The references of the state. */
static const size_t references[] = {
    offsetof(struct pyw_builtin, log_type),
    offsetof(struct pyw_builtin, text_io_wrapper),
    offsetof(struct pyw_builtin, request_timeout),
    offsetof(struct pyw_builtin, mtime_name),
    offsetof(struct pyw_builtin, reload_name),
    offsetof(struct pyw_builtin, event_callbacks),
    offsetof(struct pyw_builtin, shutdown_callbacks),
    offsetof(struct pyw_builtin, signal_callbacks),
    offsetof(struct pyw_builtin, active_requests),
    offsetof(struct pyw_builtin, id_name),
    offsetof(struct pyw_builtin, make_handler),
    offsetof(struct pyw_builtin, run_after_fork),
};
#define REFERENCES (sizeof references / sizeof references[0])

static PyObject **reference_at(struct pyw_builtin *state, size_t i)
{
    return (PyObject **)(void *)((char *)state + references[i]);
}

/* All of the state but what api.py defines, which comes later. */
static int fill_state(struct pyw_builtin *state, PyObject *module)
{
    PyObject *io = PyImport_ImportModule("io");

    if (io == NULL) {
        return -1;
    }
    state->text_io_wrapper = PyObject_GetAttrString(io, "TextIOWrapper");
    Py_DECREF(io);
    state->log_type = pyw_stream_new_type(module);
    state->request_timeout = PyErr_NewExceptionWithDoc(
        "mod_wsgi.RequestTimeout",
        "Raised in a request that runs longer than request-timeout=.",
        PyExc_BaseException, NULL);
    state->mtime_name = PyUnicode_InternFromString("__mtime__");
    state->reload_name = PyUnicode_InternFromString("reload_required");
    state->event_callbacks = PyList_New(0);
    state->shutdown_callbacks = PyList_New(0);
    state->signal_callbacks = PyList_New(0);
    state->active_requests = PyDict_New();
    state->id_name = PyUnicode_InternFromString("mod_wsgi.request_id");
    for (size_t i = 0; i < REFERENCES; i++) {
        if (*reference_at(state, i) == NULL &&
            references[i] < offsetof(struct pyw_builtin, make_handler)) {
            return -1;
        }
    }
    return 0;
}

static int execute(PyObject *module)
{
    const struct pyw_interpreter *interpreter = pyw_interpreter_current();
    struct pyw_builtin *state = pyw_builtin_state(module);

    if (fill_state(state, module) != 0 ||
        add(module, "RequestTimeout", Py_NewRef(state->request_timeout)) != 0 ||
        add(module, "version", pyw_builtin_version()) != 0 ||
        add(module, "process_group", PyUnicode_FromString(setup->group)) != 0 ||
        add(module, "application_group",
            PyUnicode_DecodeLatin1(interpreter->name, (Py_ssize_t)interpreter->name_len,
                                   NULL)) != 0 ||
        add(module, "maximum_processes",
            PyLong_FromUnsignedLong(setup->maximum_processes)) != 0 ||
        add(module, "threads_per_process",
            PyLong_FromUnsignedLong(setup->threads_per_process)) != 0 ||
        pyw_api_add(module) != 0) {
        return -1;
    }
    return add_protocol(module);
}

static int traverse(PyObject *module, visitproc visit, void *arg)
{
    struct pyw_builtin *state = pyw_builtin_state(module);

    for (size_t i = 0; i < REFERENCES; i++) {
        Py_VISIT(*reference_at(state, i));
    }
    return 0;
}

static int clear(PyObject *module)
{
    struct pyw_builtin *state = pyw_builtin_state(module);

    for (size_t i = 0; i < REFERENCES; i++) {
        Py_CLEAR(*reference_at(state, i));
    }
    pyw_view_free_reader(state->reader);
    state->reader = NULL;
    return 0;
}

static void release(void *module)
{
    (void)clear(module);
}

static PyModuleDef_Slot slots[] = {
    {Py_mod_exec, execute},
#ifdef Py_mod_multiple_interpreters
    {Py_mod_multiple_interpreters, Py_MOD_PER_INTERPRETER_GIL_SUPPORTED},
#endif
#ifdef Py_mod_gil
    {Py_mod_gil, Py_MOD_GIL_NOT_USED}, /* python/guard.h */
#endif
    {0, NULL},
};

static PyModuleDef definition = {
    PyModuleDef_HEAD_INIT,
    .m_name = "mod_wsgi",
    .m_doc =
        "The server that runs this application: mod_pywsgi, under its traditional name.",
    .m_size = sizeof(struct pyw_builtin),
    .m_slots = slots,
    .m_traverse = traverse,
    .m_clear = clear,
    .m_free = release,
};

static PyObject *init(void)
{
    return PyModuleDef_Init(&definition);
}

void pyw_builtin_register_protocol(const struct pyw_protocol *protocol)
{
    registered = protocol;
}

int pyw_builtin_install(const struct pyw_setup *process_setup)
{
    setup = process_setup;
    started_us = pyw_clock_epoch_us();
    if (PyImport_AppendInittab("mod_wsgi", init) != 0) {
        return -1;
    }
    return registered != NULL
               ? PyImport_AppendInittab(registered->module, registered->init)
               : 0;
}
