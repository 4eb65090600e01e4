/* runtime.h: start and end of Python in this process, once each.
 *
 * Called by host/main (daemon) and embed/embed (Apache child). Order: floor 4 registers
 * itself (pyw_serve_register), then `check`, then `start`.
 */
#ifndef PYW_PYTHON_RUNTIME_H
#define PYW_PYTHON_RUNTIME_H

#include <stdatomic.h>
#include <stddef.h>

#include "base/embed_api.h"
#include "base/setup.h"

/* Looks, before Python starts, for what would make it fail in a way that nobody
 * understands: a libpython of another version, a python-home that is missing, of
 * another version or not readable by this user, a standard library that is not there.
 * @return 0, or -1 with one sentence in `why` that names the directory or the versions,
 * and the cure. */
int pyw_runtime_check(const struct pyw_setup *setup, char *why, size_t why_size);

/* Starts Python; the calling thread becomes Python's main thread and holds no GIL on
 * return. The setup and its strings stay valid for the life of the process. `log` takes
 * what belongs to no request; it is called without the GIL, from any thread. @return 0,
 * or -1 with a sentence in `why`. */
int pyw_runtime_start(const struct pyw_setup *setup, pyw_process_log *log, char *why,
                      size_t why_size);

/* Orderly end: waits for the application's non-daemon threads and runs atexit
 * functions, in every interpreter, unless WSGIDestroyInterpreter is Off. Python itself
 * stays up (the process is about to end). May block as long as the application's
 * threads do. Idempotent; no GIL held by the caller. */
void pyw_runtime_stop(void);

/* Takes each GIL of the process and lets go of it: returns only if Python is not stuck.
 * From a thread that is not inside Python. */
void pyw_runtime_touch(void);

/* How many GILs there are by now; 0: Python can do without. Any thread. */
unsigned pyw_runtime_gils(void);

/* Where it is to be seen that the calling thread waits for a GIL, from now to its end.
 */
void pyw_runtime_tell_wants(atomic_bool *wants_gil);

/* Writes the Python stacks of all threads to `fd`, also when another thread never lets
 * go of the GIL. From any thread that is not inside Python. May take a second. */
void pyw_runtime_dump_stacks(int fd);

#endif
