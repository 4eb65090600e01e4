#include "wsgi/verdict.h"

#include "base/decision.h"

/* New reference to the bytes of a str or bytes, which may be no other type; NULL with
 * an exception. */
static PyObject *encode(PyObject *text, const char *function)
{
    PyObject *bytes = NULL;

    if (PyUnicode_Check(text)) {
        bytes = PyUnicode_AsLatin1String(text);
    } else if (PyBytes_Check(text)) {
        bytes = Py_NewRef(text);
    } else {
        PyErr_Format(PyExc_TypeError, "%s() returned an object of type %.200s",
                     function, Py_TYPE(text)->tp_name);
    }
    if (bytes != NULL &&
        !pyw_decision_is_text((struct pyw_span){PyBytes_AS_STRING(bytes),
                                                (size_t)PyBytes_GET_SIZE(bytes)})) {
        PyErr_Format(PyExc_ValueError,
                     "%s() returned a text with a NUL or a line break", function);
        Py_CLEAR(bytes);
    }
    return bytes;
}

int pyw_verdict_put_text(struct pyw_writer *writer, PyObject *text,
                         const char *function, bool may_be_empty)
{
    PyObject *bytes = encode(text, function);
    size_t len = bytes != NULL ? (size_t)PyBytes_GET_SIZE(bytes) : 0;

    if (bytes == NULL) {
        return -1;
    }
    pyw_decision_put_text(writer, (struct pyw_span){PyBytes_AS_STRING(bytes), len});
    Py_DECREF(bytes);
    if (len == 0 && !may_be_empty) {
        PyErr_Format(PyExc_ValueError, "%s() returned an empty text", function);
        return -1;
    }
    if (writer->failed || writer->len > PYW_DECISION_MAX_SIZE) {
        PyErr_Format(PyExc_ValueError, "%s() returned too much text", function);
        return -1;
    }
    return 0;
}

int pyw_verdict_pack_access(struct pyw_writer *writer, PyObject *result)
{
    if (result == Py_True || result == Py_False || result == Py_None) {
        pyw_decision_put(writer,
                         result == Py_True    ? PYW_VERDICT_GRANTED
                         : result == Py_False ? PYW_VERDICT_DENIED
                                              : PYW_VERDICT_UNKNOWN,
                         0);
        return 0;
    }
    PyErr_Format(PyExc_TypeError,
                 "allow_access() must return True, False or None, not %.200s",
                 Py_TYPE(result)->tp_name);
    return -1;
}

int pyw_verdict_pack_password(struct pyw_writer *writer, PyObject *result)
{
    if (!PyUnicode_Check(result)) {
        if (result == Py_True || result == Py_False || result == Py_None) {
            return pyw_verdict_pack_access(writer, result);
        }
        PyErr_Format(PyExc_TypeError,
                     "check_password() must return True, False, None or the user's "
                     "name as a str, not %.200s",
                     Py_TYPE(result)->tp_name);
        return -1;
    }
    pyw_decision_put(writer, PYW_VERDICT_NAMED, 1);
    return pyw_verdict_put_text(writer, result, "check_password", false);
}

int pyw_verdict_pack_hash(struct pyw_writer *writer, PyObject *result)
{
    if (result == Py_None) {
        pyw_decision_put(writer, PYW_VERDICT_UNKNOWN, 0);
        return 0;
    }
    pyw_decision_put(writer, PYW_VERDICT_HASH, 1);
    return pyw_verdict_put_text(writer, result, "get_realm_hash", false);
}

int pyw_verdict_pack_groups(struct pyw_writer *writer, PyObject *result)
{
    PyObject *list;
    Py_ssize_t count;
    int rv = 0;

    /* A str is an iterable of str too, and its letters are no groups. */
    if (PyUnicode_Check(result) || PyBytes_Check(result)) {
        PyErr_Format(PyExc_TypeError,
                     "groups_for_user() must return an iterable of str or bytes, not a "
                     "single %.200s",
                     Py_TYPE(result)->tp_name);
        return -1;
    }
    list = PySequence_Tuple(result);
    if (list == NULL) {
        return -1;
    }
    count = PyTuple_GET_SIZE(list);
    pyw_decision_put(writer, PYW_VERDICT_GROUPS, (size_t)count);
    if (writer->failed) {
        PyErr_Format(PyExc_ValueError,
                     "groups_for_user() returned more than the %d groups that can be "
                     "passed on",
                     PYW_DECISION_MAX_TEXTS);
        rv = -1;
    }
    for (Py_ssize_t i = 0; rv == 0 && i < count; i++) {
        rv = pyw_verdict_put_text(writer, PyTuple_GET_ITEM(list, i), "groups_for_user",
                                  true);
    }
    Py_DECREF(list);
    return rv;
}
