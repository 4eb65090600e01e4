#include "wsgi/start.h"

#include <stddef.h>

#if PY_VERSION_HEX < 0x030C0000
#include <structmember.h>
#define Py_T_PYSSIZET T_PYSSIZET
#define Py_READONLY READONLY
#endif

#include "python/errors.h"
#include "python/guard.h"
#include "wsgi/request.h"
#include "wsgi/rules.h"

struct start {
    PyObject_HEAD struct pyw_request *request; /* NULL: over */
    vectorcallfunc vectorcall;
};

/* --- write() ------------------------------------------------------------------- */

/* Inside of the guard. */
static PyObject *write_guarded(const struct start *self, PyObject *data)
{
    struct pyw_request *request = self->request;

    if (request == NULL) {
        PyErr_SetString(PyExc_RuntimeError, "write() called after request completed");
        return NULL;
    }
    if (!PyBytes_Check(data)) {
        PyErr_Format(PyExc_TypeError, "write() argument must be bytes, not %.200s",
                     Py_TYPE(data)->tp_name);
        return NULL;
    }
    if (PyBytes_GET_SIZE(data) == 0 && request->send_error == 0) {
        Py_RETURN_NONE;
    }
    if (pyw_response_send(request, PyBytes_AS_STRING(data),
                          (size_t)PyBytes_GET_SIZE(data), false) != 0) {
        if (!PyErr_Occurred()) {
            PyErr_Format(PyExc_OSError, "mod_wsgi %s",
                         pyw_request_reason(request->send_error));
        }
        return NULL;
    }
    Py_RETURN_NONE;
}

static PyObject *write_body(PyObject *self, PyObject *data)
{
    PyObject *result;

    PYW_GUARD_BEGIN(self);
    result = write_guarded((struct start *)self, data);
    PYW_GUARD_END();
    return result;
}

static PyMethodDef write_method = {"write", write_body, METH_O,
                                   "Sends a piece of the response's body."};

/* --- start_response() ---------------------------------------------------------- */

/* Raises the application's own exception again. @return -1. */
static int raise_again(PyObject *exc_info)
{
    PyObject *type = PyTuple_GET_ITEM(exc_info, 0);
    PyObject *value = PyTuple_GET_ITEM(exc_info, 1);
    PyObject *traceback = PyTuple_GET_ITEM(exc_info, 2);

    if (PyExceptionInstance_Check(value)) {
        if (traceback != Py_None) {
            (void)PyException_SetTraceback(value, traceback);
        }
        pyw_errors_put(Py_NewRef(value));
    } else if (PyExceptionClass_Check(type)) {
        PyErr_SetObject(type, value == Py_None ? NULL : value);
    } else {
        PyErr_SetString(
            PyExc_RuntimeError,
            "start_response() argument 'exc_info' holds no exception to raise again");
    }
    return -1;
}

/* May start_response() be called now? @return 0, or -1 with an exception. */
static int check_call(const struct pyw_response *response, PyObject *exc_info)
{
    if (exc_info != Py_None &&
        (!PyTuple_Check(exc_info) || PyTuple_GET_SIZE(exc_info) != 3)) {
        PyErr_SetString(
            PyExc_RuntimeError,
            "start_response() argument 'exc_info' must be a 3-tuple or None");
        return -1;
    }
    if (!response->is_sent) {
        return 0;
    }
    if (exc_info != Py_None) {
        return raise_again(exc_info);
    }
    PyErr_SetString(PyExc_RuntimeError,
                    "start_response() called more than once without exc_info");
    return -1;
}

/* Nothing of the old response is touched before all of the new one is found valid.
 * `headers` does not change meanwhile. */
static int accept_fixed(struct pyw_response *response, PyObject *status,
                        PyObject *headers)
{
    Py_ssize_t count = PySequence_Fast_GET_SIZE(headers);

    if (pyw_rules_check_status(status) != 0) {
        return -1;
    }
    if (count >= PYW_HEAD_MAX_PAIRS) {
        PyErr_Format(PyExc_ValueError, "too many headers: %zd", count);
        return -1;
    }
    for (Py_ssize_t i = 0; i < count; i++) {
        if (pyw_rules_check_header(PySequence_Fast_GET_ITEM(headers, i)) != 0) {
            return -1;
        }
    }
    if (pyw_response_begin(response, status, (size_t)count) != 0) {
        return -1;
    }
    for (Py_ssize_t i = 0; i < count; i++) {
        PyObject *item = PySequence_Fast_GET_ITEM(headers, i);

        pyw_response_add(response, PyTuple_GET_ITEM(item, 0),
                         PyTuple_GET_ITEM(item, 1));
    }
    return 0;
}

static int accept(struct pyw_response *response, PyObject *status, PyObject *headers)
{
    PyObject *fixed;
    int result;

    if (!PyList_Check(headers)) {
        PyErr_Format(PyExc_TypeError,
                     "start_response() argument 2 must be list, not %.200s",
                     Py_TYPE(headers)->tp_name);
        return -1;
    }
    fixed = pyw_guard_sequence(headers);
    result = fixed != NULL ? accept_fixed(response, status, fixed) : -1;
    Py_XDECREF(fixed);
    return result;
}

/* Inside of the guard. */
static PyObject *start(struct start *self, PyObject *status, PyObject *headers,
                       PyObject *exc_info)
{
    struct pyw_request *request = self->request;

    if (request == NULL) {
        PyErr_SetString(PyExc_RuntimeError,
                        "start_response() called after request completed");
        return NULL;
    }
    if (check_call(&request->response, exc_info) != 0 ||
        accept(&request->response, status, headers) != 0) {
        return NULL;
    }
    pyw_observe_response(request, status, headers, exc_info);
    return PyCFunction_New(&write_method, (PyObject *)self);
}

/* The argument of this name among those that were given by name; NULL: none. */
static PyObject *find_named(const char *name, PyObject *const *values, PyObject *names)
{
    for (Py_ssize_t i = 0; names != NULL && i < PyTuple_GET_SIZE(names); i++) {
        if (PyUnicode_CompareWithASCIIString(PyTuple_GET_ITEM(names, i), name) == 0) {
            return values[i];
        }
    }
    return NULL;
}

static PyObject *call(PyObject *self, PyObject *const *arguments, size_t flags,
                      PyObject *names)
{
    static const char *const parameters[] = {"status", "response_headers", "exc_info"};
    Py_ssize_t count = PyVectorcall_NARGS(flags);
    Py_ssize_t named = names != NULL ? PyTuple_GET_SIZE(names) : 0;
    PyObject *given[3] = {NULL, NULL, Py_None};
    PyObject *result;

    if (count + named < 2 || count + named > 3) {
        PyErr_Format(PyExc_TypeError,
                     "start_response() takes 2 or 3 arguments (%zd given)",
                     count + named);
        return NULL;
    }
    for (Py_ssize_t i = 0; i < 3; i++) {
        PyObject *value = i < count
                              ? arguments[i]
                              : find_named(parameters[i], arguments + count, names);

        given[i] = value != NULL ? value : given[i];
        named -= i >= count && value != NULL ? 1 : 0;
    }
    if (named != 0 || given[0] == NULL || given[1] == NULL) {
        PyErr_SetString(PyExc_TypeError,
                        "start_response() takes status, response_headers and exc_info");
        return NULL;
    }
    PYW_GUARD_BEGIN(self);
    result = start((struct start *)self, given[0], given[1], given[2]);
    PYW_GUARD_END();
    return result;
}

static void dealloc(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);

    type->tp_free(self);
    Py_DECREF(type);
}

static PyMemberDef members[] = {
    {"__vectorcalloffset__", Py_T_PYSSIZET, offsetof(struct start, vectorcall),
     Py_READONLY, NULL},
    {NULL, 0, 0, 0, NULL},
};

static PyType_Slot slots[] = {
    {Py_tp_dealloc, dealloc},
    {Py_tp_call, PyVectorcall_Call},
    {Py_tp_members, members},
    {0, NULL},
};

static PyType_Spec spec = {
    .name = "mod_wsgi.Adapter",
    .basicsize = sizeof(struct start),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_VECTORCALL |
             Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .slots = slots,
};

PyObject *pyw_start_new_type(PyObject *module)
{
    return PyType_FromModuleAndSpec(module, &spec, NULL);
}

PyObject *pyw_start_new(PyTypeObject *type)
{
    struct start *self = (struct start *)type->tp_alloc(type, 0);

    if (self != NULL) {
        self->vectorcall = call;
    }
    return (PyObject *)self;
}

void pyw_start_bind(PyObject *object, struct pyw_request *request)
{
    PYW_GUARD_BEGIN(object);
    ((struct start *)object)->request = request;
    PYW_GUARD_END();
}
