#include "wsgi/response.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "python/log.h"
#include "python/pyw_gil.h"
#include "wsgi/conditional.h"
#include "wsgi/request.h"

void pyw_response_init(struct pyw_response *response)
{
    response->is_started = false;
    response->is_sent = false;
    response->is_bodyless = false;
    response->is_replaced = false;
    response->is_cut = false;
    response->declared = -1;
    response->written = 0;
    response->length_count = 0;
    response->length_at = 0;
    response->status = NULL;
    response->object_count = 0;
    response->objects = response->inline_objects;
    response->headers = response->inline_headers;
    response->capacity = PYW_RESPONSE_INLINE;
    response->head.header_count = 0;
}

void pyw_response_reset(struct pyw_response *response)
{
    for (size_t i = 0; i < response->object_count; i++) {
        Py_DECREF(response->objects[i]);
    }
    response->object_count = 0;
    response->head.header_count = 0;
    response->length_count = 0;
    response->is_replaced = false;
    response->is_started = false;
    Py_CLEAR(response->status);
}

void pyw_response_clear(struct pyw_response *response)
{
    pyw_response_reset(response);
    if (response->headers != response->inline_headers) {
        PyMem_Free(response->headers);
        PyMem_Free(response->objects);
        response->headers = response->inline_headers;
        response->objects = response->inline_objects;
        response->capacity = PYW_RESPONSE_INLINE;
    }
}

static int reserve(struct pyw_response *response, size_t count)
{
    struct pyw_header *headers;
    PyObject **objects;

    if (count <= response->capacity) {
        return 0;
    }
    headers = PyMem_New(struct pyw_header, count);
    objects = PyMem_New(PyObject *, 2 * count);
    if (headers == NULL || objects == NULL) {
        PyMem_Free(headers);
        PyMem_Free(objects);
        PyErr_NoMemory();
        return -1;
    }
    pyw_response_clear(response);
    response->headers = headers;
    response->objects = objects;
    response->capacity = count;
    return 0;
}

/* The bytes of a str that was found to need one byte a character. */
static struct pyw_span span_of(PyObject *text)
{
    return (struct pyw_span){(const char *)PyUnicode_1BYTE_DATA(text),
                             (size_t)PyUnicode_GET_LENGTH(text)};
}

int pyw_response_begin(struct pyw_response *response, PyObject *status, size_t count)
{
    struct pyw_span text = span_of(status);

    if (reserve(response, count + 2) != 0) {
        return -1;
    }
    pyw_response_reset(response);
    response->status = Py_NewRef(status);
    response->head.status = (uint16_t)((text.data[0] - '0') * 100 +
                                       (text.data[1] - '0') * 10 + text.data[2] - '0');
    response->head.reason =
        text.len > 4 ? (struct pyw_span){text.data + 4, text.len - 4} : PYW_SPAN("");
    response->is_started = true;
    return 0;
}

/* Notes which header is the Content-Length. @return true if it says what another has
 * said: one of them is enough (RFC 9110, 8.6). */
static bool is_same_length(struct pyw_response *response,
                           const struct pyw_header *header, size_t at)
{
    const struct pyw_header *first = &response->headers[response->length_at];

    if (!pyw_bytes_is_word(header->name, PYW_SPAN("Content-Length"))) {
        return false;
    }
    if (response->length_count == 0) {
        response->length_at = at;
    } else if (first->value.len == header->value.len &&
               memcmp(first->value.data, header->value.data, header->value.len) == 0) {
        return true;
    }
    response->length_count++;
    return false;
}

void pyw_response_add(struct pyw_response *response, PyObject *name, PyObject *value)
{
    size_t at = response->head.header_count;
    struct pyw_header *header = &response->headers[at];

    header->name = span_of(name);
    header->value = span_of(value);
    if (is_same_length(response, header, at)) {
        return;
    }
    response->head.header_count++;
    response->objects[response->object_count++] = Py_NewRef(name);
    response->objects[response->object_count++] = Py_NewRef(value);
}

static bool has_no_body(const struct pyw_request *request)
{
    unsigned status = request->response.head.status;

    return request->response.is_replaced ||
           (request->exchange->head->flags & PYW_REQUEST_HEAD) != 0 || status == 204 ||
           status == 304;
}

void pyw_response_set_length(struct pyw_request *request, uint64_t length)
{
    struct pyw_response *response = &request->response;
    bool is_unknown_head =
        length == 0 && (request->exchange->head->flags & PYW_REQUEST_HEAD) != 0;
    unsigned status = response->head.status;
    struct pyw_header *header;
    int len;

    if (response->length_count > 0 || status == 204 || status == 304 ||
        is_unknown_head) {
        return;
    }
    len = snprintf(response->length_text, sizeof response->length_text, "%llu",
                   (unsigned long long)length);
    header = &response->headers[response->head.header_count];
    header->name = PYW_SPAN("Content-Length");
    header->value = (struct pyw_span){response->length_text, (size_t)len};
    response->length_at = response->head.header_count++;
    response->length_count = 1;
}

struct pyw_header *pyw_response_find(struct pyw_response *response,
                                     struct pyw_span name)
{
    for (size_t i = 0; i < response->head.header_count; i++) {
        if (pyw_bytes_is_word(response->headers[i].name, name)) {
            return &response->headers[i];
        }
    }
    return NULL;
}

void pyw_response_offer_ranges(struct pyw_request *request)
{
    struct pyw_response *response = &request->response;
    struct pyw_header *header = &response->headers[response->head.header_count];

    if (response->head.status == 200 &&
        response->head.header_count < PYW_HEAD_MAX_PAIRS &&
        pyw_response_find(response, PYW_SPAN("Accept-Ranges")) == NULL &&
        pyw_response_find(response, PYW_SPAN("Content-Range")) == NULL) {
        header->name = PYW_SPAN("Accept-Ranges");
        header->value = PYW_SPAN("bytes");
        response->head.header_count++;
    }
}

/* @return -1: not a number of bytes. */
static int64_t parse_length(struct pyw_span text)
{
    int64_t value = 0;

    if (text.len == 0 || text.len > 18) {
        return -1;
    }
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] < '0' || text.data[i] > '9') {
            return -1;
        }
        value = value * 10 + (text.data[i] - '0');
    }
    return value;
}

int pyw_response_prepare(struct pyw_request *request)
{
    struct pyw_response *response = &request->response;

    if (response->is_sent) {
        return 0;
    }
    if ((request->exchange->head->flags & PYW_REQUEST_CONDITIONAL) != 0 &&
        response->head.status == 200) {
        pyw_conditional_apply(request);
    }
    response->declared = -1;
    if (response->length_count > 1) {
        PyErr_SetString(PyExc_ValueError, "more than one Content-Length header");
        return -1;
    }
    if (response->length_count == 1) {
        struct pyw_span text = response->headers[response->length_at].value;

        response->declared = parse_length(text);
        if (response->declared < 0) {
            PyObject *bytes =
                PyBytes_FromStringAndSize(text.data, (Py_ssize_t)text.len);

            if (bytes != NULL) {
                PyErr_Format(PyExc_ValueError,
                             "invalid value for Content-Length header: %R", bytes);
                Py_DECREF(bytes);
            }
            return -1;
        }
    }
    response->is_bodyless = has_no_body(request);
    response->head.headers = response->headers;
    response->head.content_length =
        response->is_replaced && response->head.status != 304 ? 0 : response->declared;
    return 0;
}

/* Cuts what goes beyond Content-Length. @return how much of it is to be sent. */
static size_t clip(struct pyw_request *request, size_t len)
{
    struct pyw_response *response = &request->response;
    uint64_t room = response->declared >= 0
                        ? (uint64_t)response->declared - response->written
                        : len;

    if (len > room) {
        if (!response->is_cut && !response->is_bodyless) {
            PYW_LOG(pyw_log_print_held, request->exchange, BODY_EXCESS,
                    PYW_REQUEST_SCRIPT(request), (long long)response->declared);
        }
        response->is_cut = true;
        len = (size_t)room;
    }
    response->written += len;
    return response->is_bodyless ? 0 : len;
}

static int transmit(struct pyw_request *request, const struct pyw_part *part)
{
    struct pyw_exchange *exchange = request->exchange;
    int64_t since_us = pyw_observe_now(request);
    int result = exchange->ops->send(exchange, part);

    if (result == -EAGAIN) {
        void *token = pyw_gil_release();

        result = exchange->ops->finish_send(exchange);
        pyw_observe_acquire(request, token);
    }
    if (part->body.len > 0) {
        pyw_observe_output(request, since_us, part->body.len);
    }
    return result;
}

int pyw_response_send(struct pyw_request *request, const char *data, size_t len,
                      bool is_last)
{
    struct pyw_response *response = &request->response;
    struct pyw_part part = {.is_last = is_last};
    int result;

    if (request->send_error != 0) {
        return -1;
    }
    if (pyw_response_prepare(request) != 0) {
        return -1;
    }
    /* From here the request does not end, also where a log is written. */
    if (pyw_request_claim(request) != 0) {
        return -1;
    }
    len = len > 0 ? clip(request, len) : 0;
    if (response->is_sent && len == 0 && !is_last) {
        pyw_request_unclaim(request);
        return 0;
    }
    part.head = response->is_sent ? NULL : &response->head;
    part.body = (struct pyw_span){data, len};
    response->is_sent = true;
    result = transmit(request, &part);
    request->send_error = result;
    pyw_request_unclaim(request);
    return result == 0 ? 0 : -1;
}

/* The same file with a position of its own: Apache may read it by lseek(2) and read(2),
 * and the application may have it in other responses too. @return -1: it cannot be had,
 * as without /proc. */
static int open_again(int fd)
{
    char path[32];

    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    return open(path, O_RDONLY | O_CLOEXEC);
}

int pyw_response_send_file(struct pyw_request *request, int fd, uint64_t offset,
                           uint64_t length)
{
    struct pyw_response *response = &request->response;
    struct pyw_exchange *exchange = request->exchange;
    struct pyw_file_part file = {.fd = fd, .offset = offset};
    int64_t since_us = pyw_observe_now(request);
    void *token;
    int own;

    if (request->send_error != 0 || pyw_response_prepare(request) != 0) {
        return -1;
    }
    if (response->declared >= 0 && length > (uint64_t)response->declared) {
        length = (uint64_t)response
                     ->declared; /* a part of the file is asked for: nothing is amiss */
    }
    if (length == 0 || response->is_bodyless) {
        response->written += length;
        return pyw_response_send(request, "", 0, false);
    }
    if (pyw_request_claim(request) != 0) {
        return -1;
    }
    file.head = &response->head;
    file.length = length;
    response->is_sent = true;
    response->written += length;
    token = pyw_gil_release();
    own = open_again(fd);
    file.fd = own >= 0 ? own : fd;
    request->send_error = exchange->ops->send_file(exchange, &file);
    if (own >= 0) {
        close(own);
    }
    pyw_observe_acquire(request, token);
    pyw_observe_output(request, since_us, length);
    pyw_request_unclaim(request);
    return request->send_error == 0 ? 0 : -1;
}

bool pyw_response_is_full(const struct pyw_response *response)
{
    return response->is_sent && (response->is_bodyless || response->is_cut);
}

bool pyw_response_is_short(const struct pyw_response *response)
{
    return !response->is_bodyless && response->declared >= 0 &&
           response->written < (uint64_t)response->declared;
}
