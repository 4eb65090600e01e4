/* pyw_gil.h: thread states and the GIL. The only file that names thread-state APIs.
 *
 * A thread keeps one thread state per interpreter for its life, so that the
 * application's thread-locals survive between requests. The one of the main interpreter
 * always comes first and comes from PyGILState_Ensure: before Python 3.12 the
 * PyGILState functions, which extensions use for callbacks, know one state per thread,
 * the first, and it must be main's.
 *
 * Everything here acts on the calling thread.
 */
#ifndef PYW_PYTHON_PYW_GIL_H
#define PYW_PYTHON_PYW_GIL_H

#include <Python.h>

#include <stdatomic.h>
#include <stdbool.h>

/* How many interpreters one process may have. */
#define PYW_GIL_MAX_INTERPRETERS 1024

/* Right after Python was initialised: remembers the main interpreter and gives up the
 * GIL. */
void pyw_gil_started(void);

/* Attaches the thread to the interpreter with this index (0: main) and takes its GIL;
 * the thread must not be inside Python already. @return 0, or -1: out of memory,
 * nothing is attached. */
int pyw_gil_enter(unsigned interpreter);
/* Detaches the thread; its thread state stays for the next time. */
void pyw_gil_leave(void);

/* Whether this version of Python knows interpreters with a GIL of their own (PEP 684).
 */
static inline bool pyw_gil_is_known_as_own(void)
{
    return PY_VERSION_HEX >= 0x030C0000;
}
/* Whether sub-interpreters can have a GIL of their own in this Python, as it runs. */
bool pyw_gil_may_be_own(void);
/* Creates an interpreter under an index that has none, with a GIL of its own where that
 * is wanted and can be. Called attached to the main interpreter; returns attached to
 * the new one. @return 0, or -1 still attached to main. */
int pyw_gil_new_interpreter(unsigned interpreter, bool wants_own);
/* Whether the interpreter with this index has a GIL of its own; main's is shared by
 * those that have not. */
bool pyw_gil_is_own(unsigned interpreter);
/* How many GILs there are by now. None in a build that can do without, whatever a
 * module has brought back. */
unsigned pyw_gil_count(void);
/* Where it is to be seen that the thread waits for a GIL. */
void pyw_gil_tell_wants(atomic_bool *wants);
/* Whether this Python runs without a GIL now. **GIL:** attached. */
bool pyw_gil_is_off(void);
/* The index of the interpreter that the thread is inside of; main's for an unknown one.
 */
unsigned pyw_gil_current(void);

#ifdef Py_GIL_DISABLED
/* The dict of the calling thread in the interpreter that it is inside of, borrowed; it
 * is cleared when the thread gives its state back. NULL with an exception. */
PyObject *pyw_gil_thread_dict(void);
#endif

/* The interpreter with this index; NULL: there is none. */
PyInterpreterState *pyw_gil_interpreter(unsigned interpreter);
/* New reference to a dict of thread ident -> frame, for the threads of the interpreters
 * that share the GIL which the calling thread holds; NULL with an exception. */
PyObject *pyw_gil_frames(void);

/* Around a call that may block: gives up the GIL and takes it again, in pairs. Works on
 * any thread that holds the GIL, the application's own included. */
void *pyw_gil_release(void);
void pyw_gil_acquire(void *token);

/* The calling thread as Python names it. */
unsigned long pyw_gil_thread_ident(void);
/* Has an exception raised in another thread when that next runs Python in the
 * interpreter that the caller is inside of; NULL takes back one that has not come
 * through. */
void pyw_gil_raise(unsigned long thread, PyObject *type);

/* Python is about to fork on this thread, in the main interpreter; it has forked, or
 * could not: in the parent. What has to happen in the child happens by itself. **GIL:**
 * held. */
void pyw_gil_before_fork(void);
void pyw_gil_after_fork(void);

/* Gives back all thread states of the thread, which then may end. Not inside Python. */
void pyw_gil_leave_thread(void);

/* A small number for the calling thread, unique in the process: 1, 2, ... in order of
 * first use. */
unsigned pyw_gil_thread_number(void);

#endif
