#include "python/runtime.h"

#include <Python.h>

#include <locale.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "python/builtin.h"
#include "python/errors.h"
#include "python/handlers.h"
#include "python/interpreter.h"
#include "python/loader.h"
#include "python/log.h"
#include "python/prelude.h"
#include "python/pyw_gil.h"
#include "python/stacks.h"
#include "python/stream.h"
#include "python/venv.h"

static bool is_embedded(const struct pyw_setup *setup)
{
    return setup->group[0] == '\0';
}

/* UTF-8 whatever the environment says, unless the group asks for a locale of its own.
 * The server's own processes keep the locale they have: other modules live there. */
static PyStatus preinitialize(const struct pyw_setup *setup)
{
    bool has_locale = setup->options.lang != NULL || setup->options.locale != NULL;
    PyPreConfig config;

    PyPreConfig_InitPythonConfig(&config);
    config.parse_argv = 0;
    config.coerce_c_locale = 0;
    config.coerce_c_locale_warn = 0;
    config.utf8_mode = has_locale ? -1 : 1;
    if (is_embedded(setup)) {
        config.configure_locale = 0;
    } else if (!has_locale && setlocale(LC_CTYPE, "C.UTF-8") != NULL) {
        config.configure_locale = 0;
    }
    return Py_PreInitialize(&config);
}

/* lang= and locale= take effect for the C library and for what the application starts.
 */
static int set_locale(const struct pyw_setup *setup, char *why, size_t why_size)
{
    const char *lang = setup->options.lang;
    const char *locale = setup->options.locale;

    if ((lang != NULL && setenv("LANG", lang, 1) != 0) ||
        (locale != NULL && setenv("LC_ALL", locale, 1) != 0)) {
        snprintf(why, why_size, "out of memory.");
        return -1;
    }
    if ((lang != NULL || locale != NULL) && !is_embedded(setup) &&
        setlocale(LC_ALL, "") == NULL) {
        snprintf(
            why, why_size,
            "this system has no locale '%s' ('locale -a' lists those it has; C.UTF-8 is always a good "
            "choice).",
            locale != NULL ? locale : lang);
        return -1;
    }
    return 0;
}

static PyStatus set_string(PyConfig *config, wchar_t **field, const char *text,
                           PyStatus status)
{
    return PyStatus_Exception(status) ? status
                                      : PyConfig_SetBytesString(config, field, text);
}

/* Where Python finds itself: by the program of the virtual environment, by a prefix, or
 * by the prefix it was built for; never by what PATH happens to hold. */
static PyStatus set_home(PyConfig *config, const struct pyw_setup *setup)
{
    const char *home = setup->options.python_home;
    PyStatus status = PyStatus_Ok();
    struct pyw_venv *venv;

    if (home == NULL) {
        return set_string(config, &config->program_name,
                          PYW_PYTHON_PREFIX "/bin/" PYW_PYTHON_NAME, status);
    }
    venv = malloc(sizeof *venv);
    if (venv == NULL) {
        return PyStatus_NoMemory();
    }
    if (pyw_venv_read(home, venv) == 0) {
        status = set_string(config, &config->program_name, venv->program, status);
    } else {
        status = set_string(config, &config->home, home, status);
    }
    free(venv);
    return status;
}

static PyStatus add_warnings(PyConfig *config, const struct pyw_texts *warnings)
{
    PyStatus status = PyStatus_Ok();

    for (size_t i = 0; i < warnings->count && !PyStatus_Exception(status); i++) {
        wchar_t *text = Py_DecodeLocale(warnings->items[i], NULL);

        if (text == NULL) {
            return PyStatus_NoMemory();
        }
        status = PyWideStringList_Append(&config->warnoptions, text);
        PyMem_RawFree(text);
    }
    return status;
}

/* What the directives of the whole server say. */
static PyStatus set_options(PyConfig *config, const struct pyw_python_options *options)
{
    if (options->optimize > 0) {
        config->optimization_level = (int)options->optimize;
    }
    if (options->dont_write_bytecode != PYW_UNSET) {
        config->write_bytecode = options->dont_write_bytecode == PYW_OFF;
    }
    if (options->hash_seed != PYW_PYTHON_SEED_UNSET) {
        /* No seed at all is what makes hashes differ from process to process. */
        config->use_hash_seed = options->hash_seed != PYW_PYTHON_SEED_RANDOM;
        config->hash_seed =
            config->use_hash_seed ? (unsigned long)options->hash_seed : 0;
    }
#ifdef Py_GIL_DISABLED
    {
        struct pyw_python_settings settings;

        /* Python's default is to do without until an extension needs it. */
        pyw_python_options_resolve(options, "", &settings);
        config->enable_gil = settings.free_threading == PYW_ON ? -1 : 1;
    }
#endif
    return add_warnings(config, &options->warnings);
}

static PyStatus initialize(const struct pyw_setup *setup)
{
    char *argv[] = {(char[]){"mod_wsgi"}, NULL};
    PyStatus status = preinitialize(setup);
    PyConfig config;

    if (PyStatus_Exception(status)) {
        return status;
    }
    PyConfig_InitPythonConfig(&config);
    config.install_signal_handlers = 0;
    config.parse_argv = 0;
    status = PyConfig_SetBytesArgv(&config, 1, argv);
    if (!PyStatus_Exception(status)) {
        status = set_home(&config, setup);
    }
    if (!PyStatus_Exception(status)) {
        status = set_options(&config, &setup->python);
    }
    if (!PyStatus_Exception(status)) {
        status = Py_InitializeFromConfig(&config);
    }
    PyConfig_Clear(&config);
    return status;
}

static bool any_rule(const struct pyw_python_options *options, size_t flag)
{
    for (size_t i = 0; i < options->rule_count; i++) {
        const char *settings = (const char *)&options->rules[i].settings;
        int value;

        memcpy(&value, settings + flag, sizeof value);
        if (value == PYW_ON) {
            return true;
        }
    }
    return false;
}

/* interpreters= that this Python cannot have. **GIL:** held. */
static void warn_of_lanes(void)
{
    const struct pyw_setup *setup = pyw_builtin_setup();
    long long wanted = (long long)setup->options.interpreters;

    if (wanted <= (long long)pyw_interpreter_lanes()) {
        return;
    }
    if (pyw_gil_is_off()) {
        PYW_LOG(pyw_log_print_held, NULL, LANES_WITHOUT_GIL, wanted);
    } else {
        PYW_LOG(pyw_log_print_held, NULL, LANES_TOO_OLD, wanted, PYW_PYTHON_VERSION,
                setup->group, wanted);
    }
}

/* Says what this Python cannot do of what it was asked for. **GIL:** held. */
static void warn(const struct pyw_python_options *options)
{
    if (any_rule(options, offsetof(struct pyw_python_settings, own_gil)) &&
        !pyw_gil_may_be_own()) {
        if (pyw_gil_is_off()) {
            PYW_LOG(pyw_log_print_held, NULL, OWN_GIL_WITHOUT_GIL);
        } else {
            PYW_LOG(pyw_log_print_held, NULL, OWN_GIL_TOO_OLD, PYW_PYTHON_VERSION);
        }
    }
    warn_of_lanes();
#ifndef Py_GIL_DISABLED
    if (any_rule(options, offsetof(struct pyw_python_settings, free_threading))) {
        PYW_LOG(pyw_log_print_held, NULL, FREE_THREADING_BUILD, PYW_PYTHON_VERSION);
    }
#endif
}

int pyw_runtime_start(const struct pyw_setup *setup, pyw_process_log *log, char *why,
                      size_t why_size)
{
    PyStatus status;
    int result = 0;

    pyw_log_init(log);
    pyw_loader_init(is_embedded(setup));
    pyw_stacks_init();
    if (set_locale(setup, why, why_size) != 0) {
        return -1;
    }
    if (pyw_builtin_install(setup) != 0) {
        snprintf(why, why_size, "out of memory.");
        return -1;
    }
    status = initialize(setup);
    if (PyStatus_Exception(status)) {
        snprintf(why, why_size, "%s.",
                 status.err_msg != NULL ? status.err_msg : "unknown reason");
        return -1;
    }
    if (pyw_interpreter_start(setup) != 0) {
        PYW_LOG(pyw_errors_log, NULL, INTERPRETER_FAILED, "");
        snprintf(why, why_size, "its main interpreter could not be set up.");
        result = -1;
    }
    warn(&setup->python);
    pyw_gil_started();
    return result;
}

static void end_interpreter(struct pyw_interpreter *interpreter)
{
    char name[128];

    if (pyw_prelude_end() == 0) {
        /* as it should be */
    } else if (PyErr_ExceptionMatches(PyExc_SystemExit) && pyw_handlers_has_ended()) {
        PyErr_Clear(); /* a program was told to end while it waited for its threads */
    } else {
        PYW_LOG(pyw_errors_log, NULL, EXIT_FUNCTIONS,
                pyw_interpreter_describe(interpreter, name, sizeof name));
    }
    pyw_stream_flush_thread(); /* last words without the end of a line */
}

void pyw_runtime_stop(void)
{
    static atomic_flag is_done = ATOMIC_FLAG_INIT;

    if (!atomic_flag_test_and_set(&is_done) && Py_IsInitialized() &&
        pyw_builtin_setup()->python.destroy_interpreter != PYW_OFF) {
        pyw_interpreter_each(end_interpreter);
    }
}

void pyw_runtime_touch(void)
{
    for (unsigned i = 0; i < PYW_GIL_MAX_INTERPRETERS; i++) {
        if ((i == 0 || pyw_gil_is_own(i)) && pyw_gil_interpreter(i) != NULL &&
            pyw_gil_enter(i) == 0) {
            pyw_gil_leave();
        }
    }
    pyw_gil_leave_thread();
}

unsigned pyw_runtime_gils(void)
{
    return pyw_gil_count();
}

void pyw_runtime_tell_wants(atomic_bool *wants_gil)
{
    pyw_gil_tell_wants(wants_gil);
}

void pyw_runtime_dump_stacks(int fd)
{
    if (Py_IsInitialized()) {
        pyw_stacks_dump(fd);
    }
}
