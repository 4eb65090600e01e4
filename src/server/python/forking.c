#include "python/forking.h"

#include <Python.h>

#include <errno.h>
#include <stdio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "python/after_fork.h"
#include "python/errors.h"
#include "python/interpreter.h"
#include "python/loader.h"
#include "python/log.h"
#include "python/prelude.h"
#include "python/pyw_gil.h"
#include "python/stacks.h"
#include "python/stream.h"

/* Names of threads in a warning. */
#define NAMES_MAX 512
/* How long a new process sleeps between looks at who its parent is. */
#define LOOK_NS 200000

static const char settle_source[] =
    "import gc, threading\n"
    "gc.collect()\n"
    "gc.freeze()\n"
    "others = [one.name for one in threading.enumerate()\n"
    "          if one is not threading.main_thread()]\n"
    "answer = 'Thread ' + others[0] if len(others) == 1 else ''\n"
    "if len(others) > 1:\n"
    "    answer = 'Each of %d threads (%s)' % (len(others), ', '.join(others))\n";

/* Writes what the source has to say of threads. @return 0, or -1 with an exception. */
static int settle(char *names, size_t size)
{
    PyObject *globals = PyDict_New();
    PyObject *builtins = PyImport_ImportModule("builtins");
    PyObject *code =
        Py_CompileString(settle_source, "<mod_pywsgi settle>", Py_file_input);
    PyObject *result = NULL;
    PyObject *answer = NULL; /* borrowed */
    const char *text = NULL;

    if (globals != NULL && builtins != NULL && code != NULL &&
        PyDict_SetItemString(globals, "__builtins__", builtins) == 0) {
        result = PyEval_EvalCode(code, globals, globals);
    }
    if (result != NULL) {
        answer = PyDict_GetItemString(globals, "answer");
        text = answer != NULL ? PyUnicode_AsUTF8(answer) : NULL;
    }
    snprintf(names, size, "%s", text != NULL ? text : "");
    Py_XDECREF(result);
    Py_XDECREF(code);
    Py_XDECREF(builtins);
    Py_XDECREF(globals);
    return text != NULL ? 0 : -1;
}

void pyw_forking_settle(void)
{
    char names[NAMES_MAX] = "";

    if (pyw_gil_enter(0) != 0) {
        return;
    }
    if (settle(names, sizeof names) != 0) {
        PyErr_WriteUnraisable(NULL); /* shared memory is all that is lost by it */
    }
    pyw_stream_flush_thread(); /* or each process would write what is left of a line */
    pyw_gil_leave();
    if (names[0] != '\0') {
        PYW_LOG(pyw_log_print, NULL, PRELOAD_THREADS, names);
    }
}

/* --- the fork ----------------------------------------------------------------------
 */

/* In the process between: forks once more, and is gone. @return in the new process. */
static void fork_again(void)
{
    pid_t between = getpid();
    pid_t pid = fork();
    const struct timespec look = {0, LOOK_NS};

    if (pid != 0) {
        _exit(pid < 0 ? errno : 0);
    }
    /* The supervisor believes its own children only. */
    while (getppid() == between) {
        (void)nanosleep(&look, NULL);
    }
}

/* In the zygote. @return 1, or -errno: the process between could not fork either. */
static int wait_between(pid_t between)
{
    int status = 0;

    while (waitpid(between, &status, 0) < 0 && errno == EINTR) {
    }
    if (WIFEXITED(status)) {
        return WEXITSTATUS(status) == 0 ? 1 : -WEXITSTATUS(status);
    }
    return -ECANCELED;
}

/* In the new process. */
static void come_to_life(void)
{
    PyOS_AfterFork_Child();
    pyw_prelude_expect_fork(false);
    pyw_after_fork_defer(false);
    pyw_builtin_restart();
    pyw_loader_begin_wait();
    pyw_stacks_renew();
    if (pyw_prelude_adopt() != 0) {
        PyErr_WriteUnraisable(NULL); /* the main thread shows a number of old */
    }
}

int pyw_forking_fork(int (*place)(void *context), void *context)
{
    pid_t between;
    int error;

    if (pyw_gil_enter(0) != 0) {
        return -ENOMEM;
    }
    pyw_prelude_expect_fork(true);
    PyOS_BeforeFork();
    between = fork();
    error = errno;
    if (between == 0) {
        fork_again();
        if (place(context) != 0) {
            _exit(1);
        }
        come_to_life();
        pyw_gil_leave();
        return 0;
    }
    PyOS_AfterFork_Parent();
    pyw_prelude_expect_fork(false);
    pyw_gil_leave();
    return between > 0 ? wait_between(between) : -error;
}

int pyw_forking_finish(const struct pyw_setup *setup)
{
    const struct pyw_interpreter *interpreter =
        pyw_interpreter_enter(PYW_SPAN(""), 0, NULL);
    int result = -1;

    if (interpreter == NULL) {
        return -1;
    }
    result = pyw_after_fork_run(pyw_builtin_state(interpreter->module));
    pyw_prelude_leave_fork("functions of", PYW_SPAN("mod_pywsgi.after_fork"));
    if (result != 0) {
        PYW_LOG(pyw_errors_log, NULL, AFTER_FORK, (int)getpid(), setup->group);
    }
    pyw_loader_end_wait();
    pyw_stream_flush_thread();
    pyw_interpreter_leave();
    return result;
}
