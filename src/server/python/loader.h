/* loader.h: scripts: a file, executed once per interpreter as the module
 * `_mod_wsgi_<md5 of path>`.
 *
 * Each (application group, script) is one entry with a lock of its own: importing one
 * script blocks nobody but those who want the same. A script that failed is not tried
 * again until it changes or a back-off is over.
 */
#ifndef PYW_PYTHON_LOADER_H
#define PYW_PYTHON_LOADER_H

#include <Python.h>

#include <stdbool.h>

#include "base/head.h"
#include "base/setup.h"
#include "python/interpreter.h"

/* True when the head asks for the comparison (PYW_REQUEST_RELOAD) and the script was
 * loaded here, or failed to, from a file with another modification time, or when it has
 * served and its `reload_required(resource)` says so; once for each modification time
 * that the server finds. Daemon: the host then wishes successors, and goes on with what
 * it has loaded. **Thread:** any. **GIL:** not held; does not wait for a load in
 * progress. */
bool pyw_loader_finds_change(const struct pyw_request_head *head);

/* Since when the process waits for a script to load: when the first load began.
 * @return clock.h milliseconds; 0: none has begun; -1: one has succeeded. **Thread:**
 * any. **GIL:** not needed. */
int64_t pyw_loader_waits_since_ms(void);

/* In a process that was forked from one that has imported its scripts: the clock runs
 * anew, as if a load began now; and it is as it was, what followed the fork is done. */
void pyw_loader_begin_wait(void);
void pyw_loader_end_wait(void);

/* Enters the interpreter that is to serve the exchange on the calling thread: that of
 * its lane, or the first of the application group, where the script is not loaded yet
 * or the other is out of service: the first leads, the others load what it has loaded.
 * @return NULL: there is none; the reason is in the log of the exchange. **GIL:** not
 * held. */
struct pyw_interpreter *pyw_loader_enter(struct pyw_exchange *exchange);

/* On a thread of another lane than the first: loads all that the first interpreters
 * have loaded. Whatever fails is in the log. **GIL:** not held. */
void pyw_loader_follow(void);

/* Imports a script before the first request, on the calling thread. @return 0, or -1:
 * it failed, and the traceback is in the process log. **GIL:** not held. */
int pyw_loader_preload(const struct pyw_preload *preload);

/* Is told of each script that has been loaded. **Thread:** any. **GIL:** held. */
typedef void pyw_loader_watcher(const char *script, const char *application_group);

/* Whether scripts are loaded anew here when they change (embedded mode), or by a fresh
 * process. */
void pyw_loader_init(bool is_reloading_in_place);
/* Before the first script is loaded. */
void pyw_loader_watch(pyw_loader_watcher *watcher);

/* New reference to the application that the exchange is for, from its script, which is
 * loaded if need be; inside of pyw_loader_enter. @return NULL: there is none; the
 * reason is in the log of the exchange, no exception is pending.
 * **GIL:** held, in `interpreter`; given up while another thread loads the same script.
 */
PyObject *pyw_loader_callable(struct pyw_interpreter *interpreter,
                              struct pyw_exchange *exchange);

/* The same for the whole module, in which the caller finds what it needs. */
PyObject *pyw_loader_module(struct pyw_interpreter *interpreter,
                            struct pyw_exchange *exchange);

#endif
