#include "wsgi/input.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "python/guard.h"
#include "python/pyw_gil.h"
#include "wsgi/request.h"

#define FIRST_BUFFER 8192
/* A buffer that a long line made larger than this is not kept for the next request. */
#define KEPT_BUFFER 65536
/* How much is set aside for a body before any of it came: of unknown length, and at
 * most. */
#define FIRST_CHUNK ((size_t)65536)
#define LARGEST_FIRST ((size_t)16 * 1024 * 1024)

struct input {
    PyObject_HEAD struct pyw_request *request; /* NULL: over */
    bool is_at_end;
    uint64_t taken; /* bytes that the application has got */
    /* what readline() fetched and has not given out */
    char *buffer;
    size_t start;
    size_t end;
    size_t capacity;
};

/* --- fetching ------------------------------------------------------------------ */

static int check_open(const struct input *self, const char *method)
{
    if (self->request == NULL) {
        PyErr_Format(PyExc_RuntimeError,
                     "%s() called on wsgi.input after request completed", method);
        return -1;
    }
    return 0;
}

/* Waits for body without the GIL: for some, or until `len` bytes are there or the body
 * ends. @return how many, or -errno. */
static ssize_t await_body(struct pyw_request *request, char *data, size_t len,
                          bool wants_all)
{
    struct pyw_exchange *exchange = request->exchange;
    void *token = pyw_gil_release();
    size_t done = 0;
    ssize_t got;

    do {
        got = exchange->ops->read_body(exchange, data + done, len - done, true);
        done += got > 0 ? (size_t)got : 0;
    } while (got > 0 && wants_all && done < len);
    pyw_observe_acquire(request, token);
    /* An error is final: it comes again when the application asks for more. */
    return done > 0 ? (ssize_t)done : got;
}

/* Up to `len` bytes from the exchange. @return how many, 0 at the end, -1 with an
 * exception. */
static ssize_t fetch(struct input *self, char *data, size_t len, const char *method,
                     bool wants_all)
{
    struct pyw_request *request = self->request;
    struct pyw_exchange *exchange;
    int64_t since_us;
    ssize_t got;
    int error;

    /* It may have ended while another fetch waited. */
    if (check_open(self, method) != 0) {
        return -1;
    }
    if (self->is_at_end || len == 0) {
        return 0;
    }
    error = request->read_error;
    if (error == 0) {
        if (pyw_request_claim(request) != 0) {
            return -1;
        }
        exchange = request->exchange;
        since_us = pyw_observe_now(request);
        got = exchange->ops->read_body(exchange, data, len, false);
        if (got == -EAGAIN) {
            got = await_body(request, data, len, wants_all);
        }
        pyw_observe_input(request, since_us, got);
        error = got < 0 ? (int)got : 0;
        request->read_error = error;
        pyw_request_unclaim(request);
        if (error == 0) {
            self->is_at_end = got == 0;
            return got;
        }
    }
    PyErr_Format(PyExc_OSError, "mod_wsgi request data read error: %s",
                 pyw_request_reason(error));
    return -1;
}

/* Takes up to `len` bytes out of the buffer. */
static size_t take(struct input *self, char *data, size_t len)
{
    size_t there = self->end - self->start;

    len = len < there ? len : there;
    if (len > 0) {
        memcpy(data, self->buffer + self->start, len);
        self->start += len;
    }
    return len;
}

/* Makes room for more behind what is in the buffer. @return 0, or -1 with an exception.
 */
static int make_room(struct input *self)
{
    size_t capacity = self->capacity == 0 ? FIRST_BUFFER : 2 * self->capacity;
    char *buffer;

    if (self->start > 0) {
        memmove(self->buffer, self->buffer + self->start, self->end - self->start);
        self->end -= self->start;
        self->start = 0;
    }
    if (self->end < self->capacity) {
        return 0;
    }
    buffer = realloc(self->buffer, capacity);
    if (buffer == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    self->buffer = buffer;
    self->capacity = capacity;
    return 0;
}

/* --- reading ------------------------------------------------------------------- */

/* How large a result to begin with, of `wanted` bytes (SIZE_MAX: all there are): the
 * whole, where its length is known, so that large bodies are read into place; the
 * system gives the memory as it fills. */
static size_t first_size(const struct input *self, size_t wanted)
{
    int64_t length = self->request->exchange->head->content_length;
    size_t size = self->end - self->start + FIRST_CHUNK;

    if (length >= 0) {
        uint64_t left =
            (uint64_t)length > self->taken ? (uint64_t)length - self->taken : 0;

        size = left < LARGEST_FIRST ? (size_t)left : LARGEST_FIRST;
    }
    return wanted < size ? wanted : size;
}

/* New reference to exactly `wanted` bytes, fewer at the end of the body. */
static PyObject *read_bytes(struct input *self, size_t wanted)
{
    size_t size = first_size(self, wanted);
    PyObject *result = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)size);
    size_t len = result != NULL ? take(self, PyBytes_AS_STRING(result), size) : 0;
    ssize_t got = 1;

    while (result != NULL && len < wanted && got > 0) {
        if (len == size) {
            char probe; /* is there more, or was the first size right? */

            got = fetch(self, &probe, 1, "read", false);
            if (got <= 0) {
                break;
            }
            size = size > wanted / 2 ? wanted : 2 * (size + FIRST_CHUNK / 2);
            size = size < wanted ? size : wanted;
            if (_PyBytes_Resize(&result, (Py_ssize_t)size) != 0) {
                return NULL;
            }
            PyBytes_AS_STRING(result)[len++] = probe;
        } else {
            got =
                fetch(self, PyBytes_AS_STRING(result) + len, size - len, "read", true);
            len += got > 0 ? (size_t)got : 0;
        }
    }
    if (got < 0) {
        Py_CLEAR(result);
    } else if (result != NULL && len < size) {
        (void)_PyBytes_Resize(&result, (Py_ssize_t)len);
    }
    self->taken += len;
    return result;
}

/* New reference to the next line, with its end, of at most `limit` bytes. */
static PyObject *read_line(struct input *self, size_t limit, const char *method)
{
    size_t seen = 0;
    const char *stop = NULL;
    PyObject *line;
    ssize_t got = 1;

    while (stop == NULL && seen < limit) {
        size_t there = self->end - self->start;

        if (there > seen) {
            stop = memchr(self->buffer + self->start + seen, '\n', there - seen);
            seen =
                stop != NULL ? (size_t)(stop - self->buffer) - self->start + 1 : there;
            continue;
        }
        if (self->end == self->capacity && make_room(self) != 0) {
            return NULL;
        }
        got = fetch(self, self->buffer + self->end, self->capacity - self->end, method,
                    false);
        if (got <= 0) {
            break;
        }
        self->end += (size_t)got;
    }
    if (got < 0) {
        return NULL;
    }
    seen = seen < limit ? seen : limit;
    line = PyBytes_FromStringAndSize(seen > 0 ? self->buffer + self->start : "",
                                     (Py_ssize_t)seen);
    self->start += line != NULL ? seen : 0;
    self->taken += line != NULL ? seen : 0;
    if (self->start == self->end) {
        self->start = 0;
        self->end = 0;
    }
    return line;
}

/* --- the type ------------------------------------------------------------------ */

/* An optional size: None and negative numbers mean "no limit". @return 0, or -1 with an
 * exception. */
static int parse_size(const char *method, PyObject *const *arguments, Py_ssize_t count,
                      size_t *size)
{
    Py_ssize_t value = -1;

    if (count > 1) {
        PyErr_Format(PyExc_TypeError, "%s() takes at most 1 argument (%zd given)",
                     method, count);
        return -1;
    }
    if (count == 1 && arguments[0] != Py_None) {
        value = PyNumber_AsSsize_t(arguments[0], PyExc_OverflowError);
        if (value == -1 && PyErr_Occurred()) {
            return -1;
        }
    }
    *size = value < 0 ? SIZE_MAX : (size_t)value;
    return 0;
}

/* The methods proper; inside of the guard. */
static PyObject *read_guarded(struct input *self, PyObject *const *arguments,
                              Py_ssize_t count)
{
    size_t size;

    if (check_open(self, "read") != 0 ||
        parse_size("read", arguments, count, &size) != 0) {
        return NULL;
    }
    return read_bytes(self, size);
}

static PyObject *readline_guarded(struct input *self, PyObject *const *arguments,
                                  Py_ssize_t count)
{
    size_t size;

    if (check_open(self, "readline") != 0 ||
        parse_size("readline", arguments, count, &size) != 0) {
        return NULL;
    }
    return read_line(self, size, "readline");
}

static PyObject *readlines_guarded(struct input *self, PyObject *const *arguments,
                                   Py_ssize_t count)
{
    PyObject *lines;
    size_t hint;
    size_t total = 0;

    if (check_open(self, "readlines") != 0 ||
        parse_size("readlines", arguments, count, &hint) != 0) {
        return NULL;
    }
    hint = hint == 0 ? SIZE_MAX : hint; /* as io's readlines() has it */
    lines = PyList_New(0);
    while (lines != NULL && total < hint) {
        PyObject *line = read_line(self, SIZE_MAX, "readlines");

        if (line == NULL || PyBytes_GET_SIZE(line) == 0) {
            if (line == NULL) {
                Py_CLEAR(lines);
            }
            Py_XDECREF(line);
            break;
        }
        total += (size_t)PyBytes_GET_SIZE(line);
        if (PyList_Append(lines, line) != 0) {
            Py_CLEAR(lines);
        }
        Py_DECREF(line);
    }
    return lines;
}

static PyObject *next_guarded(struct input *self)
{
    PyObject *line = NULL;

    if (check_open(self, "__next__") == 0) {
        line = read_line(self, SIZE_MAX, "__next__");
    }
    if (line != NULL && PyBytes_GET_SIZE(line) == 0) {
        Py_CLEAR(line);
    }
    return line;
}

static PyObject *input_read(PyObject *object, PyObject *const *arguments,
                            Py_ssize_t count)
{
    PyObject *result;

    PYW_GUARD_BEGIN(object);
    result = read_guarded((struct input *)object, arguments, count);
    PYW_GUARD_END();
    return result;
}

static PyObject *input_readline(PyObject *object, PyObject *const *arguments,
                                Py_ssize_t count)
{
    PyObject *result;

    PYW_GUARD_BEGIN(object);
    result = readline_guarded((struct input *)object, arguments, count);
    PYW_GUARD_END();
    return result;
}

static PyObject *input_readlines(PyObject *object, PyObject *const *arguments,
                                 Py_ssize_t count)
{
    PyObject *result;

    PYW_GUARD_BEGIN(object);
    result = readlines_guarded((struct input *)object, arguments, count);
    PYW_GUARD_END();
    return result;
}

/* Nothing to close: the rest of the body is the server's to throw away. */
static PyObject *input_close(PyObject *object, PyObject *unused)
{
    int result;

    (void)unused;
    PYW_GUARD_BEGIN(object);
    result = check_open((struct input *)object, "close");
    PYW_GUARD_END();
    return result == 0 ? Py_NewRef(Py_None) : NULL;
}

static PyObject *input_iter(PyObject *object)
{
    int result;

    PYW_GUARD_BEGIN(object);
    result = check_open((struct input *)object, "__iter__");
    PYW_GUARD_END();
    return result == 0 ? Py_NewRef(object) : NULL;
}

static PyObject *input_next(PyObject *object)
{
    PyObject *result;

    PYW_GUARD_BEGIN(object);
    result = next_guarded((struct input *)object);
    PYW_GUARD_END();
    return result;
}

static void input_dealloc(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);

    free(((struct input *)self)->buffer);
    type->tp_free(self);
    Py_DECREF(type);
}

/* METH_FASTCALL functions have another shape than the field of the table. */
#define FASTCALL(function) ((PyCFunction)(void (*)(void))(function))

static PyMethodDef methods[] = {
    {"read", FASTCALL(input_read), METH_FASTCALL,
     "Reads up to n bytes, or all there are."},
    {"readline", FASTCALL(input_readline), METH_FASTCALL,
     "Reads a line, or the first n bytes of it."},
    {"readlines", FASTCALL(input_readlines), METH_FASTCALL,
     "Reads lines until n bytes are exceeded."},
    {"close", input_close, METH_NOARGS, "Does nothing."},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot slots[] = {
    {Py_tp_dealloc, input_dealloc},
    {Py_tp_iter, input_iter},
    {Py_tp_iternext, input_next},
    {Py_tp_methods, methods},
    {0, NULL},
};

static PyType_Spec spec = {
    .name = "mod_wsgi.Input",
    .basicsize = sizeof(struct input),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .slots = slots,
};

PyObject *pyw_input_new_type(PyObject *module)
{
    return PyType_FromModuleAndSpec(module, &spec, NULL);
}

PyObject *pyw_input_new(PyTypeObject *type)
{
    return type->tp_alloc(type, 0);
}

static void bind_guarded(struct input *self, struct pyw_request *request)
{
    self->request = request;
    self->is_at_end = false;
    self->taken = 0;
    self->start = 0;
    self->end = 0;
    if (self->capacity > KEPT_BUFFER) {
        free(self->buffer);
        self->buffer = NULL;
        self->capacity = 0;
    }
}

void pyw_input_sever(PyObject *object)
{
    PYW_GUARD_BEGIN(object);
    ((struct input *)object)->request = NULL;
    PYW_GUARD_END();
}

void pyw_input_bind(PyObject *object, struct pyw_request *request)
{
    PYW_GUARD_BEGIN(object);
    bind_guarded((struct input *)object, request);
    PYW_GUARD_END();
}
