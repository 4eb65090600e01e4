#include "python/stacks.h"

#include <Python.h>

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "python/pyw_gil.h"

#define PATIENCE_MS 1000

/* Without the threads that are outside of Python. */
static const char source[] =
    "import threading, traceback\n"
    "lines = []\n"
    "for ident, frame in frames_.items():\n"
    "    if ident != threading.get_ident():\n"
    "        lines.append('Thread 0x%016x (most recent call last):\\n' % ident)\n"
    "        lines.extend(traceback.format_stack(frame))\n"
    "answer = ''.join(lines).encode('utf-8', 'backslashreplace')\n";

/* A question to Python; freed by whoever is the last to let go of it. */
struct question {
    pthread_mutex_t lock;
    pthread_cond_t answered;
    unsigned users; /* under `lock`, as are all that follow */
    bool is_answered;
    char *text; /* malloc'd; NULL: no answer */
    size_t len;
};

static int memory_fd = -1;

void pyw_stacks_init(void)
{
    if (memory_fd == -1) {
        memory_fd = memfd_create("pywsgi-stacks", MFD_CLOEXEC);
    }
}

void pyw_stacks_renew(void)
{
    int fresh = memfd_create("pywsgi-stacks", MFD_CLOEXEC);

    /* On the number that faulthandler knows; else what processes write gets mixed. */
    if (fresh >= 0 && memory_fd >= 0) {
        (void)dup3(fresh, memory_fd, O_CLOEXEC);
    }
    if (fresh >= 0) {
        close(fresh);
    }
}

int pyw_stacks_signal(void)
{
    return SIGRTMIN + 3;
}

int pyw_stacks_signal_fd(void)
{
    return memory_fd;
}

static void write_all(int fd, const char *data, size_t len)
{
    while (len > 0) {
        ssize_t put = write(fd, data, len);

        if (put < 0 && errno != EINTR) {
            return;
        }
        data += put > 0 ? put : 0;
        len -= put > 0 ? (size_t)put : 0;
    }
}

/* --- with Python -------------------------------------------------------------------
 */

static void let_go(struct question *question)
{
    bool is_last;

    pthread_mutex_lock(&question->lock);
    is_last = --question->users == 0;
    pthread_mutex_unlock(&question->lock);
    if (is_last) {
        pthread_cond_destroy(&question->answered);
        pthread_mutex_destroy(&question->lock);
        free(question->text);
        free(question);
    }
}

/* What was answered so far. */
struct text {
    char *data; /* malloc'd */
    size_t len;
};

static void append(struct text *text, const char *data, size_t len)
{
    char *longer = realloc(text->data, text->len + len + 1);

    if (longer != NULL) {
        memcpy(longer + text->len, data, len);
        text->data = longer;
        text->len += len;
    }
}

/* Inside an interpreter: adds the stacks of all threads that share its GIL. No
 * exception is pending afterwards. */
static void format_stacks(struct text *text)
{
    PyObject *names = PyDict_New();
    PyObject *frames = pyw_gil_frames();
    PyObject *code = Py_CompileString(source, "<mod_pywsgi stacks>", Py_file_input);
    PyObject *result = NULL;
    PyObject *answer = NULL;

    if (names != NULL && frames != NULL && code != NULL &&
        PyDict_SetItemString(names, "frames_", frames) == 0) {
        result = PyEval_EvalCode(code, names, names);
    }
    if (result != NULL) {
        answer = PyDict_GetItemString(names, "answer");
    }
    if (answer != NULL && PyBytes_Check(answer)) {
        append(text, PyBytes_AS_STRING(answer), (size_t)PyBytes_GET_SIZE(answer));
    }
    PyErr_Clear();
    Py_XDECREF(result);
    Py_XDECREF(code);
    Py_XDECREF(frames);
    Py_XDECREF(names);
}

static void *answer(void *context)
{
    struct question *question = context;
    struct text text = {NULL, 0};

    for (unsigned i = 0; i < PYW_GIL_MAX_INTERPRETERS; i++) {
        if ((i == 0 || pyw_gil_is_own(i)) && pyw_gil_interpreter(i) != NULL &&
            pyw_gil_enter(i) == 0) {
            format_stacks(&text);
            pyw_gil_leave();
        }
    }
    pyw_gil_leave_thread();
    pthread_mutex_lock(&question->lock);
    question->text = text.data;
    question->len = text.len;
    question->is_answered = true;
    pthread_cond_signal(&question->answered);
    pthread_mutex_unlock(&question->lock);
    let_go(question);
    return NULL;
}

static struct question *ask(void)
{
    struct question *question = calloc(1, sizeof(struct question));
    pthread_condattr_t monotonic;
    pthread_t thread;

    if (question == NULL) {
        return NULL;
    }
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&question->answered, &monotonic);
    pthread_condattr_destroy(&monotonic);
    pthread_mutex_init(&question->lock, NULL);
    question->users = 2;
    if (pthread_create(&thread, NULL, answer, question) != 0) {
        question->users = 1;
        let_go(question);
        return NULL;
    }
    pthread_detach(thread);
    return question;
}

/* @return false: the GIL did not come free. */
static bool dump_by_python(int fd)
{
    struct question *question = ask();
    struct timespec deadline;
    bool is_written = false;

    if (question == NULL) {
        return false;
    }
    clock_gettime(CLOCK_MONOTONIC, &deadline);
    deadline.tv_sec += PATIENCE_MS / 1000;
    pthread_mutex_lock(&question->lock);
    while (!question->is_answered &&
           pthread_cond_timedwait(&question->answered, &question->lock, &deadline) ==
               0) {
    }
    if (question->text != NULL) {
        write_all(fd, question->text, question->len);
        is_written = true;
    }
    pthread_mutex_unlock(&question->lock);
    let_go(question);
    return is_written;
}

/* --- without ------------------------------------------------------------------- */

/* faulthandler's own function, which most builds of libpython export. @return false:
 * not this one. */
static bool dump_by_walking(int fd)
{
    typedef const char *dump_threads(int, PyInterpreterState *, PyThreadState *);
    union {
        void *symbol;
        dump_threads *function;
    } found = {.symbol = dlsym(RTLD_DEFAULT, "_Py_DumpTracebackThreads")};

    if (found.symbol == NULL) {
        return false;
    }
    for (unsigned i = 0; i < PYW_GIL_MAX_INTERPRETERS; i++) {
        PyInterpreterState *interpreter = pyw_gil_interpreter(i);

        if (interpreter != NULL) {
            (void)found.function(fd, interpreter, NULL);
        }
    }
    return true;
}

/* faulthandler's handler runs on this thread and writes to the memory file; main's
 * threads only. */
static void dump_by_signal(int fd)
{
    struct sigaction action;
    char buffer[4096];
    sigset_t only;
    sigset_t before;
    off_t at = 0;
    ssize_t got;

    if (memory_fd < 0 || sigaction(pyw_stacks_signal(), NULL, &action) != 0 ||
        action.sa_handler == SIG_DFL || ftruncate(memory_fd, 0) != 0 ||
        lseek(memory_fd, 0, SEEK_SET) != 0) {
        return;
    }
    sigemptyset(&only);
    sigaddset(&only, pyw_stacks_signal());
    pthread_sigmask(SIG_UNBLOCK, &only, &before);
    (void)raise(pyw_stacks_signal());
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    while ((got = pread(memory_fd, buffer, sizeof buffer, at)) > 0) {
        write_all(fd, buffer, (size_t)got);
        at += got;
    }
}

void pyw_stacks_dump(int fd)
{
    static pthread_mutex_t dumping = PTHREAD_MUTEX_INITIALIZER;

    pthread_mutex_lock(&dumping);
    if (!dump_by_python(fd) && !dump_by_walking(fd)) {
        dump_by_signal(fd);
    }
    pthread_mutex_unlock(&dumping);
}
