#include "python/pyw_gil.h"

#if PY_VERSION_HEX >= 0x030D0000
#include <dlfcn.h>
#endif
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* What one thread has; plain C thread-local storage, so that looking it up costs
 * nothing. */
struct thread {
    unsigned number;
    bool has_main;
    bool is_forking;
    PyGILState_STATE main_token;
    unsigned capacity;      /* of `states` */
    PyThreadState **states; /* by interpreter index */
    atomic_bool *wants;     /* told of a wait for a GIL; NULL: nobody asks */
};

static __thread struct thread self;

/* By index; an entry is written once, before anybody can know the index. Others look
 * through them all, and not all of them hold the same GIL. */
static _Atomic(PyInterpreterState *) interpreters[PYW_GIL_MAX_INTERPRETERS];
static atomic_bool is_own[PYW_GIL_MAX_INTERPRETERS];
static atomic_uint own_count; /* of is_own[] */
static atomic_uint thread_count;

/* --- forks ---------------------------------------------------------------------- */

/* The child of a fork in Python deletes all interpreters but main, in a way that waits
 * for ever (until 3.12: a lock is taken twice) or ends it (3.13: no thread state is
 * set). Here they are gone before it looks. What they hold stays where it is, as all
 * that other threads hold. */

#if PY_VERSION_HEX < 0x030D0000
static void unlink_interpreters(void)
{
    PyThreadState *state = PyThreadState_Get();

    for (unsigned i = 1; i < PYW_GIL_MAX_INTERPRETERS; i++) {
        if (interpreters[i] != NULL) {
            PyInterpreterState_Delete(interpreters[i]);
        }
    }
    PyThreadState_Swap(state);
}
#else
/* How the list of interpreters hangs together, which Python says in its first words for
 * the benefit of debuggers. */
enum { COOKIE = 0, VERSION = 1, RUNTIME_SIZE = 3, HEAD = 5, STATE_SIZE = 6, NEXT = 8 };

static PyInterpreterState **link_at(void *object, uint64_t offset)
{
    return (PyInterpreterState **)(void *)((char *)object + offset);
}

/* Deleting takes the lock of the list, which is held during a fork: so the list itself
 * is cut, if it is where it should be. */
static void unlink_interpreters(void)
{
    uint64_t *words = (uint64_t *)dlsym(RTLD_DEFAULT, "_PyRuntime");
    PyInterpreterState *first = PyInterpreterState_Head();

    if (words == NULL || memcmp(&words[COOKIE], "xdebugpy", 8) != 0 ||
        words[VERSION] != Py_Version || words[HEAD] >= words[RUNTIME_SIZE] ||
        words[NEXT] >= words[STATE_SIZE] || *link_at(words, words[HEAD]) != first) {
        return;
    }
    for (PyInterpreterState *i = first; i != NULL; i = PyInterpreterState_Next(i)) {
        if (*link_at(i, words[NEXT]) != PyInterpreterState_Next(i)) {
            return;
        }
    }
    *link_at(words, words[HEAD]) = interpreters[0];
    *link_at(interpreters[0], words[NEXT]) = NULL;
}
#endif

static void forget_interpreters(void)
{
    if (!self.is_forking) {
        return; /* a fork in C, which goes on without Python */
    }
    self.is_forking = false;
    unlink_interpreters();
    for (unsigned i = 1; i < PYW_GIL_MAX_INTERPRETERS; i++) {
        atomic_store_explicit(&interpreters[i], NULL, memory_order_relaxed);
        atomic_store_explicit(&is_own[i], false, memory_order_relaxed);
    }
}

void pyw_gil_before_fork(void)
{
    self.is_forking = true;
}

void pyw_gil_after_fork(void)
{
    self.is_forking = false;
}

/* --- entering and leaving --------------------------------------------------------- */

void pyw_gil_started(void)
{
    interpreters[0] = PyInterpreterState_Main();
    (void)pthread_atfork(NULL, NULL, forget_interpreters);
    PyEval_SaveThread();
}

static void attach(PyThreadState *state)
{
    if (self.wants == NULL) {
        PyEval_RestoreThread(state);
        return;
    }
    atomic_store_explicit(self.wants, true, memory_order_relaxed);
    PyEval_RestoreThread(state);
    atomic_store_explicit(self.wants, false, memory_order_relaxed);
}

static int reserve(unsigned interpreter)
{
    unsigned capacity = self.capacity == 0 ? 4 : self.capacity;
    PyThreadState **states;

    if (interpreter < self.capacity) {
        return 0;
    }
    while (capacity <= interpreter) {
        capacity *= 2;
    }
    states = realloc(self.states, capacity * sizeof(PyThreadState *));
    if (states == NULL) {
        return -1;
    }
    memset(states + self.capacity, 0,
           (capacity - self.capacity) * sizeof(PyThreadState *));
    self.states = states;
    self.capacity = capacity;
    return 0;
}

/* The thread's first entry: main's state, see the header. Leaves the thread detached.
 */
static int meet(void)
{
    if (reserve(0) != 0) {
        return -1;
    }
    self.main_token = PyGILState_Ensure();
    self.states[0] = PyThreadState_Get();
    self.has_main = true;
    PyEval_SaveThread();
    return 0;
}

int pyw_gil_enter(unsigned interpreter)
{
    if ((!self.has_main && meet() != 0) || reserve(interpreter) != 0) {
        return -1;
    }
    if (self.states[interpreter] == NULL) {
        self.states[interpreter] = PyThreadState_New(interpreters[interpreter]);
        if (self.states[interpreter] == NULL) {
            return -1;
        }
    }
    attach(self.states[interpreter]);
    return 0;
}

void pyw_gil_leave(void)
{
    PyEval_SaveThread();
}

bool pyw_gil_is_off(void)
{
#ifdef Py_GIL_DISABLED
    PyObject *is_enabled = PyObject_CallNoArgs(PySys_GetObject("_is_gil_enabled"));
    bool is_off = is_enabled == Py_False;

    Py_XDECREF(is_enabled);
    PyErr_Clear();
    return is_off;
#else
    return false;
#endif
}

bool pyw_gil_may_be_own(void)
{
    return pyw_gil_is_known_as_own() && !pyw_gil_is_off();
}

bool pyw_gil_is_own(unsigned interpreter)
{
    return atomic_load_explicit(&is_own[interpreter], memory_order_acquire);
}

unsigned pyw_gil_count(void)
{
#ifdef Py_GIL_DISABLED
    return 0;
#else
    return 1 + atomic_load_explicit(&own_count, memory_order_relaxed);
#endif
}

void pyw_gil_tell_wants(atomic_bool *wants)
{
    self.wants = wants;
}

/* @return the first thread state of a new interpreter, attached; NULL: main is attached
 * again. */
#if PY_VERSION_HEX >= 0x030C0000
static PyThreadState *make_interpreter(bool has_own)
{
    /* Python demands the first two. Forks are refused elsewhere, and not those that
     * only start another program (python/prelude). */
    const PyInterpreterConfig config = {
        .use_main_obmalloc = 0,
        .check_multi_interp_extensions = 1,
        .allow_fork = 1,
        .allow_exec = 1,
        .allow_threads = 1,
        .allow_daemon_threads = 1,
        .gil = PyInterpreterConfig_OWN_GIL,
    };
    PyThreadState *first = NULL;
    PyStatus status;

    if (!has_own) {
        return Py_NewInterpreter();
    }
    status = Py_NewInterpreterFromConfig(&first, &config);
    if (PyStatus_Exception(status)) {
        PyErr_SetString(PyExc_RuntimeError, status.err_msg != NULL
                                                ? status.err_msg
                                                : "Python could not make it");
        return NULL;
    }
    return first;
}
#else
static PyThreadState *make_interpreter(bool has_own)
{
    (void)has_own;
    return Py_NewInterpreter();
}
#endif

int pyw_gil_new_interpreter(unsigned interpreter, bool wants_own)
{
    bool has_own = wants_own && pyw_gil_may_be_own();
    PyThreadState *first;

    if (reserve(interpreter) != 0) {
        return -1;
    }
    first = make_interpreter(has_own);
    if (first == NULL) {
        return -1;
    }
    atomic_store_explicit(&is_own[interpreter], has_own, memory_order_release);
    if (has_own) {
        atomic_fetch_add_explicit(&own_count, 1, memory_order_relaxed);
    }
    interpreters[interpreter] = PyThreadState_GetInterpreter(first);
    /* The first state is nobody's and stays for ever: Python 3.11 aborts when the first
     * state of an interpreter is made a second time, which it would be once all its
     * threads had ended. */
    self.states[interpreter] = PyThreadState_New(interpreters[interpreter]);
    if (self.states[interpreter] == NULL) {
        self.states[interpreter] = first;
        return 0;
    }
    PyThreadState_Swap(self.states[interpreter]);
    return 0;
}

unsigned pyw_gil_current(void)
{
    const PyInterpreterState *state = PyInterpreterState_Get();

    for (unsigned i = 0; i < PYW_GIL_MAX_INTERPRETERS; i++) {
        if (atomic_load_explicit(&interpreters[i], memory_order_relaxed) == state) {
            return i;
        }
    }
    return 0;
}

PyInterpreterState *pyw_gil_interpreter(unsigned interpreter)
{
    return interpreters[interpreter];
}

#ifdef Py_GIL_DISABLED
PyObject *pyw_gil_thread_dict(void)
{
    PyObject *dict = PyThreadState_GetDict();

    if (dict == NULL) {
        PyErr_NoMemory();
    }
    return dict;
}

PyObject *pyw_gil_frames(void)
{
    /* It stops all threads meanwhile. */
    return PyObject_CallNoArgs(PySys_GetObject("_current_frames"));
}
#else
/* Adds the frames of an interpreter's threads. @return 0, or -1 with an exception. */
static int add_frames(PyObject *frames, PyInterpreterState *interpreter)
{
    for (PyThreadState *state = PyInterpreterState_ThreadHead(interpreter);
         state != NULL; state = PyThreadState_Next(state)) {
        PyFrameObject *frame = PyThreadState_GetFrame(state);
        PyObject *ident =
            frame != NULL ? PyLong_FromUnsignedLong(state->thread_id) : NULL;
        int result = frame == NULL ? 0 : -1;

        if (ident != NULL) {
            result = PyDict_SetItem(frames, ident, (PyObject *)frame);
        }
        Py_XDECREF(ident);
        Py_XDECREF(frame);
        if (result != 0) {
            return -1;
        }
    }
    return 0;
}

PyObject *pyw_gil_frames(void)
{
    unsigned current = pyw_gil_current();
    bool is_alone = pyw_gil_is_own(current);
    PyObject *frames = PyDict_New();
    /* Its finalizers might let go of the GIL, and a thread in the list end. */
    int had_collector = PyGC_Disable();

    for (unsigned i = 0; frames != NULL && i < PYW_GIL_MAX_INTERPRETERS; i++) {
        PyInterpreterState *interpreter = interpreters[i];

        if (interpreter != NULL && (is_alone ? i == current : !pyw_gil_is_own(i)) &&
            add_frames(frames, interpreter) != 0) {
            Py_CLEAR(frames);
        }
    }
    if (had_collector) {
        (void)PyGC_Enable();
    }
    return frames;
}
#endif

void *pyw_gil_release(void)
{
    return PyEval_SaveThread();
}

void pyw_gil_acquire(void *token)
{
    attach(token);
}

unsigned long pyw_gil_thread_ident(void)
{
    return PyThread_get_thread_ident();
}

void pyw_gil_raise(unsigned long thread, PyObject *type)
{
    (void)PyThreadState_SetAsyncExc(thread, type);
}

void pyw_gil_leave_thread(void)
{
    if (!self.has_main) {
        return;
    }
    for (unsigned i = 1; i < self.capacity; i++) {
        if (self.states[i] != NULL) {
            PyEval_RestoreThread(self.states[i]);
            PyThreadState_Clear(self.states[i]);
            PyThreadState_DeleteCurrent();
        }
    }
    PyEval_RestoreThread(self.states[0]);
    /* Python's own main thread has a state that is not ours to delete: then this only
     * counts down. */
    PyGILState_Release(self.main_token);
    free(self.states);
    self.states = NULL;
    self.capacity = 0;
    self.has_main = false;
    self.wants = NULL;
}

unsigned pyw_gil_thread_number(void)
{
    if (self.number == 0) {
        self.number = atomic_fetch_add(&thread_count, 1) + 1;
    }
    return self.number;
}
