#include "wsgi/kit.h"

#include <stdbool.h>

#include "python/guard.h"
#include "python/stream.h"
#include "wsgi/input.h"
#include "wsgi/request.h"
#include "wsgi/start.h"

static void free_kit(struct pyw_kit *kit)
{
    Py_XDECREF(kit->input);
    Py_XDECREF(kit->start);
    Py_XDECREF(kit->errors);
    Py_XDECREF(kit->log);
    PyMem_Free(kit);
}

static struct pyw_kit *make(const struct pyw_wsgi *state,
                            const struct pyw_builtin *builtin)
{
    struct pyw_kit *kit = PyMem_Calloc(1, sizeof(struct pyw_kit));

    if (kit == NULL) {
        PyErr_NoMemory();
        return NULL;
    }
    kit->input = pyw_input_new((PyTypeObject *)state->input_type);
    kit->start = pyw_start_new((PyTypeObject *)state->start_type);
    kit->log = pyw_stream_new_log((PyTypeObject *)builtin->log_type, PYW_STREAM_ERRORS);
    if (kit->log != NULL) {
        kit->errors = pyw_stream_new_text(builtin->text_io_wrapper, kit->log);
    }
    if (kit->input == NULL || kit->start == NULL || kit->errors == NULL) {
        free_kit(kit);
        return NULL;
    }
    return kit;
}

struct pyw_kit *pyw_kit_take(const struct pyw_builtin *builtin,
                             struct pyw_request *request)
{
    struct pyw_kit *kit = request->store->kits;

    if (kit != NULL) {
        request->store->kits = kit->next;
    } else {
        kit = make(request->wsgi, builtin);
        if (kit == NULL) {
            return NULL;
        }
    }
    pyw_input_bind(kit->input, request);
    pyw_start_bind(kit->start, request);
    pyw_stream_bind(kit->log, request->exchange);
    return kit;
}

/* True when nobody else has a reference. The stream over the log has one of its own;
 * had the application detached it, the stream would be of no use any more, and the
 * count tells. */
static bool is_let_go(const struct pyw_kit *kit)
{
    return pyw_guard_has_references(kit->input, 1) &&
           pyw_guard_has_references(kit->start, 1) &&
           pyw_guard_has_references(kit->errors, 1) &&
           pyw_guard_has_references(kit->log, 2);
}

void pyw_kit_sever(struct pyw_kit *kit)
{
    pyw_input_sever(kit->input);
    pyw_start_bind(kit->start, NULL);
    pyw_stream_sever(kit->log);
}

void pyw_kit_give_back(struct pyw_store *store, struct pyw_kit *kit)
{
    /* Again: each waits until the last thread has left the object, GIL or not. */
    pyw_kit_sever(kit);
    pyw_input_bind(kit->input, NULL);
    if (is_let_go(kit)) {
        kit->next = store->kits;
        store->kits = kit;
    } else {
        free_kit(kit);
    }
}

void pyw_kit_clear(struct pyw_store *store)
{
    while (store->kits != NULL) {
        struct pyw_kit *kit = store->kits;

        store->kits = kit->next;
        free_kit(kit);
    }
}
