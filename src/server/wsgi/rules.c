#include "wsgi/rules.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/bytes.h"

/* Classes of characters in a header name. */
enum { TOKEN = 0, CONTROL = 1, SPACE = 2, OTHER = 3 };

/* Headers that are about a connection, which is not the application's (RFC
 * 9110, 7.6.1). */
static const struct pyw_span hop_by_hop[] = {
    {"Connection", 10},
    {"Keep-Alive", 10},
    {"Proxy-Authenticate", 18},
    {"Proxy-Authorization", 19},
    {"Proxy-Connection", 16},
    {"TE", 2},
    {"Trailer", 7},
    {"Trailers", 8},
    {"Transfer-Encoding", 17},
    {"Upgrade", 7},
};

static int fail(const char *what, struct pyw_span text)
{
    PyObject *bytes = PyBytes_FromStringAndSize(text.data, (Py_ssize_t)text.len);

    if (bytes != NULL) {
        PyErr_Format(PyExc_ValueError, "%s: %R", what, bytes);
        Py_DECREF(bytes);
    }
    return -1;
}

/* The characters of a str as bytes, without a copy. @return 0, or -1 with an exception.
 */
static int get_latin1(PyObject *object, const char *what, struct pyw_span *text)
{
    if (!PyUnicode_Check(object)) {
        PyErr_Format(PyExc_TypeError, "%s must be str, not %.200s", what,
                     Py_TYPE(object)->tp_name);
        return -1;
    }
#if PY_VERSION_HEX < 0x030C0000
    if (PyUnicode_READY(object) != 0) {
        return -1;
    }
#endif
    if (PyUnicode_KIND(object) != PyUnicode_1BYTE_KIND) {
        PyObject *bytes = PyUnicode_AsLatin1String(object); /* for its exception */

        Py_XDECREF(bytes);
        return -1;
    }
    *text = (struct pyw_span){(const char *)PyUnicode_1BYTE_DATA(object),
                              (size_t)PyUnicode_GET_LENGTH(object)};
    return 0;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_control(unsigned char c)
{
    return c < 0x20 || c == 0x7f;
}

int pyw_rules_check_status(PyObject *status)
{
    struct pyw_span text;

    if (get_latin1(status, "start_response() argument 1", &text) != 0) {
        return -1;
    }
    if (text.len < 3 || !is_digit(text.data[0]) || !is_digit(text.data[1]) ||
        !is_digit(text.data[2]) || (text.len > 3 && is_digit(text.data[3]))) {
        return fail("status code must be a 3 digit integer", text);
    }
    if (text.len > 3 && text.data[3] != ' ') {
        return fail("no space following status code", text);
    }
    for (size_t i = 3; i < text.len; i++) {
        if (is_control((unsigned char)text.data[i])) {
            return fail("control character in status reason phrase", text);
        }
    }
    if (text.data[0] < '2') {
        return fail(
            "status code of an interim response is not the application's to send",
            text);
    }
    return 0;
}

static int class_of(unsigned char c)
{
    static const char separators[] = "()<>@,;:\\\"/[]?={}";

    if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-') {
        return TOKEN; /* nearly all there are */
    }
    if (is_control(c)) {
        return CONTROL;
    }
    if (c == ' ') {
        return SPACE;
    }
    return c >= 0x80 || strchr(separators, c) != NULL ? OTHER : TOKEN;
}

static bool is_hop_by_hop(struct pyw_span name)
{
    return pyw_bytes_is_among(hop_by_hop, sizeof hop_by_hop / sizeof hop_by_hop[0],
                              name);
}

int pyw_rules_check_name(PyObject *name)
{
    static const char *const complaints[] = {
        [CONTROL] = "control character in header name",
        [SPACE] = "space character in header name",
        [OTHER] = "invalid character in header name",
    };
    struct pyw_span text;

    if (get_latin1(name, "header name", &text) != 0) {
        return -1;
    }
    if (text.len == 0) {
        PyErr_SetString(PyExc_ValueError, "header name is empty");
        return -1;
    }
    for (size_t i = 0; i < text.len; i++) {
        int class = class_of((unsigned char)text.data[i]);

        if (class != TOKEN) {
            return fail(complaints[class], text);
        }
    }
    return is_hop_by_hop(text)
               ? fail("hop-by-hop header is not the application's to send", text)
               : 0;
}

int pyw_rules_check_value(PyObject *value)
{
    struct pyw_span text;

    if (get_latin1(value, "header value", &text) != 0) {
        return -1;
    }
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.data[i];

        if (c == '\r' || c == '\n') {
            return fail("carriage return/line feed character in header value", text);
        }
        if (c == '\0') {
            return fail("null character in header value", text);
        }
        if (is_control(c) && c != '\t') {
            return fail("control character in header value", text);
        }
    }
    return 0;
}

int pyw_rules_check_header(PyObject *item)
{
    if (!PyTuple_Check(item)) {
        PyErr_Format(PyExc_TypeError, "each header must be a 2-tuple, not %.200s",
                     Py_TYPE(item)->tp_name);
        return -1;
    }
    if (PyTuple_GET_SIZE(item) != 2) {
        PyErr_Format(PyExc_ValueError, "each header must be a 2-tuple, got length %zd",
                     PyTuple_GET_SIZE(item));
        return -1;
    }
    if (pyw_rules_check_name(PyTuple_GET_ITEM(item, 0)) != 0) {
        return -1;
    }
    return pyw_rules_check_value(PyTuple_GET_ITEM(item, 1));
}
