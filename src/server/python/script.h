/* script.h: what is known of each script in each interpreter, for python/loader: an
 * entry that is never removed, so that it is found without a lock.
 */
#ifndef PYW_PYTHON_SCRIPT_H
#define PYW_PYTHON_SCRIPT_H

#include <Python.h>

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/pyw_exchange.h"
#include "python/interpreter.h"

enum pyw_script_state {
    PYW_SCRIPT_NEW,
    PYW_SCRIPT_LOADING,
    PYW_SCRIPT_READY,
    PYW_SCRIPT_FAILED
};

struct pyw_script {
    struct pyw_script *next; /* written once, as are the next three */
    struct pyw_interpreter *interpreter;
    char *path;
    size_t path_len;
    _Atomic enum pyw_script_state state;
    _Atomic int64_t mtime;      /* of the file that was loaded, or failed to load */
    _Atomic int64_t told_mtime; /* pyw_loader_finds_change last told of it */
    _Atomic unsigned loads;     /* how often it was tried */
    atomic_bool can_ask;        /* it has a reload_required() */
    atomic_bool asks;           /* it has, and has served since its load */
    PyObject *module; /* strong; NULL before the first load; see pyw_script_module */
    PyObject *name;   /* GIL; the callable's, as last asked for */
    atomic_bool is_reported; /* that the module lacks it */
    struct {                 /* script.c's */
        unsigned failures;
        int64_t retry_at_ms;
    } shared;
};

/* What a request asks of the loader; for a preload there is no exchange. */
struct pyw_script_demand {
    struct pyw_exchange *exchange;
    bool compares; /* the modification time */
    bool reloads;  /* a script that changed is loaded again in this process */
    int64_t mtime;
};

/* The script in the group's interpreter of that lane; NULL: there is none yet. **GIL:**
 * not needed. */
struct pyw_script *pyw_script_find(struct pyw_span group, unsigned lane,
                                   struct pyw_span path);
/* Walks all, the newest first; NULL: the first; NULL: no more. */
struct pyw_script *pyw_script_next(struct pyw_script *after);
/* NULL: no memory. **GIL:** not needed. */
struct pyw_script *pyw_script_find_or_append(struct pyw_interpreter *interpreter,
                                             struct pyw_span path);

/* New reference, or NULL; of a script that is READY. **GIL:** held, as for the next. */
PyObject *pyw_script_module(const struct pyw_script *script);
/* By who is LOADING; NULL: none. @return 0, or -1 with an exception. */
int pyw_script_set_module(struct pyw_script *script, PyObject *module);

/* The script was loaded, or failed to, from another file than the demand knows. */
bool pyw_script_has_changed(const struct pyw_script *script,
                            const struct pyw_script_demand *demand);

/* Waits for a load in progress, then says what is to be done: READY (use it), LOADING
 * (the caller loads, and settles), FAILED (not again so soon). The module of so many
 * loads wants to be loaded again, where `is_forced`; another may have seen to that.
 * **GIL:** not held. */
enum pyw_script_state pyw_script_claim(struct pyw_script *script,
                                       const struct pyw_script_demand *demand,
                                       bool is_forced, unsigned loads);
/* The load has ended. **GIL:** does not matter. */
void pyw_script_settle(struct pyw_script *script, enum pyw_script_state state,
                       int64_t mtime);

#endif
