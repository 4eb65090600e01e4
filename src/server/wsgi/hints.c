#include "wsgi/hints.h"

#include <stdbool.h>

#include "python/guard.h"
#include "python/pyw_gil.h"
#include "wsgi/request.h"
#include "wsgi/rules.h"

/* Of names and values together: an INFORM frame has room for more. */
#define BYTES_MAX 32768

struct hints {
    PyObject_HEAD struct pyw_request *request; /* NULL: over, or never begun */
    bool is_idle;
    unsigned count; /* that were sent */
};

static struct pyw_span span_of(PyObject *text)
{
    return (struct pyw_span){(const char *)PyUnicode_1BYTE_DATA(text),
                             (size_t)PyUnicode_GET_LENGTH(text)};
}

/* Checks a tuple of headers, whose text `found` then points to. @return 0, or -1 with
 * an exception. */
static int read_headers(PyObject *items, struct pyw_header *found)
{
    Py_ssize_t count = PyTuple_GET_SIZE(items);
    size_t bytes = 0;

    if (count > PYW_HEAD_MAX_HINT_HEADERS) {
        PyErr_Format(PyExc_ValueError, "too many headers: %zd", count);
        return -1;
    }
    for (Py_ssize_t i = 0; i < count; i++) {
        PyObject *item = PyTuple_GET_ITEM(items, i);

        if (pyw_rules_check_header(item) != 0) {
            return -1;
        }
        found[i].name = span_of(PyTuple_GET_ITEM(item, 0));
        found[i].value = span_of(PyTuple_GET_ITEM(item, 1));
        bytes += found[i].name.len + found[i].value.len;
    }
    if (bytes > BYTES_MAX) {
        PyErr_SetString(PyExc_ValueError, "the headers are too long");
        return -1;
    }
    return 0;
}

/* Hints are no more than that: one that is too late, or too much, is left out, and what
 * cannot be sent shows when the response is. */
static bool is_of_use(const struct hints *self)
{
    const struct pyw_request *request = self->request;

    return !request->response.is_sent && request->send_error == 0 &&
           self->count < PYW_HEAD_MAX_HINTS;
}

static int transmit(struct hints *self, const struct pyw_reply_head *head)
{
    struct pyw_request *request = self->request;
    void *token;

    if (pyw_request_claim(request) != 0) {
        return -1;
    }
    if (!is_of_use(self)) { /* another thread was faster, where there is no GIL */
        pyw_request_unclaim(request);
        return 0;
    }
    self->count++;
    token = pyw_gil_release();
    (void)request->exchange->ops->inform(request->exchange, head);
    pyw_gil_acquire(token);
    pyw_request_unclaim(request);
    return 0;
}

/* Inside of the guard. @return 0, or -1 with an exception. */
static int send_guarded(struct hints *self, PyObject *items)
{
    struct pyw_header headers[PYW_HEAD_MAX_HINT_HEADERS];
    struct pyw_reply_head head = {
        .status = PYW_HEAD_EARLY_HINTS,
        .reason = PYW_SPAN(""),
        .content_length = -1,
        .header_count = (size_t)PyTuple_GET_SIZE(items),
        .headers = headers,
    };

    if (self->request == NULL && !self->is_idle) {
        PyErr_SetString(PyExc_RuntimeError,
                        "wsgi.early_hints called after request completed");
        return -1;
    }
    if (read_headers(items, headers) != 0) {
        return -1;
    }
    if (self->is_idle || head.header_count == 0 || !is_of_use(self)) {
        return 0;
    }
    return transmit(self, &head);
}

static PyObject *call(PyObject *object, PyObject *arguments, PyObject *keywords)
{
    static char headers_name[] = "headers";
    static char *names[] = {headers_name, NULL};
    PyObject *headers;
    PyObject *items;
    int result;

    if (!PyArg_ParseTupleAndKeywords(arguments, keywords, "O:early_hints", names,
                                     &headers)) {
        return NULL;
    }
    items = PySequence_Tuple(headers);
    if (items == NULL) {
        return NULL;
    }
    PYW_GUARD_BEGIN(object);
    result = send_guarded((struct hints *)object, items);
    PYW_GUARD_END();
    Py_DECREF(items);
    return result == 0 ? Py_NewRef(Py_None) : NULL;
}

static void dealloc(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);

    type->tp_free(self);
    Py_DECREF(type);
}

static PyType_Slot slots[] = {
    {Py_tp_doc, (char[]){"early_hints(headers)\n--\n\nSends headers ahead of the "
                         "response, as 103 Early Hints."}},
    {Py_tp_dealloc, dealloc},
    {Py_tp_call, call},
    {0, NULL},
};

static PyType_Spec spec = {
    .name = "mod_wsgi.EarlyHints",
    .basicsize = sizeof(struct hints),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .slots = slots,
};

PyObject *pyw_hints_new_type(PyObject *module)
{
    return PyType_FromModuleAndSpec(module, &spec, NULL);
}

/* New reference; NULL with an exception. */
static PyObject *make(const struct pyw_wsgi *state, struct pyw_request *request)
{
    PyTypeObject *type = (PyTypeObject *)state->hints_type;
    struct hints *self = (struct hints *)type->tp_alloc(type, 0);

    if (self != NULL) {
        self->request = request;
        self->is_idle = request == NULL;
    }
    return (PyObject *)self;
}

PyObject *pyw_hints_new_idle(const struct pyw_wsgi *state)
{
    return make(state, NULL);
}

int pyw_hints_put(struct pyw_request *request, PyObject *environ)
{
    if ((request->exchange->head->flags & PYW_REQUEST_HINTS) == 0) {
        return 0;
    }
    request->hints = make(request->wsgi, request);
    return request->hints != NULL
               ? PyDict_SetItem(environ, request->wsgi->hints_key, request->hints)
               : -1;
}

void pyw_hints_sever(struct pyw_request *request)
{
    if (request->hints == NULL) {
        return;
    }
    PYW_GUARD_BEGIN(request->hints);
    ((struct hints *)request->hints)->request = NULL;
    PYW_GUARD_END();
    Py_CLEAR(request->hints);
}
