#include "python/loader.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "python/advice.h"
#include "python/after_fork.h"
#include "python/errors.h"
#include "python/guard.h"
#include "python/lanes.h"
#include "python/log.h"
#include "python/prelude.h"
#include "python/pyw_gil.h"
#include "python/script.h"
#include "python/source.h"

#define PLACE_MAX 256

static bool is_in_place;
static _Atomic int64_t waits_since_ms; /* see pyw_loader_waits_since_ms */
static int64_t before_wait_ms;         /* the same, at pyw_loader_begin_wait */

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
    before_wait_ms = atomic_load(&waits_since_ms);
    atomic_store(&waits_since_ms, pyw_clock_now_ms());
}

void pyw_loader_end_wait(void)
{
    atomic_store(&waits_since_ms, before_wait_ms);
}

void pyw_loader_init(bool is_reloading_in_place)
{
    is_in_place = is_reloading_in_place;
}

/* --- loading: inside the interpreter, an exception is pending after -1 and NULL --- */

static void log_failure(const struct pyw_script *script, struct pyw_exchange *exchange)
{
    char name[PYW_ERRORS_NAME_MAX];
    char place[PLACE_MAX];

    if (script->interpreter->lane > 0) {
        pyw_lanes_failed(script->interpreter, script->path, exchange);
        return;
    }
    pyw_interpreter_describe(script->interpreter, place, sizeof place);
    pyw_advice_log(script->interpreter, script->path, strlen(script->path), exchange);
    pyw_errors_class(name);
    PYW_LOG(pyw_errors_log, exchange, SCRIPT_FAILED, name, script->path, place);
}

/* New reference to the module's function reload_required(); NULL: it has none. */
static PyObject *find_ask(const struct pyw_script *script, PyObject *module)
{
    const struct pyw_builtin *builtin = pyw_builtin_state(script->interpreter->module);
    PyObject *function = pyw_guard_item(PyModule_GetDict(module), builtin->reload_name);

    if (function == NULL) {
        PyErr_Clear();
    }
    return function;
}

static bool can_ask(const struct pyw_script *script, PyObject *module)
{
    PyObject *function = find_ask(script, module);

    Py_XDECREF(function);
    return function != NULL;
}

/* Tells those who want to know that the script is loaded. **GIL:** held. */
static void tell_loaded(const struct pyw_script *script, struct pyw_exchange *exchange)
{
    if (script->interpreter->lane > 0) {
        pyw_lanes_loaded(script->interpreter, script->path, exchange);
    } else {
        atomic_store(&waits_since_ms, -1);
    }
    if (watcher != NULL) {
        watcher(script->path, script->interpreter->name);
    }
}

/* Loads the script; failure is logged. @return READY or FAILED. **GIL:** held. */
static enum pyw_script_state load(struct pyw_script *script,
                                  struct pyw_exchange *exchange, int64_t *mtime)
{
    char place[PLACE_MAX];
    void *token = pyw_gil_release();
    int64_t own_mtime = 0;
    int64_t unset = 0;
    char *text;
    PyObject *path;
    PyObject *module = NULL;
    enum pyw_script_state state;

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
        if (script->interpreter->lane > 0) {
            pyw_lanes_failed(script->interpreter, script->path, exchange);
        }
        return PYW_SCRIPT_FAILED;
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
    if (module != NULL && pyw_script_set_module(script, module) != 0) {
        Py_CLEAR(module);
    }
    if (module == NULL) {
        log_failure(script, exchange);
        if (pyw_script_set_module(script, NULL) != 0) {
            PyErr_Clear(); /* no memory; nobody looks at what has FAILED */
        }
    } else {
        tell_loaded(script, exchange);
    }
    state = module != NULL ? PYW_SCRIPT_READY : PYW_SCRIPT_FAILED;
    atomic_store(&script->can_ask, module != NULL && can_ask(script, module));
    atomic_store(&script->asks, false);
    script->is_reported = false;
    Py_XDECREF(module);
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
static bool ask(const struct pyw_script *script, PyObject *module,
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
static bool wants_reload(const struct pyw_script *script, PyObject *module,
                         const struct pyw_script_demand *demand)
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
static PyObject *provide(struct pyw_script *script, struct pyw_script_demand *demand)
{
    enum pyw_script_state state =
        atomic_load_explicit(&script->state, memory_order_acquire);
    unsigned loads = atomic_load(&script->loads);
    PyObject *module = state == PYW_SCRIPT_READY ? pyw_script_module(script) : NULL;
    bool is_forced = module != NULL && wants_reload(script, module, demand);
    void *token;

    if (module != NULL && !is_forced &&
        !(is_in_place && pyw_script_has_changed(script, demand))) {
        return module;
    }
    Py_XDECREF(module);
    token = pyw_gil_release();
    state = pyw_script_claim(script, demand, is_forced, loads);
    pyw_gil_acquire(token);
    if (state == PYW_SCRIPT_LOADING) {
        state = load(script, demand->exchange, &demand->mtime);
        module = state == PYW_SCRIPT_READY ? pyw_script_module(script) : NULL;
        pyw_script_settle(script, state, demand->mtime);
        return module;
    }
    module = state == PYW_SCRIPT_READY ? pyw_script_module(script) : NULL;
    if (module == NULL && script->interpreter->lane == 0) {
        PYW_LOG(pyw_log_print_held, demand->exchange, SCRIPT_STILL_FAILED,
                script->path);
    }
    return module;
}

/* New reference to the callable's name as a str; NULL with an exception. */
#ifdef Py_GIL_DISABLED
static PyObject *intern_name(struct pyw_script *script, struct pyw_span name)
{
    (void)script;
    return PyUnicode_DecodeUTF8(name.data, (Py_ssize_t)name.len, "replace");
}
#else
static PyObject *intern_name(struct pyw_script *script, struct pyw_span name)
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
static void complain(struct pyw_script *script, PyObject *module, PyObject *callable,
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
static PyObject *look_up(struct pyw_script *script, PyObject *module,
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

static struct pyw_script_demand demand_of(struct pyw_exchange *exchange)
{
    return (struct pyw_script_demand){
        .exchange = exchange,
        .compares = (exchange->head->flags & PYW_REQUEST_RELOAD) != 0,
        .reloads = is_in_place,
        .mtime = exchange->head->script_mtime,
    };
}

/* New reference, or NULL (logged). */
static PyObject *module_for(struct pyw_script *script, struct pyw_exchange *exchange)
{
    struct pyw_script_demand demand = demand_of(exchange);

    return script != NULL ? provide(script, &demand) : NULL;
}

PyObject *pyw_loader_module(struct pyw_interpreter *interpreter,
                            struct pyw_exchange *exchange)
{
    return module_for(pyw_script_find_or_append(interpreter, exchange->head->script),
                      exchange);
}

PyObject *pyw_loader_callable(struct pyw_interpreter *interpreter,
                              struct pyw_exchange *exchange)
{
    struct pyw_script *script =
        pyw_script_find_or_append(interpreter, exchange->head->script);
    PyObject *module = module_for(script, exchange);
    PyObject *callable = module != NULL ? look_up(script, module, exchange) : NULL;

    if (callable != NULL && atomic_load(&script->can_ask)) {
        atomic_store(&script->asks, true);
    }
    Py_XDECREF(module);
    return callable;
}

/* --- lanes but the first -----------------------------------------------------------
 */

static bool is_loaded(const struct pyw_script *script)
{
    return script != NULL &&
           atomic_load_explicit(&script->state, memory_order_acquire) ==
               PYW_SCRIPT_READY;
}

/* Enters the interpreter of a lane, with the script loaded. @return NULL: not there.
 * **GIL:** not held. */
static struct pyw_interpreter *enter_lane(struct pyw_span group, unsigned lane,
                                          struct pyw_span path,
                                          struct pyw_script_demand *demand)
{
    struct pyw_script *script = pyw_script_find(group, lane, path);
    struct pyw_interpreter *interpreter;
    PyObject *module;

    if (!is_loaded(script) && !is_loaded(pyw_script_find(group, 0, path))) {
        return NULL;
    }
    interpreter = pyw_interpreter_enter(group, lane, demand->exchange);
    if (interpreter == NULL || is_loaded(script)) {
        return interpreter;
    }
    script = pyw_script_find_or_append(interpreter, path);
    module = script != NULL ? provide(script, demand) : NULL;
    if (module == NULL) {
        pyw_interpreter_leave();
        return NULL;
    }
    Py_DECREF(module);
    return interpreter;
}

struct pyw_interpreter *pyw_loader_enter(struct pyw_exchange *exchange)
{
    const struct pyw_request_head *head = exchange->head;
    unsigned lane = pyw_interpreter_own_lane();
    struct pyw_interpreter *interpreter = NULL;

    if (lane > 0) {
        struct pyw_script_demand demand = demand_of(exchange);

        interpreter = enter_lane(head->application_group, lane, head->script, &demand);
    }
    return interpreter != NULL
               ? interpreter
               : pyw_interpreter_enter(head->application_group, 0, exchange);
}

/* In the order in which they were first wanted, the newest script being the list's
 * first. */
static void follow(struct pyw_script *leader)
{
    unsigned lane = pyw_interpreter_own_lane();
    struct pyw_script_demand demand = {.reloads = is_in_place};

    if (leader->next != NULL) {
        follow(leader->next);
    }
    if (leader->interpreter->lane == 0 && is_loaded(leader)) {
        struct pyw_span group = {leader->interpreter->name,
                                 leader->interpreter->name_len};
        struct pyw_span path = {leader->path, leader->path_len};

        if (enter_lane(group, lane, path, &demand) != NULL) {
            pyw_interpreter_leave();
        }
    }
}

void pyw_loader_follow(void)
{
    struct pyw_script *newest = pyw_script_next(NULL);

    if (newest != NULL) {
        follow(newest);
    }
}

/* --- reloading ---------------------------------------------------------------------
 */

/* What the script's reload_required() says. **GIL:** not held. */
static bool says_stale(struct pyw_script *script, const struct pyw_request_head *head)
{
    PyObject *module;
    bool is_stale;

    if (pyw_interpreter_enter(head->application_group, script->interpreter->lane,
                              NULL) == NULL) {
        return false;
    }
    module = pyw_script_module(script);
    is_stale = module != NULL && ask(script, module, head, NULL);
    Py_XDECREF(module);
    pyw_interpreter_leave();
    return is_stale;
}

static bool is_stale(struct pyw_script *script, const struct pyw_request_head *head)
{
    enum pyw_script_state state = atomic_load(&script->state);
    struct stat now;

    if (state == PYW_SCRIPT_READY && atomic_load(&script->asks) &&
        says_stale(script, head)) {
        return true;
    }
    if ((state != PYW_SCRIPT_READY && state != PYW_SCRIPT_FAILED) ||
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
        return state == PYW_SCRIPT_READY;
    }
    return pyw_source_mtime(&now) != atomic_load(&script->mtime);
}

/* The script as the calling thread is going to use it. */
static struct pyw_script *find_used(const struct pyw_request_head *head,
                                    struct pyw_script *leader)
{
    unsigned lane = pyw_interpreter_own_lane();
    struct pyw_script *own =
        lane > 0 ? pyw_script_find(head->application_group, lane, head->script) : NULL;

    return is_loaded(own) && !atomic_load(&own->interpreter->is_out) ? own : leader;
}

bool pyw_loader_finds_change(const struct pyw_request_head *head)
{
    struct pyw_script *leader;

    if ((head->flags & PYW_REQUEST_RELOAD) == 0) {
        return false;
    }
    leader = pyw_script_find(head->application_group, 0, head->script);
    return leader != NULL && is_stale(find_used(head, leader), head) &&
           atomic_exchange(&leader->told_mtime, head->script_mtime) !=
               head->script_mtime;
}

int pyw_loader_preload(const struct pyw_preload *preload)
{
    struct pyw_span group = {preload->application_group,
                             strlen(preload->application_group)};
    struct pyw_span path = {preload->script, strlen(preload->script)};
    struct pyw_interpreter *interpreter = pyw_interpreter_enter(group, 0, NULL);
    struct pyw_script_demand demand = {.reloads = is_in_place};
    struct pyw_script *script;
    PyObject *module;

    if (interpreter == NULL) {
        return -1;
    }
    script = pyw_script_find_or_append(interpreter, path);
    module = script != NULL ? provide(script, &demand) : NULL;
    Py_XDECREF(module);
    pyw_interpreter_leave();
    return module != NULL ? 0 : -1;
}
