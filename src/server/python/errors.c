#include "python/errors.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "python/log.h"
#include "python/pyw_gil.h"

#define HEADER_MAX 2048

const char *pyw_errors_class(char name[PYW_ERRORS_NAME_MAX])
{
    PyObject *type = PyErr_Occurred();
    const char *full =
        type != NULL && PyType_Check(type) ? ((PyTypeObject *)type)->tp_name : "?";
    const char *dot = strrchr(full, '.');

    snprintf(name, PYW_ERRORS_NAME_MAX, "%s", dot != NULL ? dot + 1 : full);
    return name;
}

#if PY_VERSION_HEX >= 0x030C0000
PyObject *pyw_errors_take(void)
{
    return PyErr_GetRaisedException();
}

void pyw_errors_put(PyObject *exception)
{
    PyErr_SetRaisedException(exception);
}
#else
PyObject *pyw_errors_take(void)
{
    PyObject *type = NULL;
    PyObject *value = NULL;
    PyObject *traceback = NULL;

    PyErr_Fetch(&type, &value, &traceback);
    PyErr_NormalizeException(&type, &value, &traceback);
    if (value != NULL && traceback != NULL) {
        PyException_SetTraceback(value, traceback);
    }
    Py_XDECREF(type);
    Py_XDECREF(traceback);
    return value;
}

void pyw_errors_put(PyObject *exception)
{
    PyErr_Restore(Py_NewRef(Py_TYPE(exception)), exception,
                  PyException_GetTraceback(exception));
}
#endif

/* New reference to the text of an exception by the traceback module, or NULL with an
 * exception. */
static PyObject *format_traceback(PyObject *exception)
{
    PyObject *module = PyImport_ImportModule("traceback");
    PyObject *lines = NULL;
    PyObject *empty = NULL;
    PyObject *text = NULL;

    if (module != NULL) {
        lines = PyObject_CallMethod(module, "format_exception", "O", exception);
    }
    empty = lines != NULL ? PyUnicode_FromString("") : NULL;
    text = empty != NULL ? PyUnicode_Join(empty, lines) : NULL;
    Py_XDECREF(module);
    Py_XDECREF(lines);
    Py_XDECREF(empty);
    return text;
}

/* New reference to bytes that say what the exception was, also where its own methods
 * fail; or NULL. */
static PyObject *describe(PyObject *exception)
{
    PyObject *text = format_traceback(exception);
    PyObject *bytes = NULL;

    if (text == NULL) {
        PyErr_Clear();
        text = PyUnicode_FromFormat("%s (its traceback could not be formatted)",
                                    Py_TYPE(exception)->tp_name);
    }
    if (text != NULL) {
        bytes = PyUnicode_AsEncodedString(text, "utf-8", "backslashreplace");
        Py_DECREF(text);
    }
    if (bytes == NULL) {
        PyErr_Clear();
    }
    return bytes;
}

static void log_both(struct pyw_exchange *exchange, enum pyw_level level,
                     const char *header, PyObject *details)
{
    size_t header_len = strlen(header);
    size_t details_len = details != NULL ? (size_t)PyBytes_GET_SIZE(details) : 0;
    size_t len = header_len + 1 + details_len;
    char *entry = malloc(len + 1);
    void *token;

    if (entry != NULL) {
        memcpy(entry, header, header_len);
        entry[header_len] = '\n';
        if (details != NULL) {
            memcpy(entry + header_len + 1, PyBytes_AS_STRING(details), details_len);
        }
        while (len > 0 && entry[len - 1] == '\n') {
            len--;
        }
    }
    token = pyw_gil_release();
    pyw_log_text(exchange, level, entry != NULL ? entry : header,
                 entry != NULL ? len : header_len);
    pyw_gil_acquire(token);
    free(entry);
}

void pyw_errors_log(struct pyw_exchange *exchange, enum pyw_level level,
                    const char *format, ...)
{
    char header[HEADER_MAX];
    PyObject *exception = pyw_errors_take();
    PyObject *details = exception != NULL ? describe(exception) : NULL;
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(header, sizeof header, format, arguments);
    va_end(arguments);
    log_both(exchange, level, header, details);
    Py_XDECREF(details);
    Py_XDECREF(exception);
}
