#include "wsgi/module.h"

#include <stddef.h>

#include "python/runtime.h"
#include "wsgi/environ.h"
#include "wsgi/file_wrapper.h"
#include "wsgi/hints.h"
#include "wsgi/input.h"
#include "wsgi/start.h"

#define NAME "_mod_pywsgi_wsgi"

struct pyw_wsgi *pyw_module_state(PyObject *module)
{
    return PyModule_GetState(module);
}

/* The references of the state that clean-up has to know, the keys aside. */
static const size_t references[] = {
    offsetof(struct pyw_wsgi, input_type),
    offsetof(struct pyw_wsgi, start_type),
    offsetof(struct pyw_wsgi, file_wrapper_type),
    offsetof(struct pyw_wsgi, hints_type),
    offsetof(struct pyw_wsgi, hints_key),
    offsetof(struct pyw_wsgi, input_key),
    offsetof(struct pyw_wsgi, errors_key),
    offsetof(struct pyw_wsgi, thread_key),
    offsetof(struct pyw_wsgi, request_start_key),
    offsetof(struct pyw_wsgi, queue_start_key),
    offsetof(struct pyw_wsgi, daemon_start_key),
    offsetof(struct pyw_wsgi, application_start_key),
    offsetof(struct pyw_wsgi, close_name),
    offsetof(struct pyw_wsgi, constants),
};
#define REFERENCES (sizeof references / sizeof references[0])

static PyObject **reference_at(struct pyw_wsgi *state, size_t i)
{
    return (PyObject **)(void *)((char *)state + references[i]);
}

static int intern_names(struct pyw_wsgi *state)
{
    const struct {
        PyObject **slot;
        const char *name;
    } names[] = {
        {&state->input_key, "wsgi.input"},
        {&state->hints_key, "wsgi.early_hints"},
        {&state->errors_key, "wsgi.errors"},
        {&state->thread_key, "mod_wsgi.thread_id"},
        {&state->request_start_key, "mod_wsgi.request_start"},
        {&state->queue_start_key, "mod_wsgi.queue_start"},
        {&state->daemon_start_key, "mod_wsgi.daemon_start"},
        {&state->application_start_key, "mod_wsgi.application_start"},
        {&state->close_name, "close"},
    };

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        *names[i].slot = PyUnicode_InternFromString(names[i].name);
        if (*names[i].slot == NULL) {
            return -1;
        }
    }
    return 0;
}

static int intern_keys(struct pyw_wsgi *state)
{
    for (unsigned id = 1; id < PYW_HEAD_KEYS; id++) {
        struct pyw_span name = pyw_head_key_name((uint8_t)id);

        state->keys[id] = PyUnicode_FromStringAndSize(name.data, (Py_ssize_t)name.len);
        if (state->keys[id] == NULL) {
            return -1;
        }
        PyUnicode_InternInPlace(&state->keys[id]);
    }
    return 0;
}

static int execute(PyObject *module)
{
    struct pyw_wsgi *state = pyw_module_state(module);

    if (intern_names(state) != 0 || intern_keys(state) != 0) {
        return -1;
    }
    state->input_type = pyw_input_new_type(module);
    state->start_type = pyw_start_new_type(module);
    state->file_wrapper_type = pyw_file_wrapper_new_type(module);
    state->hints_type = pyw_hints_new_type(module);
    if (state->input_type == NULL || state->start_type == NULL ||
        state->file_wrapper_type == NULL || state->hints_type == NULL) {
        return -1;
    }
    state->constants = pyw_environ_constants(state);
    if (state->constants == NULL) {
        return -1;
    }
    return PyModule_AddObjectRef(module, "FileWrapper", state->file_wrapper_type);
}

static int traverse(PyObject *module, visitproc visit, void *arg)
{
    struct pyw_wsgi *state = pyw_module_state(module);

    for (size_t i = 0; i < REFERENCES; i++) {
        Py_VISIT(*reference_at(state, i));
    }
    return 0;
}

static int clear(PyObject *module)
{
    struct pyw_wsgi *state = pyw_module_state(module);

    pyw_store_clear(&state->store);
    for (unsigned id = 1; id < PYW_HEAD_KEYS; id++) {
        Py_CLEAR(state->keys[id]);
    }
    for (size_t i = 0; i < REFERENCES; i++) {
        Py_CLEAR(*reference_at(state, i));
    }
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
    PyModuleDef_HEAD_INIT, .m_name = NAME,         .m_size = sizeof(struct pyw_wsgi),
    .m_slots = slots,      .m_traverse = traverse, .m_clear = clear,
    .m_free = release,
};

static PyObject *init(void)
{
    return PyModuleDef_Init(&definition);
}

static const char *const public_names[] = {"FileWrapper", NULL};

const struct pyw_protocol pyw_module_wsgi = {
    .module = NAME,
    .init = init,
    .public = public_names,
};
