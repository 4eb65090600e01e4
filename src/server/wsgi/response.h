/* response.h: what the application said its response is, and the sending of it: when
 * the head goes out, what counts against Content-Length, what has no body at all.
 *
 * **GIL:** held; given up where the exchange would block.
 */
#ifndef PYW_WSGI_RESPONSE_H
#define PYW_WSGI_RESPONSE_H

#include <Python.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/head.h"

struct pyw_request;

/* Most responses have fewer headers than this; more are allocated. */
#define PYW_RESPONSE_INLINE 24
/* Length of an automatic Content-Length in digits. */
#define PYW_RESPONSE_DIGITS 24

struct pyw_response {
    bool is_started;  /* start_response() was called */
    bool is_sent;     /* the head has left */
    bool is_bodyless; /* HEAD, 204, 304: body is thrown away */
    bool is_replaced; /* 304 or 412 in place of what the application answered */
    bool is_cut;      /* more than Content-Length came */
    int64_t declared; /* Content-Length; -1: none */
    uint64_t written; /* bytes of body, as sent or thrown away */
    struct pyw_reply_head head;
    size_t length_count; /* how many Content-Length headers there are */
    size_t length_at;    /* the first of them */
    PyObject *status;    /* owns what head.reason points to */
    PyObject **objects;  /* strong; own what the headers point to */
    size_t object_count;
    struct pyw_header *headers;
    size_t capacity; /* of headers; two are for the automatic Content-Length and
                        Accept-Ranges; and twice as many objects */
    char length_text[PYW_RESPONSE_DIGITS];
    struct pyw_header inline_headers[PYW_RESPONSE_INLINE];
    PyObject *inline_objects[2 * PYW_RESPONSE_INLINE];
};

void pyw_response_init(struct pyw_response *response);
/* Idempotent. */
void pyw_response_clear(struct pyw_response *response);

/* Takes over status (a str that was found valid) and makes room for `count` headers,
 * none set yet.
 * @return 0, or -1 with an exception. */
int pyw_response_begin(struct pyw_response *response, PyObject *status, size_t count);
/* Adds one header; both are valid str whose characters take one byte. */
void pyw_response_add(struct pyw_response *response, PyObject *name, PyObject *value);
/* A header of that name; NULL: there is none. */
struct pyw_header *pyw_response_find(struct pyw_response *response,
                                     struct pyw_span name);
/* What the application begins anew must leave no trace. */
void pyw_response_reset(struct pyw_response *response);

/* Before the first part: the length of the whole body is known. Adds Content-Length
 * where the application did not and the response may have one. */
void pyw_response_set_length(struct pyw_request *request, uint64_t length);

/* Likewise: it is a file, of which the server gives any part that is asked for. Adds
 * Accept-Ranges where the application did not. */
void pyw_response_offer_ranges(struct pyw_request *request);

/* The last moment for the head to be wrong: what Content-Length says is known
 * afterwards. Does nothing once the head has left. @return 0, or -1 with an exception.
 */
int pyw_response_prepare(struct pyw_request *request);

/* Sends a piece of body, the head before the first. `is_last`: the response is complete
 * and nothing follows. @return 0; -1 with an exception (a bad head), or without
 * (request->send_error says why). */
int pyw_response_send(struct pyw_request *request, const char *data, size_t len,
                      bool is_last);

/* Sends a stretch of a file as the whole body. Likewise. */
int pyw_response_send_file(struct pyw_request *request, int fd, uint64_t offset,
                           uint64_t length);

/* True once nothing that the application may still produce would be sent. */
bool pyw_response_is_full(const struct pyw_response *response);
/* True when fewer bytes came than Content-Length says. */
bool pyw_response_is_short(const struct pyw_response *response);

#endif
