#include "python/prelude.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <unistd.h>

#include "python/handlers.h"
#include "python/lanes.h"
#include "python/log.h"
#include "python/program.h"
#include "python/pyw_gil.h"
#include "python/restricted.h"
#include "python/stacks.h"
#include "python/stream.h"

static atomic_bool forked;
static bool is_fork_ours; /* the fork under way is the server's own */

/* Of the thread that started Python. Written once, before there is another. */
static unsigned long main_ident;
static unsigned long main_native_id;

/* The names that end in _ come from C. */
static const char run_source[] =
    "import os, signal, site, sys\n"
    "def replace_streams():\n"
    "    sys.stdout = stdout_\n"
    "    sys.stderr = stderr_\n"
    "    if stdin_ is not None:\n"
    "        sys.stdin = stdin_\n"
    "def extend_path():\n"
    "    known = set(sys.path)\n"
    "    for path in python_paths_:\n"
    "        for entry in filter(None, path.split(os.pathsep)):\n"
    "            site.addsitedir(entry)\n"
    "    added = [entry for entry in sys.path if entry not in known]\n"
    "    rest = [entry for entry in sys.path if entry in known]\n"
    "    sys.path[:] = ([home_] if home_ else []) + added + rest\n"
    "def adopt_package():\n"
    "    from importlib.machinery import PathFinder\n"
    "    spec = PathFinder.find_spec('mod_wsgi')\n"
    "    if spec is not None and spec.submodule_search_locations is not None:\n"
    "        module_.__path__ = list(spec.submodule_search_locations)\n"
    "def restrict_signals():\n"
    "    genuine = signal.signal\n"
    "    def restricted(signalnum, handler):\n"
    "        'Does nothing but log: signals of this process belong to the server.'\n"
    "        if is_forked_():\n"
    "            return genuine(signalnum, handler)\n"
    "        import traceback\n"
    "        stack = traceback.format_stack(sys._getframe(1))\n"
    "        log_signal_(str(signalnum), ''.join(stack).rstrip())\n"
    "        return handler\n"
    "    restricted.__name__ = restricted.__qualname__ = 'signal'\n"
    "    signal.signal = restricted\n"
    "def share_signals():\n"
    "    genuine = signal.signal\n"
    "    def shared(signalnum, handler):\n"
    "        'Installs a handler beside what the server does at that signal.'\n"
    "        if is_forked_():\n"
    "            return genuine(signalnum, handler)\n"
    "        return share_signal_(genuine, signalnum, handler)\n"
    "    shared.__name__ = shared.__qualname__ = 'signal'\n"
    "    signal.signal = shared\n"
    "def announce_signals():\n"
    "    genuine = signal.signal\n"
    "    def announced(signalnum, handler):\n"
    "        'Installs a handler in place of the one that Apache has, and says so.'\n"
    "        answer = genuine(signalnum, handler)\n"
    "        announce_signal_(str(signalnum))\n"
    "        return answer\n"
    "    announced.__name__ = announced.__qualname__ = 'signal'\n"
    "    signal.signal = announced\n"
    "def refuse_forks():\n"
    "    def fork():\n"
    "        'Python cannot do this here: the child would end at once, or never.'\n"
    "        raise RuntimeError('a sub-interpreter cannot fork: put '\n"
    "            'WSGIApplicationGroup %{GLOBAL} in the configuration'\n"
    "            + (', without interpreters=' if is_lane_ else ''))\n"
    "    os.fork = os.forkpty = fork\n"
    "def watch_extensions():\n"
    "    from importlib.machinery import ExtensionFileLoader as loader\n"
    "    words = 'interpreter', 'more than once per process'\n" /* PyO3's, Cython's;
                                                                   NumPy's */
    "    def watch(genuine):\n"
    "        def watched(self, subject):\n"
    "            try:\n"
    "                return genuine(self, subject)\n"
    "            except ImportError as error:\n"
    "                text = str(error)\n"
    "                if any(word in text for word in words):\n"
    "                    root = self.name.partition('.')[0]\n"
    "                    note_refusal_(self.name, root in sys.stdlib_module_names)\n"
    "                raise\n"
    "        return watched\n"
    "    loader.create_module = watch(loader.create_module)\n"
    "    loader.exec_module = watch(loader.exec_module)\n"
    "if stdout_ is not None:\n"
    "    replace_streams()\n"
    "extend_path()\n"
    "adopt_package()\n"
    "if is_signal_restricted_:\n"
    "    restrict_signals()\n"
    "elif is_embedded_:\n"
    "    announce_signals()\n"
    "elif is_main_:\n"
    "    share_signals()\n"
    "if end_program_ is not None:\n"
    "    signal.signal(signal.SIGTERM, end_program_)\n"
    "if switch_interval_ > 0:\n"
    "    sys.setswitchinterval(switch_interval_)\n"
    "import threading\n" /* before 3.13, whoever is first passes for the main thread */
    "main = threading.main_thread()\n"
    "if main.ident != main_ident_:\n"
    "    with threading._active_limbo_lock:\n"
    "        threading._active.pop(main.ident, None)\n"
    "        main._ident = main_ident_\n"
    "        threading._active[main_ident_] = main\n"
    "main._native_id = main_native_id_\n" /* of whoever is first, in 3.13 still */
    "if is_main_:\n"
    "    import faulthandler\n" /* an interpreter with its own GIL cannot */
    "    if not is_embedded_:\n"
    "        faulthandler.enable(2)\n"
    "    if dump_fd_ >= 0:\n"
    "        faulthandler.register(dump_signal_, dump_fd_, all_threads=True,\n"
    "                              chain=False)\n"
    "if is_main_:\n"
    "    os.register_at_fork(before=before_fork_, after_in_parent=after_fork_,\n"
    "                        after_in_child=forked_)\n"
    "else:\n"
    "    refuse_forks()\n"
    "if is_lane_:\n"
    "    watch_extensions()\n";

/* Both are tried, whatever the first does. Before 3.13 the main thread's lock is that
 * of the thread that imported `threading`, of a request perhaps, which is not waited
 * for; if it has ended, the lock is what threading takes for that of a main thread. */
static const char end_source[] = "import sys\n"
                                 "try:\n"
                                 "    if 'threading' in sys.modules:\n"
                                 "        threading = sys.modules['threading']\n"
                                 "        main = threading.main_thread()\n"
                                 "        lock = getattr(main, '_tstate_lock', None)\n"
                                 "        if lock:\n"
                                 "            lock.acquire(False)\n"
                                 "            threading._shutdown_locks.discard(lock)\n"
                                 "        threading._shutdown()\n"
                                 "finally:\n"
                                 "    import atexit\n"
                                 "    atexit._run_exitfuncs()\n";

static PyObject *note_fork(PyObject *self, PyObject *unused)
{
    (void)self;
    (void)unused;
    if (is_fork_ours) {
        Py_RETURN_NONE;
    }
    atomic_store(&forked, true);
    pyw_log_bind(NULL);
    pyw_handlers_release();
    Py_RETURN_NONE;
}

static PyObject *is_forked(PyObject *self, PyObject *unused)
{
    (void)self;
    (void)unused;
    return PyBool_FromLong(pyw_prelude_is_forked());
}

static PyObject *before_fork(PyObject *self, PyObject *unused)
{
    (void)self;
    (void)unused;
    pyw_gil_before_fork();
    Py_RETURN_NONE;
}

static PyObject *after_fork(PyObject *self, PyObject *unused)
{
    (void)self;
    (void)unused;
    pyw_gil_after_fork();
    Py_RETURN_NONE;
}

static PyObject *log_signal(PyObject *self, PyObject *arguments)
{
    const char *number;
    const char *stack;

    (void)self;
    if (!PyArg_ParseTuple(arguments, "ss", &number, &stack)) {
        return NULL;
    }
    PYW_LOG(pyw_log_print_held, pyw_log_bound(), SIGNAL_RESTRICTED, number, stack);
    Py_RETURN_NONE;
}

static PyObject *announce_signal(PyObject *self, PyObject *number)
{
    const char *text = PyUnicode_AsUTF8(number);

    (void)self;
    if (text == NULL) {
        return NULL;
    }
    PYW_LOG(pyw_log_print_held, pyw_log_bound(), SIGNAL_EMBEDDED, text);
    Py_RETURN_NONE;
}

static PyMethodDef note_fork_method = {"note_fork", note_fork, METH_NOARGS, NULL};
static PyMethodDef is_forked_method = {"is_forked", is_forked, METH_NOARGS, NULL};
static PyMethodDef before_fork_method = {"before_fork", before_fork, METH_NOARGS, NULL};
static PyMethodDef after_fork_method = {"after_fork", after_fork, METH_NOARGS, NULL};
static PyMethodDef log_signal_method = {"log_signal", log_signal, METH_VARARGS, NULL};
static PyMethodDef note_refusal_method = {"note_refusal", pyw_lanes_note_refusal,
                                          METH_VARARGS, NULL};
static PyMethodDef share_signal_method = {"share_signal", pyw_handlers_signal,
                                          METH_VARARGS, NULL};
static PyMethodDef announce_signal_method = {"announce_signal", announce_signal, METH_O,
                                             NULL};

bool pyw_prelude_is_forked(void)
{
    return atomic_load_explicit(&forked, memory_order_relaxed);
}

void pyw_prelude_leave_fork(const char *what, struct pyw_span name)
{
    if (pyw_prelude_is_forked()) {
        PYW_LOG(pyw_log_print, NULL, APP_FORK, what, (int)name.len, name.data);
        _exit(1);
    }
}

/* Steals the value. */
static int set(PyObject *names, const char *name, PyObject *value)
{
    int result = value != NULL ? PyDict_SetItemString(names, name, value) : -1;

    Py_XDECREF(value);
    return result;
}

/* To be called in the main interpreter before another is made. */
static void note_main_thread(void)
{
    main_ident = pyw_gil_thread_ident();
#ifdef PY_HAVE_THREAD_NATIVE_ID
    main_native_id = PyThread_get_thread_native_id();
#endif
}

static int set_main_thread(PyObject *names)
{
    return set(names, "main_ident_", PyLong_FromUnsignedLong(main_ident)) != 0 ||
                   set(names, "main_native_id_",
                       PyLong_FromUnsignedLong(main_native_id)) != 0
               ? -1
               : 0;
}

/* New reference to a text stream over a process-wide log, or to None. */
static PyObject *make_stream(const struct pyw_interpreter *interpreter,
                             enum pyw_stream_kind kind, bool is_wanted)
{
    const struct pyw_builtin *builtin = pyw_builtin_state(interpreter->module);
    PyObject *log = NULL;
    PyObject *stream;

    if (!is_wanted) {
        return Py_NewRef(Py_None);
    }
    log = pyw_stream_new_log((PyTypeObject *)builtin->log_type, kind);
    if (log == NULL) {
        return NULL;
    }
    stream = pyw_stream_new_text(builtin->text_io_wrapper, log);
    Py_DECREF(log);
    return stream;
}

static PyObject *decode(const char *text)
{
    return PyUnicode_DecodeFSDefault(text != NULL ? text : "");
}

/* New reference to a function of this file. */
static PyObject *function(PyMethodDef *method)
{
    return PyCFunction_New(method, NULL);
}

static int set_functions(PyObject *names)
{
    return set(names, "before_fork_", function(&before_fork_method)) != 0 ||
                   set(names, "after_fork_", function(&after_fork_method)) != 0 ||
                   set(names, "forked_", function(&note_fork_method)) != 0 ||
                   set(names, "is_forked_", function(&is_forked_method)) != 0 ||
                   set(names, "log_signal_", function(&log_signal_method)) != 0 ||
                   set(names, "share_signal_", function(&share_signal_method)) != 0 ||
                   set(names, "note_refusal_", function(&note_refusal_method)) != 0 ||
                   set(names, "announce_signal_", function(&announce_signal_method)) !=
                       0
               ? -1
               : 0;
}

static int set_streams(PyObject *names, const struct pyw_interpreter *interpreter,
                       bool is_wanted)
{
    const struct pyw_python_settings *settings = &interpreter->settings;
    PyObject *in = settings->restrict_stdin == PYW_ON
                       ? pyw_restricted_new(interpreter->module, "sys.stdin")
                       : Py_NewRef(Py_None);
    PyObject *out = settings->restrict_stdout == PYW_ON && is_wanted
                        ? pyw_restricted_new(interpreter->module, "sys.stdout")
                        : make_stream(interpreter, PYW_STREAM_STDOUT, is_wanted);
    PyObject *err = make_stream(interpreter, PYW_STREAM_STDERR, is_wanted);
    int in_result = set(names, "stdin_", in);
    int out_result = set(names, "stdout_", out);

    return set(names, "stderr_", err) != 0 ? -1 : in_result | out_result;
}

/* Adds a str to a list; steals the reference, NULL with an exception included. */
static int append(PyObject *list, PyObject *text)
{
    int result = text != NULL ? PyList_Append(list, text) : -1;

    Py_XDECREF(text);
    return result;
}

/* New reference to all paths that are for the interpreter, the least specific first. */
static PyObject *make_paths(const struct pyw_setup *setup,
                            const struct pyw_interpreter *interpreter)
{
    PyObject *paths = PyList_New(0);
    int result = paths != NULL ? append(paths, decode(setup->options.python_path)) : -1;
    const char *path;
    size_t at = 0;

    while (result == 0 && (path = pyw_python_options_next_path(
                               &setup->python, interpreter->name, &at)) != NULL) {
        result = append(paths, decode(path));
    }
    if (result != 0) {
        Py_CLEAR(paths);
    }
    return paths;
}

/* In seconds; 0: as it is. The interval is the GIL's: sub-interpreters that share
 * main's have nothing to say. What holds for the first interpreter holds for those
 * beside it. */
static double switch_interval(const struct pyw_setup *setup,
                              const struct pyw_interpreter *interpreter)
{
    int64_t us = interpreter->settings.switch_interval_us;

    if (interpreter->index == 0 || interpreter->lane > 0) {
        us = us > 0 ? us : setup->options.switch_interval_us;
    } else if (!pyw_gil_is_own(interpreter->index)) {
        us = 0;
    }
    return (double)us / 1e6;
}

static int set_settings(PyObject *names, const struct pyw_setup *setup,
                        const struct pyw_interpreter *interpreter)
{
    bool is_program = pyw_setup_is_service(setup);
    /* Handlers are the main interpreter's; a script installs its own in each. */
    bool is_restricted =
        (interpreter->settings.restrict_signal != PYW_OFF || interpreter->lane > 0) &&
        !is_program;
    bool handles_end = is_program && interpreter->index == 0;

    return set(names, "python_paths_", make_paths(setup, interpreter)) != 0 ||
                   set(names, "home_", decode(setup->options.home)) != 0 ||
                   set(names, "is_signal_restricted_",
                       PyBool_FromLong(is_restricted)) != 0 ||
                   set(names, "end_program_",
                       handles_end ? pyw_program_make_handler() : Py_NewRef(Py_None)) !=
                       0 ||
                   set(names, "switch_interval_",
                       PyFloat_FromDouble(switch_interval(setup, interpreter))) != 0
               ? -1
               : 0;
}

static int set_all(PyObject *names, const struct pyw_setup *setup,
                   const struct pyw_interpreter *interpreter)
{
    bool is_embedded = setup->group[0] == '\0';

    if (interpreter->index == 0) {
        note_main_thread();
    }
    if (set_functions(names) != 0 || set_settings(names, setup, interpreter) != 0 ||
        set_main_thread(names) != 0 ||
        set_streams(names, interpreter, !setup->is_debug) != 0) {
        return -1;
    }
    return set(names, "__builtins__", PyImport_ImportModule("builtins")) != 0 ||
                   set(names, "module_", Py_NewRef(interpreter->module)) != 0 ||
                   set(names, "is_main_", PyBool_FromLong(interpreter->index == 0)) !=
                       0 ||
                   set(names, "is_embedded_", PyBool_FromLong(is_embedded)) != 0 ||
                   set(names, "is_lane_", PyBool_FromLong(interpreter->lane > 0)) !=
                       0 ||
                   set(names, "dump_signal_", PyLong_FromLong(pyw_stacks_signal())) !=
                       0 ||
                   set(names, "dump_fd_", PyLong_FromLong(pyw_stacks_signal_fd())) != 0
               ? -1
               : 0;
}

/* Steals `names`, NULL included. */
static int run(const char *source, const char *title, PyObject *names)
{
    PyObject *code =
        names != NULL ? Py_CompileString(source, title, Py_file_input) : NULL;
    PyObject *result = code != NULL ? PyEval_EvalCode(code, names, names) : NULL;

    Py_XDECREF(names);
    Py_XDECREF(code);
    Py_XDECREF(result);
    return result != NULL ? 0 : -1;
}

int pyw_prelude_run(const struct pyw_setup *setup,
                    const struct pyw_interpreter *interpreter)
{
    PyObject *names = PyDict_New();

    if (names != NULL && set_all(names, setup, interpreter) != 0) {
        Py_CLEAR(names);
    }
    return run(run_source, "<mod_pywsgi start>", names);
}

void pyw_prelude_expect_fork(bool is_ours)
{
    is_fork_ours = is_ours;
}

int pyw_prelude_adopt(void)
{
    PyObject *names = PyDict_New();

    note_main_thread();
    if (names != NULL &&
        (set(names, "__builtins__", PyImport_ImportModule("builtins")) != 0 ||
         set_main_thread(names) != 0)) {
        Py_CLEAR(names);
    }
    return run("import threading\n"
               "threading.main_thread()._native_id = main_native_id_\n",
               "<mod_pywsgi fork>", names);
}

int pyw_prelude_end(void)
{
    PyObject *names = PyDict_New();

    if (names != NULL &&
        set(names, "__builtins__", PyImport_ImportModule("builtins")) != 0) {
        Py_CLEAR(names);
    }
    return run(end_source, "<mod_pywsgi end>", names);
}
