#include "python/builtin.h"

#include <stdio.h>

#include "python/interpreter.h"
#include "python/stream.h"

static const struct pyw_protocol *registered;
static const struct pyw_setup *setup;

struct pyw_builtin *pyw_builtin_state(PyObject *module)
{
    return PyModule_GetState(module);
}

const struct pyw_setup *pyw_builtin_setup(void)
{
    return setup;
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

static int execute(PyObject *module)
{
    const struct pyw_interpreter *interpreter = pyw_interpreter_current();
    struct pyw_builtin *state = pyw_builtin_state(module);
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
    if (state->text_io_wrapper == NULL || state->log_type == NULL ||
        state->request_timeout == NULL || state->mtime_name == NULL ||
        state->reload_name == NULL) {
        return -1;
    }
    if (add(module, "RequestTimeout", Py_NewRef(state->request_timeout)) != 0 ||
        add(module, "version", pyw_builtin_version()) != 0 ||
        add(module, "process_group", PyUnicode_FromString(setup->group)) != 0 ||
        add(module, "application_group",
            PyUnicode_DecodeLatin1(interpreter->name, (Py_ssize_t)interpreter->name_len,
                                   NULL)) != 0 ||
        add(module, "maximum_processes",
            PyLong_FromUnsignedLong(setup->maximum_processes)) != 0 ||
        add(module, "threads_per_process",
            PyLong_FromUnsignedLong(setup->threads_per_process)) != 0) {
        return -1;
    }
    return add_protocol(module);
}

static int traverse(PyObject *module, visitproc visit, void *arg)
{
    struct pyw_builtin *state = pyw_builtin_state(module);

    Py_VISIT(state->log_type);
    Py_VISIT(state->text_io_wrapper);
    Py_VISIT(state->request_timeout);
    return 0;
}

static int clear(PyObject *module)
{
    struct pyw_builtin *state = pyw_builtin_state(module);

    Py_CLEAR(state->log_type);
    Py_CLEAR(state->text_io_wrapper);
    Py_CLEAR(state->request_timeout);
    Py_CLEAR(state->mtime_name);
    Py_CLEAR(state->reload_name);
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
    if (PyImport_AppendInittab("mod_wsgi", init) != 0) {
        return -1;
    }
    return registered != NULL
               ? PyImport_AppendInittab(registered->module, registered->init)
               : 0;
}
