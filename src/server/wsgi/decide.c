#include "wsgi/decide.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "base/decision.h"
#include "python/advice.h"
#include "python/errors.h"
#include "python/guard.h"
#include "python/log.h"
#include "python/prelude.h"
#include "python/stream.h"
#include "wsgi/deliver.h"
#include "wsgi/environ.h"
#include "wsgi/native.h"
#include "wsgi/verdict.h"

#define PREFIX_LEN (sizeof(PYW_DECISION_SSL_PREFIX) - 1)

/* --- environ: mod_ssl.* -------------------------------------------------------- */

/* Both functions are bound to the dict of variables, which is empty where Apache has no
 * mod_ssl, and has HTTPS alone where the connection is not https. */
static PyObject *is_https(PyObject *variables, PyObject *unused)
{
    PyObject *value = PyDict_GetItemString(variables, "HTTPS");

    (void)unused;
    return PyBool_FromLong(value != NULL && PyUnicode_Check(value) &&
                           PyUnicode_CompareWithASCIIString(value, "on") == 0);
}

static PyObject *var_lookup(PyObject *variables, PyObject *name)
{
    PyObject *text = NULL;
    PyObject *value;

    if (PyUnicode_Check(name)) {
        text = Py_NewRef(name);
    } else if (PyBytes_Check(name)) {
        text = PyUnicode_DecodeLatin1(PyBytes_AS_STRING(name), PyBytes_GET_SIZE(name),
                                      NULL);
    } else {
        PyErr_Format(PyExc_TypeError,
                     "mod_ssl.var_lookup() takes a str or bytes, not %.200s",
                     Py_TYPE(name)->tp_name);
    }
    if (text == NULL) {
        return NULL;
    }
    value = Py_XNewRef(PyDict_GetItemWithError(variables, text));
    Py_DECREF(text);
    if (value != NULL || PyErr_Occurred()) {
        return value;
    }
    if (PyDict_GET_SIZE(variables) == 0) {
        Py_RETURN_NONE;
    }
    return PyUnicode_FromString("");
}

static PyMethodDef ssl_methods[] = {
    {"is_https", is_https, METH_NOARGS, "Whether the client came by https."},
    {"var_lookup", var_lookup, METH_O,
     "The value of a variable of mod_ssl; empty where it has none, None without mod_ssl."},
};

static bool is_ssl_pair(const struct pyw_pair *pair)
{
    return pair->name.len > PREFIX_LEN &&
           memcmp(pair->name.data, PYW_DECISION_SSL_PREFIX, PREFIX_LEN) == 0;
}

/* New reference to the variables that came with the request. */
static PyObject *ssl_variables(const struct pyw_wsgi *state,
                               const struct pyw_pair *pairs, size_t count)
{
    PyObject *variables = PyDict_New();

    for (size_t i = 0; variables != NULL && i < count; i++) {
        struct pyw_pair pair = pairs[i];

        if (!is_ssl_pair(&pair)) {
            continue;
        }
        pair.key = 0;
        pair.name.data += PREFIX_LEN;
        pair.name.len -= PREFIX_LEN;
        if (pyw_environ_put_pairs(state, &pair, 1, variables) != 0) {
            Py_CLEAR(variables);
        }
    }
    return variables;
}

/* --- environ ------------------------------------------------------------------- */

/* Steals the value. */
static int set(PyObject *environ, const char *name, PyObject *value)
{
    int result = value != NULL ? PyDict_SetItemString(environ, name, value) : -1;

    Py_XDECREF(value);
    return result;
}

static int set_ssl(PyObject *environ, const struct pyw_request *request, size_t from)
{
    const struct pyw_request_head *head = request->exchange->head;
    PyObject *variables =
        ssl_variables(request->wsgi, head->pairs + from, head->pair_count - from);
    int result = -1;

    if (variables != NULL && set(environ, "mod_ssl.is_https",
                                 PyCFunction_New(&ssl_methods[0], variables)) == 0) {
        result = set(environ, "mod_ssl.var_lookup",
                     PyCFunction_New(&ssl_methods[1], variables));
    }
    Py_XDECREF(variables);
    return result;
}

/* Of what is the same for all requests, as much as these scripts get. */
static int set_constants(PyObject *environ, const struct pyw_wsgi *state)
{
    static const char *const names[] = {"apache.version", "mod_wsgi.version"};

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (set(environ, names[i],
                Py_XNewRef(PyDict_GetItemString(state->constants, names[i]))) != 0) {
            return -1;
        }
    }
    return 0;
}

/* New reference. */
static PyObject *build_environ(struct pyw_request *request)
{
    const struct pyw_request_head *head = request->exchange->head;
    const struct pyw_wsgi *state = request->wsgi;
    PyObject *environ = PyDict_New();
    size_t visible = 0;

    while (visible < head->pair_count && !is_ssl_pair(&head->pairs[visible])) {
        visible++;
    }
    if (environ != NULL &&
        (pyw_environ_put_pairs(state, head->pairs, visible, environ) != 0 ||
         set_constants(environ, state) != 0 ||
         PyDict_SetItem(environ, state->errors_key, request->kit->errors) != 0 ||
         pyw_native_put(request, environ) != 0 ||
         (head->role != PYW_ROLE_DISPATCH &&
          set_ssl(environ, request, visible) != 0))) {
        Py_CLEAR(environ);
    }
    return environ;
}

/* --- asking -------------------------------------------------------------------- */

#define ANSWERS_500 "the request answers 500"

/* One exchange with a script. */
struct asking {
    struct pyw_request *request;
    PyObject *module;  /* borrowed */
    PyObject *environ; /* borrowed */
    struct pyw_writer writer;
};

/* What a role asks, and what comes of it when there is no good answer. */
static const struct question {
    const char *function;
    int (*pack)(struct pyw_writer *writer, PyObject *result);
    const char *effect;
} questions[PYW_ROLE_COUNT] = {
    [PYW_ROLE_ACCESS] = {"allow_access", pyw_verdict_pack_access,
                         "the client gets 403"},
    [PYW_ROLE_PASSWORD] = {"check_password", pyw_verdict_pack_password, ANSWERS_500},
    [PYW_ROLE_REALM_HASH] = {"get_realm_hash", pyw_verdict_pack_hash, ANSWERS_500},
    [PYW_ROLE_GROUPS] = {"groups_for_user", pyw_verdict_pack_groups,
                         "the user counts as one of no group"},
};

static const char *const routes[PYW_ROUTE_COUNT] = {
    [PYW_ROUTE_PROCESS_GROUP] = "process_group",
    [PYW_ROUTE_APPLICATION_GROUP] = "application_group",
    [PYW_ROUTE_CALLABLE] = "callable_object",
};

static bool is_timeout(const struct pyw_request *request)
{
    return PyErr_ExceptionMatches(
        pyw_builtin_state(request->interpreter->module)->request_timeout);
}

/* The function raised the pending exception. */
static enum pyw_outcome raised(struct pyw_request *request, const char *function,
                               const char *effect)
{
    char name[PYW_ERRORS_NAME_MAX];

    if (pyw_prelude_is_forked()) { /* not for this request's log */
        PyErr_Clear();
        return PYW_OUTCOME_ERROR;
    }
    if (is_timeout(request)) {
        PyErr_Clear();
        return PYW_OUTCOME_TIMEOUT;
    }
    pyw_advice_log(request->interpreter, request->exchange->head->script.data,
                   request->exchange->head->script.len, request->exchange);
    pyw_errors_class(name);
    PYW_LOG(pyw_errors_log, request->exchange, DECIDER_EXCEPTION, name, function,
            PYW_REQUEST_SCRIPT(request), effect);
    return PYW_OUTCOME_ERROR;
}

/* What it returned will not do, for the reason in the pending exception. */
static enum pyw_outcome refused(struct pyw_request *request, const char *function,
                                const char *effect)
{
    if (pyw_prelude_is_forked() || is_timeout(request)) {
        return raised(request, function, effect);
    }
    PYW_LOG(pyw_errors_log, request->exchange, DECIDER_RESULT, function,
            PYW_REQUEST_SCRIPT(request), effect);
    return PYW_OUTCOME_ERROR;
}

/* New reference to a function of the module; NULL: it has none, or with an exception.
 */
static PyObject *find(PyObject *module, const char *name)
{
    PyObject *key = PyUnicode_InternFromString(name);
    PyObject *function =
        key != NULL ? pyw_guard_item(PyModule_GetDict(module), key) : NULL;

    Py_XDECREF(key);
    return function;
}

/* New reference to environ and the arguments of the request. */
static PyObject *make_arguments(const struct pyw_request_head *head, PyObject *environ)
{
    PyObject *arguments = PyTuple_New(1 + head->argument_count);

    if (arguments == NULL) {
        return NULL;
    }
    PyTuple_SET_ITEM(arguments, 0, Py_NewRef(environ));
    for (uint8_t i = 0; i < head->argument_count; i++) {
        struct pyw_span text = head->arguments[i];
        PyObject *argument =
            PyUnicode_DecodeLatin1(text.data, (Py_ssize_t)text.len, NULL);

        if (argument == NULL) {
            Py_DECREF(arguments);
            return NULL;
        }
        PyTuple_SET_ITEM(arguments, 1 + i, argument);
    }
    return arguments;
}

/* New reference to what the function returns; NULL with an exception. */
static PyObject *call(const struct asking *asking, PyObject *function)
{
    PyObject *arguments =
        make_arguments(asking->request->exchange->head, asking->environ);
    PyObject *result =
        arguments != NULL ? PyObject_CallObject(function, arguments) : NULL;

    Py_XDECREF(arguments);
    return result;
}

static enum pyw_outcome ask(struct asking *asking)
{
    struct pyw_request *request = asking->request;
    const struct question *question = &questions[request->exchange->head->role];
    PyObject *function = find(asking->module, question->function);
    PyObject *result = NULL;
    enum pyw_outcome outcome = PYW_OUTCOME_ERROR;

    if (function == NULL && !PyErr_Occurred()) {
        PYW_LOG(pyw_log_print_held, request->exchange, DECIDER_FUNCTION,
                PYW_REQUEST_SCRIPT(request), question->function, question->effect);
        return outcome;
    }
    result = function != NULL ? call(asking, function) : NULL;
    if (result == NULL) {
        outcome = raised(request, question->function, question->effect);
    } else if (question->pack(&asking->writer, result) != 0) {
        outcome = refused(request, question->function, question->effect);
    } else {
        outcome = PYW_OUTCOME_OK;
    }
    Py_XDECREF(result);
    Py_XDECREF(function);
    return outcome;
}

/* One of the three functions of a dispatch script, each of which it may lack. */
static enum pyw_outcome ask_route(struct asking *asking, const char *name)
{
    static const struct pyw_span absent = {NULL, 0};
    PyObject *function = find(asking->module, name);
    PyObject *result = NULL;
    enum pyw_outcome outcome = PYW_OUTCOME_OK;

    if (function != NULL) {
        result = call(asking, function);
    } else if (!PyErr_Occurred()) {
        result = Py_NewRef(Py_None);
    }
    if (result == NULL) {
        outcome = raised(asking->request, name, ANSWERS_500);
    } else if (result == Py_None) {
        pyw_decision_put_text(&asking->writer, absent);
    } else if (pyw_verdict_put_text(&asking->writer, result, name, true) != 0) {
        outcome = refused(asking->request, name, ANSWERS_500);
    }
    Py_XDECREF(result);
    Py_XDECREF(function);
    return outcome;
}

static enum pyw_outcome ask_routes(struct asking *asking)
{
    enum pyw_outcome outcome = PYW_OUTCOME_OK;

    pyw_decision_put(&asking->writer, PYW_VERDICT_ROUTE, PYW_ROUTE_COUNT);
    for (size_t i = 0; outcome == PYW_OUTCOME_OK && i < PYW_ROUTE_COUNT; i++) {
        outcome = ask_route(asking, routes[i]);
    }
    return outcome;
}

/* --- the answer ---------------------------------------------------------------- */

static enum pyw_outcome send_answer(struct pyw_request *request,
                                    const struct pyw_writer *writer)
{
    PyObject *status = PyUnicode_FromString("200 OK");
    int result = -1;

    if (writer->failed) {
        PyErr_NoMemory();
    } else if (status != NULL &&
               pyw_response_begin(&request->response, status, 0) == 0) {
        pyw_response_set_length(request, writer->len);
        result =
            pyw_response_send(request, (const char *)writer->data, writer->len, true);
    }
    Py_XDECREF(status);
    PyErr_Clear(); /* out of memory, or the process is a fork: there is no answer */
    if (result == 0) {
        return PYW_OUTCOME_OK;
    }
    return request->send_error == -ECANCELED ? PYW_OUTCOME_TIMEOUT : PYW_OUTCOME_ERROR;
}

enum pyw_outcome pyw_decide(struct pyw_request *request, PyObject *module)
{
    PyObject *environ = build_environ(request);
    struct asking asking = {.request = request, .module = module, .environ = environ};
    enum pyw_outcome outcome;

    if (environ == NULL) {
        return pyw_deliver_exception(request);
    }
    pyw_bytes_init(&asking.writer);
    outcome = request->exchange->head->role == PYW_ROLE_DISPATCH ? ask_routes(&asking)
                                                                 : ask(&asking);
    if (outcome == PYW_OUTCOME_OK && !pyw_prelude_is_forked()) {
        /* Nothing may follow the last part. */
        pyw_stream_flush_thread();
        pyw_stream_flush(request->kit->log);
        outcome = send_answer(request, &asking.writer);
    }
    pyw_bytes_free(&asking.writer);
    Py_DECREF(environ);
    pyw_native_sever(request);
    return outcome;
}

enum pyw_outcome pyw_decide_without_script(struct pyw_request *request)
{
    static const struct pyw_span absent = {NULL, 0};
    struct pyw_writer writer;
    enum pyw_outcome outcome;

    if (request->exchange->head->role != PYW_ROLE_DISPATCH) {
        return PYW_OUTCOME_ERROR;
    }
    PYW_LOG(pyw_log_print_held, request->exchange, DISPATCH_UNLOADED,
            PYW_REQUEST_SCRIPT(request));
    pyw_bytes_init(&writer);
    pyw_decision_put(&writer, PYW_VERDICT_ROUTE, PYW_ROUTE_COUNT);
    for (size_t i = 0; i < PYW_ROUTE_COUNT; i++) {
        pyw_decision_put_text(&writer, absent);
    }
    pyw_stream_flush_thread();
    outcome = send_answer(request, &writer);
    pyw_bytes_free(&writer);
    pyw_response_clear(&request->response);
    return outcome;
}
