#include "python/loader.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "python/advice.h"
#include "python/after_fork.h"
#include "python/errors.h"
#include "python/guard.h"
#include "python/log.h"
#include "python/prelude.h"
#include "python/pyw_gil.h"
#include "python/source.h"

#define PLACE_MAX 256

enum state { NEW, LOADING, READY, FAILED };

/* One script in one interpreter; entries are never removed, so that they are found
 * without a lock. */
struct script {
    struct script *next; /* written once */
    struct pyw_interpreter *interpreter;
    char *path;
    size_t path_len;
    _Atomic enum state state;
    _Atomic int64_t mtime;      /* of the file that was loaded, or failed to load */
    _Atomic int64_t told_mtime; /* pyw_loader_finds_change last told of it */
    _Atomic unsigned loads;     /* how often it was tried */
    atomic_bool can_ask;        /* it has a reload_required() */
    atomic_bool asks;           /* it has, and has served since its load */
    PyObject *module;        /* strong; NULL unless it was READY once; see module_of */
    PyObject *name;          /* GIL; the callable's, as last asked for */
    atomic_bool is_reported; /* that the module lacks it */
    struct {                 /* under `lock` */
        unsigned failures;
        int64_t retry_at_ms;
    } shared;
};

static bool is_in_place;
static pthread_mutex_t lock =
    PTHREAD_MUTEX_INITIALIZER; /* a leaf, held for moments only */
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static _Atomic(struct script *) first;
static _Atomic int64_t waits_since_ms; /* see pyw_loader_waits_since_ms */
static bool has_loaded;                /* before pyw_loader_begin_wait */

int64_t pyw_loader_waits_since_ms(void)
{
    return atomic_load(&waits_since_ms);
}

static pyw_loader_watcher *watcher; /* set once, before the first load */

void pyw_loader_watch(pyw_loader_watcher *function)
{
    watcher = function;
}

void pyw_loader_begin_wait(void)
{
    has_loaded = atomic_load(&waits_since_ms) < 0;
    atomic_store(&waits_since_ms, pyw_clock_now_ms());
}

void pyw_loader_end_wait(void)
{
    atomic_store(&waits_since_ms, has_loaded ? -1 : 0);
}

void pyw_loader_init(bool is_reloading_in_place)
{
    is_in_place = is_reloading_in_place;
}

/* --- the entries --------------------------------------------------------------- */

static struct script *find(struct pyw_span group, struct pyw_span path)
{
    struct script *script = atomic_load_explicit(&first, memory_order_acquire);

    while (script != NULL &&
           (script->path_len != path.len ||
            memcmp(script->path, path.data, path.len) != 0 ||
            script->interpreter->name_len != group.len ||
            memcmp(script->interpreter->name, group.data, group.len) != 0)) {
        script = script->next;
    }
    return script;
}

/* Under the lock; NULL when memory is short. */
static struct script *append(struct pyw_interpreter *interpreter, struct pyw_span path)
{
    struct script *script = calloc(1, sizeof(struct script));
    char *copy = script != NULL ? malloc(path.len + 1) : NULL;

    if (copy == NULL) {
        free(script);
        return NULL;
    }
    memcpy(copy, path.data, path.len);
    copy[path.len] = '\0';
    script->interpreter = interpreter;
    script->path = copy;
    script->path_len = path.len;
    atomic_store(&script->told_mtime, INT64_MIN);
    script->next = atomic_load(&first);
    atomic_store_explicit(&first, script, memory_order_release);
    return script;
}

static struct script *find_or_append(struct pyw_interpreter *interpreter,
                                     struct pyw_span path)
{
    struct pyw_span group = {interpreter->name, interpreter->name_len};
    struct script *script = find(group, path);

    if (script == NULL) {
        pthread_mutex_lock(&lock);
        script = find(group, path);
        if (script == NULL) {
            script = append(interpreter, path);
        }
        pthread_mutex_unlock(&lock);
    }
    return script;
}

/* The interpreter's GIL, where there is one, keeps the module; else the lock does. */
static void lock_module(void)
{
#ifdef Py_GIL_DISABLED
    pthread_mutex_lock(&lock);
#endif
}

static void unlock_module(void)
{
#ifdef Py_GIL_DISABLED
    pthread_mutex_unlock(&lock);
#endif
}

/* New reference, or NULL. */
static PyObject *module_of(struct script *script)
{
    PyObject *module;

    lock_module();
    module = Py_XNewRef(script->module);
    unlock_module();
    return module;
}

/* Steals the reference, NULL included. */
static void set_module(struct script *script, PyObject *module)
{
    PyObject *old;

    lock_module();
    old = script->module;
    script->module = module;
    unlock_module();
    Py_XDECREF(old);
}

/* What a request asks of the loader; for a preload there is no exchange. */
struct demand {
    struct pyw_exchange *exchange;
    bool compares; /* the modification time */
    int64_t mtime;
};

static bool has_changed(const struct script *script, const struct demand *demand)
{
    return demand->compares && atomic_load(&script->mtime) != demand->mtime;
}

/* Waits for a load in progress, then says what is to be done: READY (use it), LOADING
 * (the caller loads), FAILED (not again so soon). The module of so many loads wants to
 * be loaded again, where `is_forced`; another may have seen to that. **GIL:** not held.
 */
static enum state claim(struct script *script, const struct demand *demand,
                        bool is_forced, unsigned loads)
{
    enum state state;

    pthread_mutex_lock(&lock);
    while (atomic_load(&script->state) == LOADING) {
        pthread_cond_wait(&changed, &lock);
    }
    state = atomic_load(&script->state);
    is_forced = is_forced && atomic_load(&script->loads) == loads;
    if (state == NEW ||
        (state == READY &&
         (is_forced || (is_in_place && has_changed(script, demand)))) ||
        (state == FAILED && (has_changed(script, demand) ||
                             pyw_clock_now_ms() >= script->shared.retry_at_ms))) {
        if (has_changed(script, demand)) {
            script->shared.failures = 0;
        }
        state = LOADING;
        atomic_store(&script->state, LOADING);
    }
    pthread_mutex_unlock(&lock);
    return state;
}

static void settle(struct script *script, enum state state, int64_t mtime)
{
    pthread_mutex_lock(&lock);
    if (state == READY) {
        script->shared.failures = 0;
    } else {
        script->shared.failures++;
        script->shared.retry_at_ms =
            pyw_clock_now_ms() + pyw_clock_backoff_ms(script->shared.failures);
    }
    atomic_store(&script->mtime, mtime);
    atomic_fetch_add(&script->loads, 1);
    atomic_store(&script->state, state);
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
}

/* --- loading: inside the interpreter, an exception is pending after -1 and NULL --- */

static void log_failure(const struct script *script, struct pyw_exchange *exchange)
{
    char name[PYW_ERRORS_NAME_MAX];
    char place[PLACE_MAX];

    pyw_interpreter_describe(script->interpreter, place, sizeof place);
    pyw_advice_log(script->interpreter, script->path, strlen(script->path), exchange);
    pyw_errors_class(name);
    PYW_LOG(pyw_errors_log, exchange, SCRIPT_FAILED, name, script->path, place);
}

/* New reference to the module's function reload_required(); NULL: it has none. */
static PyObject *find_ask(const struct script *script, PyObject *module)
{
    const struct pyw_builtin *builtin = pyw_builtin_state(script->interpreter->module);
    PyObject *function = pyw_guard_item(PyModule_GetDict(module), builtin->reload_name);

    if (function == NULL) {
        PyErr_Clear();
    }
    return function;
}

static bool can_ask(const struct script *script, PyObject *module)
{
    PyObject *function = find_ask(script, module);

    Py_XDECREF(function);
    return function != NULL;
}

/* Loads the script; failure is logged. @return READY or FAILED. **GIL:** held. */
static enum state load(struct script *script, struct pyw_exchange *exchange,
                       int64_t *mtime)
{
    char place[PLACE_MAX];
    void *token = pyw_gil_release();
    int64_t own_mtime = 0;
    int64_t unset = 0;
    char *text;
    PyObject *path;
    PyObject *module = NULL;
    enum state state;

    (void)atomic_compare_exchange_strong(&waits_since_ms, &unset, pyw_clock_now_ms());
    pyw_interpreter_describe(script->interpreter, place, sizeof place);
    PYW_LOG(pyw_log_print, exchange, SCRIPT_LOADING, script->path, place);
    text = pyw_source_read(script->path, &own_mtime);
    if (text == NULL) {
        PYW_LOG(pyw_log_print, exchange, SCRIPT_UNREADABLE, script->path,
                strerror(errno));
    }
    pyw_gil_acquire(token);
    /* The server's own idea of the time comes first, so that the two cannot disagree
     * for ever. */
    *mtime = *mtime != 0 ? *mtime : own_mtime;
    if (text == NULL) {
        return FAILED;
    }
    path = PyUnicode_DecodeFSDefaultAndSize(script->path, (Py_ssize_t)script->path_len);
    module = path != NULL ? pyw_source_execute(text, path, *mtime) : NULL;
    free(text);
    Py_XDECREF(path);
    if (pyw_after_fork_loaded(pyw_builtin_state(script->interpreter->module),
                              module != NULL) != 0) {
        Py_CLEAR(module);
    }
    pyw_prelude_leave_fork(PYW_PRELUDE_SCRIPT,
                           (struct pyw_span){script->path, script->path_len});
    if (module == NULL) {
        log_failure(script, exchange);
    } else {
        atomic_store(&waits_since_ms, -1);
        if (watcher != NULL) {
            watcher(script->path, script->interpreter->name);
        }
    }
    state = module != NULL ? READY : FAILED;
    atomic_store(&script->can_ask, module != NULL && can_ask(script, module));
    atomic_store(&script->asks, false);
    set_module(script, module);
    script->is_reported = false;
    return state;
}

/* --- use ----------------------------------------------------------------------- */

/* New reference to the path of the resource: the script's own, but for handler
 * scripts. */
static PyObject *resource_of(const struct pyw_request_head *head)
{
    struct pyw_span path = head->script;

    for (size_t i = 0; i < head->pair_count; i++) {
        if (head->pairs[i].key == PYW_KEY_SCRIPT_FILENAME) {
            path = head->pairs[i].value;
        }
    }
    return PyUnicode_DecodeFSDefaultAndSize(path.data, (Py_ssize_t)path.len);
}

/* The module's own word; `exchange` takes the log, NULL: the process. */
static bool ask(const struct script *script, PyObject *module,
                const struct pyw_request_head *head, struct pyw_exchange *exchange)
{
    PyObject *function = find_ask(script, module);
    PyObject *resource = function != NULL ? resource_of(head) : NULL;
    PyObject *answer =
        resource != NULL ? PyObject_CallOneArg(function, resource) : NULL;
    int is_true = answer != NULL ? PyObject_IsTrue(answer) : -1;

    pyw_prelude_leave_fork(PYW_PRELUDE_SCRIPT,
                           (struct pyw_span){script->path, script->path_len});
    if (function != NULL && is_true < 0) {
        PYW_LOG(pyw_errors_log, exchange, RELOAD_REQUIRED, script->path);
    }
    Py_XDECREF(answer);
    Py_XDECREF(resource);
    Py_XDECREF(function);
    return is_true == 1;
}

/* The module's own wish: it lost its `__mtime__`, or says so, where that is not left to
 * pyw_loader_finds_change. */
static bool wants_reload(const struct script *script, PyObject *module,
                         const struct demand *demand)
{
    const struct pyw_builtin *builtin = pyw_builtin_state(script->interpreter->module);

    if (!demand->compares) {
        return false;
    }
    if (PyDict_Contains(PyModule_GetDict(module), builtin->mtime_name) != 1) {
        PyErr_Clear();
        return true;
    }
    return is_in_place && ask(script, module, demand->exchange->head, demand->exchange);
}

/* New reference to the script's module, the one to use now; NULL: it has none (logged).
 * **GIL:** held. A module changes only together with the state, by a thread that holds
 * it. */
static PyObject *provide(struct script *script, struct demand *demand)
{
    enum state state = atomic_load_explicit(&script->state, memory_order_acquire);
    unsigned loads = atomic_load(&script->loads);
    PyObject *module = state == READY ? module_of(script) : NULL;
    bool is_forced = module != NULL && wants_reload(script, module, demand);
    void *token;

    if (module != NULL && !is_forced && !(is_in_place && has_changed(script, demand))) {
        return module;
    }
    Py_XDECREF(module);
    token = pyw_gil_release();
    state = claim(script, demand, is_forced, loads);
    pyw_gil_acquire(token);
    if (state == LOADING) {
        state = load(script, demand->exchange, &demand->mtime);
        module = state == READY ? module_of(script) : NULL;
        settle(script, state, demand->mtime);
        return module;
    }
    module = state == READY ? module_of(script) : NULL;
    if (module == NULL) {
        PYW_LOG(pyw_log_print_held, demand->exchange, SCRIPT_STILL_FAILED,
                script->path);
    }
    return module;
}

/* New reference to the callable's name as a str; NULL with an exception. */
#ifdef Py_GIL_DISABLED
static PyObject *intern_name(struct script *script, struct pyw_span name)
{
    (void)script;
    return PyUnicode_DecodeUTF8(name.data, (Py_ssize_t)name.len, "replace");
}
#else
static PyObject *intern_name(struct script *script, struct pyw_span name)
{
    Py_ssize_t len = 0;
    const char *known =
        script->name != NULL ? PyUnicode_AsUTF8AndSize(script->name, &len) : NULL;

    if (known == NULL || (size_t)len != name.len ||
        memcmp(known, name.data, name.len) != 0) {
        PyObject *fresh =
            PyUnicode_DecodeUTF8(name.data, (Py_ssize_t)name.len, "replace");

        if (fresh == NULL) {
            return NULL;
        }
        PyUnicode_InternInPlace(&fresh);
        Py_XSETREF(script->name, fresh);
        script->is_reported = false;
    }
    return Py_NewRef(script->name);
}
#endif

/* Says what is wrong with the callable, once for each load of the script. */
static void complain(struct script *script, PyObject *module, PyObject *callable,
                     struct pyw_exchange *exchange)
{
    struct pyw_span wanted = exchange->head->callable;
    PyObject *names = PyModule_GetDict(module);
    const char *other = NULL;

    if (script->is_reported) {
        PYW_LOG(pyw_log_print_held, exchange, SCRIPT_STILL_FAILED, script->path);
        return;
    }
    script->is_reported = true;
    if (callable != NULL) {
        PYW_LOG(pyw_log_print_held, exchange, CALLABLE_TYPE, (int)wanted.len,
                wanted.data, script->path, Py_TYPE(callable)->tp_name);
        return;
    }
    if (PyDict_GetItemString(names, "application") != NULL) {
        other = "application";
    } else if (PyDict_GetItemString(names, "app") != NULL) {
        other = "app";
    }
    PYW_LOG(pyw_log_print_held, exchange, CALLABLE_MISSING, script->path,
            (int)wanted.len, wanted.data, other != NULL ? "; it does have '" : "",
            other != NULL ? other : "",
            other == NULL ? ""
                          : "' (WSGICallableObject chooses, but for handler scripts)");
}

/* New reference, or NULL (logged). */
static PyObject *look_up(struct script *script, PyObject *module,
                         struct pyw_exchange *exchange)
{
    PyObject *name = intern_name(script, exchange->head->callable);
    PyObject *callable =
        name != NULL ? pyw_guard_item(PyModule_GetDict(module), name) : NULL;

    Py_XDECREF(name);
    if (callable != NULL && PyCallable_Check(callable)) {
        return callable;
    }
    PyErr_Clear();
    complain(script, module, callable, exchange);
    Py_XDECREF(callable);
    return NULL;
}

/* New reference, or NULL (logged). */
static PyObject *module_for(struct script *script, struct pyw_exchange *exchange)
{
    struct demand demand = {
        .exchange = exchange,
        .compares = (exchange->head->flags & PYW_REQUEST_RELOAD) != 0,
        .mtime = exchange->head->script_mtime,
    };

    return script != NULL ? provide(script, &demand) : NULL;
}

PyObject *pyw_loader_module(struct pyw_interpreter *interpreter,
                            struct pyw_exchange *exchange)
{
    return module_for(find_or_append(interpreter, exchange->head->script), exchange);
}

PyObject *pyw_loader_callable(struct pyw_interpreter *interpreter,
                              struct pyw_exchange *exchange)
{
    struct script *script = find_or_append(interpreter, exchange->head->script);
    PyObject *module = module_for(script, exchange);
    PyObject *callable = module != NULL ? look_up(script, module, exchange) : NULL;

    if (callable != NULL && atomic_load(&script->can_ask)) {
        atomic_store(&script->asks, true);
    }
    Py_XDECREF(module);
    return callable;
}

/* What the script's reload_required() says. **GIL:** not held. */
static bool says_stale(struct script *script, const struct pyw_request_head *head)
{
    PyObject *module;
    bool is_stale;

    if (pyw_interpreter_enter(head->application_group, NULL) == NULL) {
        return false;
    }
    module = module_of(script);
    is_stale = module != NULL && ask(script, module, head, NULL);
    Py_XDECREF(module);
    pyw_interpreter_leave();
    return is_stale;
}

static bool is_stale(struct script *script, const struct pyw_request_head *head)
{
    enum state state = atomic_load(&script->state);
    struct stat now;

    if (state == READY && atomic_load(&script->asks) && says_stale(script, head)) {
        return true;
    }
    if ((state != READY && state != FAILED) ||
        atomic_load(&script->mtime) == head->script_mtime) {
        return false;
    }
    /* Apache says that it changed. Only if this process sees that too is a new one any
     * use: otherwise each would be replaced for ever. One that could never be read is
     * tried again by this process as well as by any other. */
    if (atomic_load(&script->mtime) == 0) {
        return false;
    }
    if (stat(script->path, &now) != 0) {
        return state == READY;
    }
    return pyw_source_mtime(&now) != atomic_load(&script->mtime);
}

bool pyw_loader_finds_change(const struct pyw_request_head *head)
{
    struct script *script;

    if ((head->flags & PYW_REQUEST_RELOAD) == 0) {
        return false;
    }
    script = find(head->application_group, head->script);
    return script != NULL && is_stale(script, head) &&
           atomic_exchange(&script->told_mtime, head->script_mtime) !=
               head->script_mtime;
}

int pyw_loader_preload(const struct pyw_preload *preload)
{
    struct pyw_span group = {preload->application_group,
                             strlen(preload->application_group)};
    struct pyw_span path = {preload->script, strlen(preload->script)};
    struct pyw_interpreter *interpreter = pyw_interpreter_enter(group, NULL);
    struct demand demand = {.exchange = NULL};
    struct script *script;
    PyObject *module;

    if (interpreter == NULL) {
        return -1;
    }
    script = find_or_append(interpreter, path);
    module = script != NULL ? provide(script, &demand) : NULL;
    Py_XDECREF(module);
    pyw_interpreter_leave();
    return module != NULL ? 0 : -1;
}
