#include "wsgi/deliver.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "python/advice.h"
#include "python/errors.h"
#include "python/guard.h"
#include "python/log.h"
#include "python/prelude.h"
#include "python/stream.h"
#include "wsgi/file_wrapper.h"

/* The pieces of a list leave together, so much body at a time at most. */
#define JOIN_MAX 65536
#define PLACE_MAX 256

/* --- how it ended -------------------------------------------------------------- */

/* "of daemon process 'NAME'", or "in embedded mode". */
static void describe_process(char *text, size_t size)
{
    const char *group = pyw_builtin_setup()->group;

    if (group[0] == '\0') {
        snprintf(text, size, "in embedded mode");
    } else {
        snprintf(text, size, "of daemon process '%s'", group);
    }
}

/* A client that was too slow to send its body is still there to be told so; one that
 * takes nothing of its response is not. */
static enum pyw_outcome outcome_of_error(int error, bool is_of_sending)
{
    switch (error) {
    case -EPIPE:
        return PYW_OUTCOME_GONE;
    case -ETIMEDOUT:
        return is_of_sending ? PYW_OUTCOME_GONE : PYW_OUTCOME_ERROR;
    case -ECANCELED:
        return PYW_OUTCOME_TIMEOUT;
    default:
        return PYW_OUTCOME_ERROR;
    }
}

enum pyw_outcome pyw_deliver_exception(struct pyw_request *request)
{
    const char *effect = request->response.is_sent ? "the client's connection is cut"
                                                   : "the request answers 500";
    char place[PLACE_MAX];
    char process[PLACE_MAX];
    char name[PYW_ERRORS_NAME_MAX];
    int error = request->send_error != 0 ? request->send_error : request->read_error;

    if (pyw_prelude_is_forked()) { /* what became of a fork is not for this request's
                                      log */
        PyErr_Clear();
        return PYW_OUTCOME_ERROR;
    }
    pyw_observe_exception(request);
    if (error != 0 && PyErr_ExceptionMatches(PyExc_OSError)) {
        PYW_LOG(pyw_errors_log, request->exchange, CLIENT_GONE,
                PYW_REQUEST_SCRIPT(request), pyw_request_reason(error));
        return outcome_of_error(error, request->send_error != 0);
    }
    if (PyErr_ExceptionMatches(
            pyw_builtin_state(request->interpreter->module)->request_timeout)) {
        PyErr_Clear();
        return PYW_OUTCOME_TIMEOUT;
    }
    pyw_interpreter_describe(request->interpreter, place, sizeof place);
    describe_process(process, sizeof process);
    if (PyErr_ExceptionMatches(PyExc_SystemExit)) {
        PYW_LOG(pyw_errors_log, request->exchange, APP_EXIT,
                PYW_REQUEST_SCRIPT(request), place, process, effect);
    } else {
        pyw_advice_log(request->interpreter, request->exchange->head->script.data,
                       request->exchange->head->script.len, request->exchange);
        pyw_errors_class(name);
        PYW_LOG(pyw_errors_log, request->exchange, APP_EXCEPTION, name,
                PYW_REQUEST_SCRIPT(request), place, process, effect);
    }
    return PYW_OUTCOME_ERROR;
}

/* After an operation that failed: an exception, or an error of the exchange. */
static enum pyw_outcome fail(struct pyw_request *request)
{
    if (PyErr_Occurred()) {
        return pyw_deliver_exception(request);
    }
    if (!pyw_prelude_is_forked()) {
        PYW_LOG(pyw_log_print_held, request->exchange, CLIENT_GONE,
                PYW_REQUEST_SCRIPT(request), pyw_request_reason(request->send_error));
    }
    return outcome_of_error(request->send_error, true);
}

/* As the functions of response.h, for the request's own thread: others may be in
 * start_response() or write() of the same response. */
static int send(struct pyw_request *request, const char *data, size_t len, bool is_last)
{
    int result;

    PYW_GUARD_BEGIN(request->kit->start);
    result = pyw_response_send(request, data, len, is_last);
    PYW_GUARD_END();
    return result;
}

static int send_file(struct pyw_request *request, const struct pyw_file_extent *extent)
{
    int result;

    PYW_GUARD_BEGIN(request->kit->start);
    pyw_response_set_length(request, extent->length);
    pyw_response_offer_ranges(request);
    result =
        pyw_response_send_file(request, extent->fd, extent->offset, extent->length);
    PYW_GUARD_END();
    return result;
}

static void set_length(struct pyw_request *request, uint64_t length)
{
    PYW_GUARD_BEGIN(request->kit->start);
    pyw_response_set_length(request, length);
    PYW_GUARD_END();
}

static int prepare(struct pyw_request *request)
{
    int result;

    PYW_GUARD_BEGIN(request->kit->start);
    result = pyw_response_prepare(request);
    PYW_GUARD_END();
    return result;
}

/* The body is complete as far as the application goes. */
static enum pyw_outcome judge(struct pyw_request *request)
{
    const struct pyw_response *response = &request->response;

    if (!pyw_response_is_short(response)) {
        return PYW_OUTCOME_OK;
    }
    PYW_LOG(pyw_log_print_held, request->exchange, BODY_SHORT,
            PYW_REQUEST_SCRIPT(request), (unsigned long long)response->written,
            (long long)response->declared);
    return PYW_OUTCOME_SHORT;
}

/* Nothing may follow the last part, the words on sys.stdout and wsgi.errors included.
 */
static void flush_logs(struct pyw_request *request)
{
    pyw_stream_flush_thread();
    pyw_stream_flush(request->kit->log);
}

/* @return 0, or -1 with an exception. */
static int check_started(const struct pyw_request *request)
{
    if (request->response.is_started) {
        return 0;
    }
    PyErr_SetString(
        PyExc_RuntimeError,
        "start_response() must be called before response content is produced");
    return -1;
}

/* @return 0, or -1 with an exception. */
static int check_piece(PyObject *piece)
{
    if (PyBytes_Check(piece)) {
        return 0;
    }
    PyErr_Format(PyExc_TypeError, "response iterable must yield bytes, not %.200s",
                 Py_TYPE(piece)->tp_name);
    return -1;
}

/* --- lists and tuples ---------------------------------------------------------- */

/* The pieces of a list or tuple; they stay while nobody else can touch the list. */
struct pieces {
    PyObject *only;  /* strong; the one that is not empty, where there is just one */
    size_t count;    /* that are not empty */
    uint64_t length; /* of all */
};

static int survey(PyObject *sequence, struct pieces *pieces)
{
    for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(sequence); i++) {
        PyObject *piece = PySequence_Fast_GET_ITEM(sequence, i);

        if (check_piece(piece) != 0) {
            return -1;
        }
        if (PyBytes_GET_SIZE(piece) > 0) {
            pieces->only = piece;
            pieces->count++;
            pieces->length += (uint64_t)PyBytes_GET_SIZE(piece);
        }
    }
    return 0;
}

/* New reference to pieces in one. */
static PyObject *join(PyObject *sequence, Py_ssize_t from, Py_ssize_t to, size_t length)
{
    PyObject *whole;
    char *at;

    if (to - from == 1) {
        return Py_NewRef(PySequence_Fast_GET_ITEM(sequence, from));
    }
    whole = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)length);
    at = whole != NULL ? PyBytes_AS_STRING(whole) : NULL;
    for (Py_ssize_t i = from; whole != NULL && i < to; i++) {
        PyObject *piece = PySequence_Fast_GET_ITEM(sequence, i);

        memcpy(at, PyBytes_AS_STRING(piece), (size_t)PyBytes_GET_SIZE(piece));
        at += PyBytes_GET_SIZE(piece);
    }
    return whole;
}

/* Sends the one piece that is all there is, and with it the end, unless it is less than
 * was said. */
static enum pyw_outcome send_whole(struct pyw_request *request, PyObject *whole,
                                   uint64_t length)
{
    const struct pyw_response *response = &request->response;
    const char *data = whole != NULL ? PyBytes_AS_STRING(whole) : "";
    bool is_short;

    flush_logs(request);
    if (prepare(request) != 0) {
        return fail(request);
    }
    is_short = !response->is_bodyless && response->declared >= 0 &&
               response->written + length < (uint64_t)response->declared;
    if (send(request, data, (size_t)length, !is_short) != 0) {
        return fail(request);
    }
    return judge(request);
}

/* Finds out which pieces go out together: JOIN_MAX of body, or one that is more.
 * @return the first that does not; -1 with an exception. */
static Py_ssize_t gather(PyObject *sequence, Py_ssize_t from, size_t *length)
{
    Py_ssize_t to = from;

    for (*length = 0; to < PySequence_Fast_GET_SIZE(sequence); to++) {
        PyObject *piece = PySequence_Fast_GET_ITEM(sequence, to);

        if (check_piece(piece) != 0) {
            return -1;
        }
        if (to > from && *length + (size_t)PyBytes_GET_SIZE(piece) > JOIN_MAX) {
            break;
        }
        *length += (size_t)PyBytes_GET_SIZE(piece);
    }
    return to;
}

/* Sends some pieces. @return the first that is left, or -1 as pyw_response_send. */
static Py_ssize_t send_some(struct pyw_request *request, PyObject *sequence,
                            Py_ssize_t from)
{
    size_t length;
    Py_ssize_t to = gather(sequence, from, &length);
    PyObject *joined = to >= 0 ? join(sequence, from, to, length) : NULL;
    int result = joined != NULL ? 0 : -1;

    if (result == 0 && length > 0) {
        result = send(request, PyBytes_AS_STRING(joined), length, false);
    }
    Py_XDECREF(joined);
    return result == 0 ? to : -1;
}

/* Sends pieces, as many at a time as may be copied. The list may change meanwhile, when
 * the GIL is given up. */
static enum pyw_outcome send_pieces(struct pyw_request *request, PyObject *sequence)
{
    Py_ssize_t at = 0;

    while (at < PySequence_Fast_GET_SIZE(sequence) &&
           !pyw_response_is_full(&request->response)) {
        at = send_some(request, sequence, at);
        if (at < 0) {
            return fail(request);
        }
    }
    return judge(request);
}

static enum pyw_outcome deliver_sequence(struct pyw_request *request,
                                         PyObject *sequence)
{
    struct pieces pieces = {.only = NULL};
    enum pyw_outcome outcome;
    PyObject *whole;

    if (check_started(request) != 0 || survey(sequence, &pieces) != 0) {
        return fail(request);
    }
    if (!request->response.is_sent) {
        set_length(request, pieces.length);
    }
    if (pieces.count > 1 && pieces.length > JOIN_MAX) {
        return send_pieces(request, sequence);
    }
    whole = pieces.count > 1 ? join(sequence, 0, PySequence_Fast_GET_SIZE(sequence),
                                    (size_t)pieces.length)
                             : Py_XNewRef(pieces.only);
    if (whole == NULL && pieces.count > 0) {
        return fail(request);
    }
    outcome = send_whole(request, whole, pieces.length);
    Py_XDECREF(whole);
    return outcome;
}

/* --- iterables ----------------------------------------------------------------- */

/* @return 0, or -1 as pyw_response_send. */
static int send_piece(struct pyw_request *request, PyObject *piece)
{
    struct pyw_exchange *exchange = request->exchange;

    if (check_piece(piece) != 0) {
        return -1;
    }
    if (PyBytes_GET_SIZE(piece) == 0) {
        /* A chance to notice that nobody waits for the piece that is being made. */
        if (!pyw_prelude_is_forked() && exchange->ops->is_aborted(exchange)) {
            request->send_error = -EPIPE;
            return -1;
        }
        return 0;
    }
    if (check_started(request) != 0) {
        return -1;
    }
    return send(request, PyBytes_AS_STRING(piece), (size_t)PyBytes_GET_SIZE(piece),
                false);
}

/* Sends what the iterator gives until it or the response is at its end. @return 0, or
 * -1 likewise. */
static int send_all(struct pyw_request *request, PyObject *iterator)
{
    int result = 0;

    while (result == 0 && !pyw_response_is_full(&request->response)) {
        PyObject *piece = PyIter_Next(iterator);

        if (piece == NULL) {
            return PyErr_Occurred() ? -1 : 0;
        }
        result = send_piece(request, piece);
        Py_DECREF(piece);
    }
    return result;
}

static enum pyw_outcome deliver_iterable(struct pyw_request *request,
                                         PyObject *iterable)
{
    PyObject *iterator = PyObject_GetIter(iterable);
    int result = iterator != NULL ? send_all(request, iterator) : -1;

    Py_XDECREF(iterator);
    if (result != 0 || check_started(request) != 0) {
        return fail(request);
    }
    if (!request->response.is_sent) {
        set_length(request, 0);
        if (send(request, "", 0, false) != 0) {
            return fail(request);
        }
    }
    return judge(request);
}

static enum pyw_outcome deliver_file(struct pyw_request *request,
                                     const struct pyw_file_extent *extent)
{
    if (check_started(request) != 0) {
        return fail(request);
    }
    if (send_file(request, extent) != 0) {
        return fail(request);
    }
    return judge(request);
}

/* --- the whole ----------------------------------------------------------------- */

/* Calls close(), which is the application's last word; what it raises changes nothing.
 */
static void close_iterable(struct pyw_request *request, PyObject *iterable)
{
    PyObject *close = PyObject_GetAttr(iterable, request->wsgi->close_name);
    PyObject *result = NULL;
    char name[PYW_ERRORS_NAME_MAX];

    if (close == NULL && PyErr_ExceptionMatches(PyExc_AttributeError)) {
        PyErr_Clear();
        return;
    }
    if (close != NULL) {
        result = PyObject_CallNoArgs(close);
        Py_DECREF(close);
    }
    if (result == NULL && pyw_prelude_is_forked()) {
        PyErr_Clear();
    } else if (result == NULL) {
        pyw_errors_class(name);
        PYW_LOG(pyw_errors_log, request->exchange, APP_CLOSE, name,
                PYW_REQUEST_SCRIPT(request));
    }
    Py_XDECREF(result);
}

enum pyw_outcome pyw_deliver(struct pyw_request *request, PyObject *iterable)
{
    struct pyw_file_extent extent;
    enum pyw_outcome outcome;

    if (PyList_CheckExact(iterable) || PyTuple_CheckExact(iterable)) {
        PyObject *sequence = pyw_guard_sequence(iterable);

        outcome =
            sequence != NULL ? deliver_sequence(request, sequence) : fail(request);
        Py_XDECREF(sequence);
        return outcome; /* these have no close() */
    }
    if (!request->response.is_sent &&
        pyw_file_wrapper_is_file(request->wsgi->file_wrapper_type, iterable, &extent)) {
        outcome = deliver_file(request, &extent);
    } else {
        outcome = deliver_iterable(request, iterable);
    }
    close_iterable(request, iterable);
    if (outcome == PYW_OUTCOME_OK) {
        flush_logs(request);
        if (send(request, "", 0, true) != 0) {
            outcome = fail(request);
        }
    }
    return outcome;
}
