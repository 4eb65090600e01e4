#include "python/stream.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "python/log.h"
#include "python/pyw_gil.h"

/* A line that is not complete yet. */
struct line {
    char *data;
    size_t len;
    size_t capacity;
};

/* The incomplete lines of a thread, one per process-wide stream. */
struct thread_lines {
    struct line of[2];
    bool is_known; /* to the key that frees them when the thread ends */
};

struct log_object {
    PyObject_HEAD enum pyw_stream_kind kind;
    _Atomic(struct pyw_exchange *) exchange; /* ERRORS, while its request lasts */
    struct line line; /* ERRORS; used on the request's thread only */
};

static __thread struct thread_lines own_lines;
static __thread int record_level = -1; /* enum pyw_level, of pyw_stream_set_level */
static __thread bool is_held;          /* of pyw_stream_hold */
static pthread_key_t lines_key;
static pthread_once_t lines_once = PTHREAD_ONCE_INIT;

/* --- lines: no GIL needed ------------------------------------------------------ */

static void write_line(struct line *line, struct pyw_exchange *exchange)
{
    if (line->len > 0) {
        pyw_log_text(exchange, PYW_LEVEL_ERR, line->data, line->len);
        line->len = 0;
    }
}

/* Keeps text without a line break; a line that grows too long, or finds no memory, is
 * written early. */
static void keep(struct line *line, struct pyw_exchange *exchange, const char *text,
                 size_t len)
{
    size_t wanted = line->len + len;

    if (wanted > PYW_LOG_MAX) {
        write_line(line, exchange);
        wanted = len;
    }
    if (wanted > line->capacity && wanted <= PYW_LOG_MAX) {
        size_t capacity = wanted < 256 ? 256 : 2 * wanted;
        char *data = realloc(line->data, capacity);

        if (data != NULL) {
            line->data = data;
            line->capacity = capacity;
        }
    }
    if (wanted > line->capacity) {
        write_line(line, exchange);
        pyw_log_text(exchange, PYW_LEVEL_ERR, text, len);
        return;
    }
    memcpy(line->data + line->len, text, len);
    line->len += len;
}

/* Writes all complete lines and keeps the rest. */
static void write_text(struct line *line, struct pyw_exchange *exchange,
                       const char *text, size_t len)
{
    const char *end = text + len;
    const char *stop;

    while (text < end && (stop = memchr(text, '\n', (size_t)(end - text))) != NULL) {
        if (line->len > 0) {
            keep(line, exchange, text, (size_t)(stop - text));
            write_line(line, exchange);
        } else if (stop > text) {
            pyw_log_text(exchange, PYW_LEVEL_ERR, text, (size_t)(stop - text));
        }
        text = stop + 1;
    }
    if (text < end) {
        keep(line, exchange, text, (size_t)(end - text));
    }
}

static void free_lines(void *context)
{
    struct thread_lines *lines = context;

    for (int i = 0; i < 2; i++) {
        write_line(&lines->of[i], NULL);
        free(lines->of[i].data);
        lines->of[i].data = NULL;
        lines->of[i].capacity = 0;
    }
    lines->is_known = false;
}

static void create_key(void)
{
    (void)pthread_key_create(&lines_key, free_lines);
}

static struct line *thread_line(enum pyw_stream_kind kind)
{
    if (!own_lines.is_known) {
        pthread_once(&lines_once, create_key);
        own_lines.is_known = pthread_setspecific(lines_key, &own_lines) == 0;
    }
    return &own_lines.of[kind == PYW_STREAM_STDOUT ? 0 : 1];
}

/* A whole record of `logging`, without the line break behind it. */
static void write_record(struct pyw_exchange *exchange, const char *text, size_t len)
{
    while (len > 0 && text[len - 1] == '\n') {
        len--;
    }
    pyw_log_text(exchange, (enum pyw_level)record_level, text, len);
}

/* --- the type ------------------------------------------------------------------ */

/* wsgi.errors used on another thread than its request's: that request's log is out of
 * reach there. */
static bool is_elsewhere(const struct log_object *self)
{
    return self->kind == PYW_STREAM_ERRORS && self->exchange != pyw_log_bound();
}

/* Where the calling thread's words for this log are kept until their line is complete,
 * and whose they are. */
static struct line *line_of(struct log_object *self, struct pyw_exchange **exchange)
{
    *exchange = is_elsewhere(self) ? NULL : pyw_log_bound();
    return self->kind == PYW_STREAM_ERRORS && !is_elsewhere(self)
               ? &self->line
               : thread_line(self->kind);
}

static PyObject *log_write(PyObject *object, PyObject *data)
{
    struct log_object *self = (struct log_object *)object;
    struct pyw_exchange *exchange;
    struct line *line;
    Py_buffer view;
    Py_ssize_t len;

    if (self->kind == PYW_STREAM_ERRORS && self->exchange == NULL) {
        PyErr_SetString(PyExc_RuntimeError,
                        "write() called on wsgi.errors after request completed");
        return NULL;
    }
    if (PyObject_GetBuffer(data, &view, PyBUF_SIMPLE) != 0) {
        return NULL;
    }
    len = view.len;
    line = line_of(self, &exchange);
    if (len > 0 && record_level < 0 && memchr(view.buf, '\n', (size_t)len) == NULL &&
        line->len + (size_t)len < 4096) {
        keep(line, exchange, view.buf, (size_t)len);
    } else if (len > 0) {
        void *token = pyw_gil_release();

        if (is_held && self->kind != PYW_STREAM_ERRORS) {
            keep(line, exchange, view.buf, (size_t)len);
        } else if (record_level >= 0) {
            write_record(exchange, view.buf, (size_t)len);
        } else {
            write_text(line, exchange, view.buf, (size_t)len);
        }
        pyw_gil_acquire(token);
    }
    PyBuffer_Release(&view);
    return PyLong_FromSsize_t(len);
}

static PyObject *log_writelines(PyObject *self, PyObject *lines)
{
    PyObject *iterator = PyObject_GetIter(lines);
    PyObject *line;

    if (iterator == NULL) {
        return NULL;
    }
    while ((line = PyIter_Next(iterator)) != NULL) {
        PyObject *len = log_write(self, line);

        Py_DECREF(line);
        if (len == NULL) {
            break;
        }
        Py_DECREF(len);
    }
    Py_DECREF(iterator);
    return PyErr_Occurred() ? NULL : Py_NewRef(Py_None);
}

static PyObject *log_nothing(PyObject *self, PyObject *unused)
{
    (void)self;
    (void)unused;
    Py_RETURN_NONE;
}

static PyObject *log_false(PyObject *self, PyObject *unused)
{
    (void)self;
    (void)unused;
    Py_RETURN_FALSE;
}

static PyObject *log_true(PyObject *self, PyObject *unused)
{
    (void)self;
    (void)unused;
    Py_RETURN_TRUE;
}

static PyObject *log_fileno(PyObject *self, PyObject *unused)
{
    (void)self;
    (void)unused;
    PyErr_SetString(PyExc_OSError, "the log stream has no file descriptor");
    return NULL;
}

static PyObject *log_closed(PyObject *self, void *unused)
{
    (void)self;
    (void)unused;
    Py_RETURN_FALSE;
}

static PyObject *log_name(PyObject *self, void *unused)
{
    static const char *const names[] = {"<stdout>", "<stderr>", "<wsgi.errors>"};

    (void)unused;
    return PyUnicode_FromString(names[((struct log_object *)self)->kind]);
}

static void log_dealloc(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);

    free(((struct log_object *)self)->line.data);
    type->tp_free(self);
    Py_DECREF(type);
}

static PyMethodDef log_methods[] = {
    {"write", log_write, METH_O, "Logs the lines of some bytes."},
    {"writelines", log_writelines, METH_O, "Logs the lines of some pieces of bytes."},
    /* Not a line's end: text streams flush after each line, with the beginning of the
       next at hand. */
    {"flush", log_nothing, METH_NOARGS,
     "Does nothing: complete lines are never held back."},
    {"close", log_nothing, METH_NOARGS, "Does nothing: the log stays open."},
    {"isatty", log_false, METH_NOARGS, NULL},
    {"readable", log_false, METH_NOARGS, NULL},
    {"seekable", log_false, METH_NOARGS, NULL},
    {"writable", log_true, METH_NOARGS, NULL},
    {"fileno", log_fileno, METH_NOARGS, "Raises OSError: there is none."},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef log_getset[] = {
    {"closed", log_closed, NULL, NULL, NULL},
    {"name", log_name, NULL, NULL, NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyType_Slot log_slots[] = {
    {Py_tp_dealloc, log_dealloc},
    {Py_tp_methods, log_methods},
    {Py_tp_getset, log_getset},
    {0, NULL},
};

static PyType_Spec log_spec = {
    .name = "mod_wsgi.Log",
    .basicsize = sizeof(struct log_object),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .slots = log_slots,
};

PyObject *pyw_stream_new_type(PyObject *module)
{
    return PyType_FromModuleAndSpec(module, &log_spec, NULL);
}

PyObject *pyw_stream_new_log(PyTypeObject *type, enum pyw_stream_kind kind)
{
    struct log_object *self = (struct log_object *)type->tp_alloc(type, 0);

    if (self != NULL) {
        self->kind = kind;
    }
    return (PyObject *)self;
}

PyObject *pyw_stream_new_text(PyObject *text_io_wrapper, PyObject *log)
{
    /* Line buffered by name; written through, so that nothing hides in the stream
     * between writes. */
    return PyObject_CallFunction(text_io_wrapper, "OssOOO", log, "utf-8", "replace",
                                 Py_None, Py_True, Py_True);
}

void pyw_stream_bind(PyObject *log, struct pyw_exchange *exchange)
{
    ((struct log_object *)log)->exchange = exchange;
}

void pyw_stream_flush(PyObject *log)
{
    struct log_object *self = (struct log_object *)log;

    if (self->line.len > 0) {
        void *token = pyw_gil_release();

        write_line(&self->line, self->exchange);
        pyw_gil_acquire(token);
    }
}

void pyw_stream_sever(PyObject *log)
{
    pyw_stream_flush(log);
    ((struct log_object *)log)->exchange = NULL;
}

int pyw_stream_set_level(int level)
{
    int before = record_level;

    record_level = level;
    return before;
}

bool pyw_stream_hold(bool is_wanted)
{
    bool before = is_held;

    is_held = is_wanted;
    if (before && !is_wanted) {
        pyw_stream_flush_thread();
    }
    return before;
}

bool pyw_stream_is_ours(PyObject *stream, PyObject *log_type)
{
    PyObject *buffer = PyObject_GetAttrString(stream, "buffer");
    bool is_ours = buffer != NULL && (PyObject *)Py_TYPE(buffer) == log_type;

    PyErr_Clear();
    Py_XDECREF(buffer);
    return is_ours;
}

void pyw_stream_flush_thread(void)
{
    if (own_lines.of[0].len + own_lines.of[1].len > 0) {
        void *token = pyw_gil_release();

        write_line(&own_lines.of[0], pyw_log_bound());
        write_line(&own_lines.of[1], pyw_log_bound());
        pyw_gil_acquire(token);
    }
}
