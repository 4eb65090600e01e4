#include "wsgi/environ.h"

#include <stdbool.h>
#include <string.h>

#include "python/pyw_gil.h"
#include "python/runtime.h"
#include "wsgi/hints.h"
#include "wsgi/native.h"
#include "wsgi/request.h"

/* Longer values are not kept: they differ from request to request and cost memory. */
#define KEPT_VALUE 160
/* So many different values in a row, and a name's value is not kept any more. */
#define MAX_MISSES 8

/* One name of the requests that share a template. */
struct slot {
    PyObject *name;  /* strong; str */
    PyObject *value; /* strong; the one in the template's dict, NULL: none is kept */
    uint8_t key;     /* id of the name, 0: it has none */
    uint8_t misses;
};

/* Making a dict may start the garbage collector, which may run Python code, which may
 * let another thread in here: `users` keeps the template alive meanwhile, and `version`
 * tells whether its values are still the ones that were copied. */
struct pyw_template {
    uint64_t hash;
    size_t count;
    unsigned users; /* one is the table that it is found in */
    unsigned version;
    PyObject *dict; /* strong */
    struct slot slots[];
};

/* --- constants ----------------------------------------------------------------- */

/* Steals the value. */
static int put(PyObject *dict, const char *name, PyObject *value)
{
    int result = value != NULL ? PyDict_SetItemString(dict, name, value) : -1;

    Py_XDECREF(value);
    return result;
}

PyObject *pyw_environ_constants(const struct pyw_wsgi *state)
{
    const struct pyw_setup *setup = pyw_builtin_setup();
    const uint32_t *apache = setup->server_version;
    /* What one interpreter remembers, the others do not know. */
    bool is_multiprocess = setup->is_multiprocess || pyw_interpreter_lanes() > 1;
    PyObject *dict = PyDict_New();

    if (dict == NULL) {
        return NULL;
    }
    if (put(dict, "wsgi.version", Py_BuildValue("(ii)", 1, 0)) != 0 ||
        put(dict, "wsgi.multithread",
            PyBool_FromLong(setup->threads_per_process > 1)) != 0 ||
        put(dict, "wsgi.multiprocess", PyBool_FromLong(is_multiprocess)) != 0 ||
        put(dict, "wsgi.run_once",
            PyBool_FromLong(setup->options.maximum_requests == 1 &&
                            setup->threads_per_process == 1)) != 0 ||
        put(dict, "wsgi.input_terminated", Py_NewRef(Py_True)) != 0 ||
        put(dict, "wsgi.file_wrapper", Py_NewRef(state->file_wrapper_type)) != 0 ||
        put(dict, "wsgi.early_hints", pyw_hints_new_idle(state)) != 0 ||
        put(dict, "apache.version",
            Py_BuildValue("(III)", apache[0], apache[1], apache[2])) != 0 ||
        put(dict, "mod_wsgi.version", pyw_builtin_version()) != 0) {
        Py_CLEAR(dict);
    }
    return dict;
}

/* --- names and values ---------------------------------------------------------- */

/* Paths are in the encoding of the file system, all else in the one that PEP 3333
 * prescribes. */
static bool is_path(uint8_t key)
{
    return key == PYW_KEY_DOCUMENT_ROOT || key == PYW_KEY_SCRIPT_FILENAME;
}

/* New reference. */
static PyObject *decode(uint8_t key, struct pyw_span text)
{
    if (is_path(key)) {
        return PyUnicode_DecodeFSDefaultAndSize(text.data, (Py_ssize_t)text.len);
    }
    return PyUnicode_DecodeLatin1(text.data, (Py_ssize_t)text.len, NULL);
}

static bool is_same(PyObject *text, struct pyw_span span)
{
    return PyUnicode_GET_LENGTH(text) == (Py_ssize_t)span.len &&
           PyUnicode_IS_ASCII(text) &&
           memcmp(PyUnicode_1BYTE_DATA(text), span.data, span.len) == 0;
}

/* New reference to the name of a pair. */
static PyObject *name_of(const struct pyw_wsgi *state, const struct pyw_pair *pair)
{
    if (pair->key != 0 && pair->key < PYW_HEAD_KEYS && state->keys[pair->key] != NULL) {
        return Py_NewRef(state->keys[pair->key]);
    }
    return PyUnicode_DecodeLatin1(pair->name.data, (Py_ssize_t)pair->name.len, NULL);
}

/* --- templates ----------------------------------------------------------------- */

/* FNV-1a over ids and names. */
static uint64_t hash_names(const struct pyw_request_head *head)
{
    uint64_t hash = 0xcbf29ce484222325U;

    for (size_t i = 0; i < head->pair_count; i++) {
        const struct pyw_pair *pair = &head->pairs[i];

        hash = (hash ^ pair->key) * 0x100000001b3U;
        for (size_t j = 0; pair->key == 0 && j < pair->name.len; j++) {
            hash = (hash ^ (unsigned char)pair->name.data[j]) * 0x100000001b3U;
        }
    }
    return hash;
}

static bool is_for(const struct pyw_template *template,
                   const struct pyw_request_head *head, uint64_t hash)
{
    if (template == NULL || template->hash != hash ||
        template->count != head->pair_count) {
        return false;
    }
    for (size_t i = 0; i < template->count; i++) {
        const struct slot *slot = &template->slots[i];

        if (slot->key != head->pairs[i].key ||
            (slot->key == 0 && !is_same(slot->name, head->pairs[i].name))) {
            return false;
        }
    }
    return true;
}

/* Gives up one use. */
static void drop_template(struct pyw_template *template)
{
    if (template == NULL || --template->users > 0) {
        return;
    }
    for (size_t i = 0; i < template->count; i++) {
        Py_XDECREF(template->slots[i].name);
        Py_XDECREF(template->slots[i].value);
    }
    Py_XDECREF(template->dict);
    PyMem_Free(template);
}

/* Names every slot and fills the dict with the names that are to come. @return 0, or -1
 * with an exception; without one where a name comes twice, which a template cannot
 * tell. */
static int fill(struct pyw_template *template, const struct pyw_wsgi *state,
                const struct pyw_request_head *head)
{
    PyObject *const others[] = {state->input_key,
                                state->errors_key,
                                state->thread_key,
                                state->request_start_key,
                                state->queue_start_key,
                                state->daemon_start_key,
                                state->application_start_key};
    Py_ssize_t expected;

    template->dict = PyDict_Copy(state->constants);
    if (template->dict == NULL) {
        return -1;
    }
    expected = PyDict_GET_SIZE(template->dict) + (Py_ssize_t)head->pair_count;
    for (size_t i = 0; i < head->pair_count; i++) {
        struct slot *slot = &template->slots[i];

        slot->key = head->pairs[i].key;
        slot->name = name_of(state, &head->pairs[i]);
        if (slot->name == NULL ||
            PyDict_SetItem(template->dict, slot->name, Py_None) != 0) {
            return -1;
        }
    }
    if (PyDict_GET_SIZE(template->dict) != expected) {
        return -1;
    }
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        if (PyDict_SetItem(template->dict, others[i], Py_None) != 0) {
            return -1;
        }
    }
    return 0;
}

static struct pyw_template *make_template(const struct pyw_wsgi *state,
                                          const struct pyw_request_head *head,
                                          uint64_t hash)
{
    size_t size = sizeof(struct pyw_template) + head->pair_count * sizeof(struct slot);
    struct pyw_template *template = PyMem_Calloc(1, size);

    if (template == NULL) {
        PyErr_NoMemory();
        return NULL;
    }
    template->hash = hash;
    template->count = head->pair_count;
    template->users = 1;
    if (fill(template, state, head) != 0) {
        drop_template(template);
        return NULL;
    }
    return template;
}

/* The template for requests like this; NULL with an exception, or without where there
 * can be none. */
static struct pyw_template *find_template(const struct pyw_request *request)
{
    const struct pyw_request_head *head = request->exchange->head;
    uint64_t hash = hash_names(head);
    struct pyw_template **place =
        &request->store->templates[hash % PYW_STORE_TEMPLATES];

    if (!is_for(*place, head, hash)) {
        struct pyw_template *made = make_template(request->wsgi, head, hash);

        drop_template(*place);
        *place = made;
    }
    return *place;
}

/* Credentials are not kept beyond their request. */
static bool may_keep(uint8_t key, struct pyw_span value)
{
    return value.len <= KEPT_VALUE && key != PYW_KEY_HTTP_COOKIE &&
           key != PYW_KEY_HTTP_AUTHORIZATION;
}

/* Sets a value that the template does not have, and keeps it there for the next
 * request.
 * @return 0; -1 with an exception, or without where the template changed under way. */
static int set_value(struct pyw_template *template, struct slot *slot,
                     PyObject *environ, const struct pyw_pair *pair)
{
    unsigned version = template->version;
    PyObject *value = decode(slot->key, pair->value); /* may run Python: a codec */
    int result = value != NULL && version == template->version
                     ? PyDict_SetItem(environ, slot->name, value)
                     : -1;

    if (result == 0 && slot->misses < MAX_MISSES && may_keep(slot->key, pair->value)) {
        bool is_final = ++slot->misses == MAX_MISSES;
        PyObject *kept = is_final ? Py_None : value;

        template->version++;
        result = PyDict_SetItem(template->dict, slot->name, kept);
        Py_XSETREF(slot->value, is_final ? NULL : Py_NewRef(value));
    }
    Py_XDECREF(value);
    return result;
}

/* New reference to a dict with the constants and all pairs; NULL with an exception, or
 * without where the template changed under way. */
static PyObject *copy_template(struct pyw_template *template,
                               const struct pyw_request_head *head)
{
    unsigned version = template->version;
    PyObject *environ;

    template->users++;
    environ = PyDict_Copy(template->dict);
    if (environ != NULL && template->version != version) {
        Py_CLEAR(environ);
    }
    for (size_t i = 0; environ != NULL && i < head->pair_count; i++) {
        struct slot *slot = &template->slots[i];

        if (slot->value != NULL && is_same(slot->value, head->pairs[i].value)) {
            slot->misses = 0;
        } else if (set_value(template, slot, environ, &head->pairs[i]) != 0) {
            Py_CLEAR(environ);
        }
    }
    drop_template(template);
    return environ;
}

void pyw_environ_clear(struct pyw_store *store)
{
    for (size_t i = 0; i < PYW_STORE_TEMPLATES; i++) {
        drop_template(store->templates[i]);
        store->templates[i] = NULL;
    }
}

/* --- the whole ----------------------------------------------------------------- */

int pyw_environ_put_pairs(const struct pyw_wsgi *state, const struct pyw_pair *pairs,
                          size_t count, PyObject *environ)
{
    int result = 0;

    for (size_t i = 0; result == 0 && i < count; i++) {
        PyObject *name = name_of(state, &pairs[i]);
        PyObject *value = decode(pairs[i].key, pairs[i].value);

        result =
            name != NULL && value != NULL ? PyDict_SetItem(environ, name, value) : -1;
        Py_XDECREF(name);
        Py_XDECREF(value);
    }
    return result;
}

/* New reference, likewise, made without a template. */
static PyObject *build_plain(const struct pyw_wsgi *state,
                             const struct pyw_request_head *head)
{
    PyObject *environ = PyDict_Copy(state->constants);

    if (environ != NULL &&
        pyw_environ_put_pairs(state, head->pairs, head->pair_count, environ) != 0) {
        Py_CLEAR(environ);
    }
    return environ;
}

/* Steals the value. */
static int set(PyObject *dict, PyObject *name, PyObject *value)
{
    int result = value != NULL ? PyDict_SetItem(dict, name, value) : -1;

    Py_XDECREF(value);
    return result;
}

static PyObject *seconds(int64_t microseconds)
{
    return PyFloat_FromDouble((double)microseconds / 1e6);
}

/* What is of this request and of this thread alone. */
static int set_own(PyObject *environ, const struct pyw_request *request)
{
    const struct pyw_wsgi *state = request->wsgi;
    const struct pyw_request_head *head = request->exchange->head;
    bool is_embedded = pyw_builtin_setup()->group[0] == '\0';

    return PyDict_SetItem(environ, state->input_key, request->kit->input) != 0 ||
                   PyDict_SetItem(environ, state->errors_key, request->kit->errors) !=
                       0 ||
                   set(environ, state->thread_key,
                       PyLong_FromUnsignedLong(pyw_gil_thread_number())) != 0 ||
                   set(environ, state->request_start_key, seconds(head->arrival_us)) !=
                       0 ||
                   set(environ, state->queue_start_key, seconds(head->queued_us)) !=
                       0 ||
                   set(environ, state->daemon_start_key,
                       seconds(is_embedded ? 0 : request->picked_up_us)) != 0
               ? -1
               : 0;
}

PyObject *pyw_environ_build(struct pyw_request *request)
{
    const struct pyw_request_head *head = request->exchange->head;
    struct pyw_template *template = find_template(request);
    PyObject *environ = template != NULL ? copy_template(template, head) : NULL;

    if (environ == NULL && !PyErr_Occurred()) {
        environ = build_plain(request->wsgi, head);
    }
    if (environ != NULL &&
        (set_own(environ, request) != 0 || pyw_native_put(request, environ) != 0 ||
         pyw_hints_put(request, environ) != 0)) {
        Py_CLEAR(environ);
    }
    return environ;
}
