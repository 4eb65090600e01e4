/* builtin.h: the built-in module `mod_wsgi`, in every interpreter, and the protocols
 * (wsgi/, later asgi/) that add to it. Its functions are in python/api.
 *
 * The module keeps the `__path__` of an installed package of the same name, so that
 * `mod_wsgi.express` and the like still import.
 */
#ifndef PYW_PYTHON_BUILTIN_H
#define PYW_PYTHON_BUILTIN_H

#include <Python.h>

#include "base/setup.h"

struct pyw_view_reader;

/* What a protocol brings: a built-in module of its own, whose state serves its
 * requests. */
struct pyw_protocol {
    const char *module;      /* its name */
    PyObject *(*init)(void); /* PyInit function; multi-phase */
    const char *const
        *public; /* names of it that `mod_wsgi` offers too; ends in NULL */
};

/* The state of the module `mod_wsgi`. */
struct pyw_builtin {
    PyObject *log_type;        /* mod_wsgi.Log */
    PyObject *text_io_wrapper; /* io.TextIOWrapper */
    PyObject *request_timeout; /* mod_wsgi.RequestTimeout */
    PyObject *mtime_name;      /* "__mtime__" */
    PyObject *reload_name;     /* "reload_required" */
    /* python/events: what the application subscribed, and its requests */
    PyObject *event_callbacks;      /* list */
    PyObject *shutdown_callbacks;   /* list */
    PyObject *signal_callbacks;     /* list */
    PyObject *active_requests;      /* dict: request id to the data of that request */
    PyObject *id_name;              /* "mod_wsgi.request_id" */
    PyObject *make_handler;         /* function of api.py: makes LogHandler */
    PyObject *run_after_fork;       /* likewise: see python/after_fork */
    struct pyw_view_reader *reader; /* of request_metrics(); NULL before its first */
};

/* Once each, before Python starts. The protocol stays valid. */
void pyw_builtin_register_protocol(const struct pyw_protocol *protocol);
/* @return 0, or -1: out of memory. */
int pyw_builtin_install(const struct pyw_setup *setup);

/* What was installed, and when: microseconds since the epoch. */
const struct pyw_setup *pyw_builtin_setup(void);
int64_t pyw_builtin_started_us(void);
/* The process begins now: it was forked from the one that installed the module. */
void pyw_builtin_restart(void);

/* The registered protocol; NULL: none. */
const struct pyw_protocol *pyw_builtin_protocol(void);

/* The state behind a `mod_wsgi` module. */
struct pyw_builtin *pyw_builtin_state(PyObject *module);

/* New reference to the module's version as a tuple of three. **GIL:** held. */
PyObject *pyw_builtin_version(void);

#endif
