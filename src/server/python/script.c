#include "python/script.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

static pthread_mutex_t lock =
    PTHREAD_MUTEX_INITIALIZER; /* a leaf, held for moments only */
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static _Atomic(struct pyw_script *) first;

/* --- the entries --------------------------------------------------------------- */

struct pyw_script *pyw_script_next(struct pyw_script *after)
{
    return after != NULL ? after->next
                         : atomic_load_explicit(&first, memory_order_acquire);
}

struct pyw_script *pyw_script_find(struct pyw_span group, unsigned lane,
                                   struct pyw_span path)
{
    struct pyw_script *script = pyw_script_next(NULL);

    while (script != NULL &&
           (script->interpreter->lane != lane || script->path_len != path.len ||
            memcmp(script->path, path.data, path.len) != 0 ||
            script->interpreter->name_len != group.len ||
            memcmp(script->interpreter->name, group.data, group.len) != 0)) {
        script = script->next;
    }
    return script;
}

/* Under the lock; NULL when memory is short. */
static struct pyw_script *append(struct pyw_interpreter *interpreter,
                                 struct pyw_span path)
{
    struct pyw_script *script = calloc(1, sizeof(struct pyw_script));
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

struct pyw_script *pyw_script_find_or_append(struct pyw_interpreter *interpreter,
                                             struct pyw_span path)
{
    struct pyw_span group = {interpreter->name, interpreter->name_len};
    unsigned lane = interpreter->lane;
    struct pyw_script *script = pyw_script_find(group, lane, path);

    if (script == NULL) {
        pthread_mutex_lock(&lock);
        script = pyw_script_find(group, lane, path);
        if (script == NULL) {
            script = append(interpreter, path);
        }
        pthread_mutex_unlock(&lock);
    }
    return script;
}

/* Where there is no GIL the module lies in a list, which Python reads without a lock.
 */
#ifdef Py_GIL_DISABLED
PyObject *pyw_script_module(const struct pyw_script *script)
{
    PyObject *module = PyList_GetItemRef(script->module, 0);

    if (module == Py_None) {
        Py_CLEAR(module);
    }
    return module;
}

int pyw_script_set_module(struct pyw_script *script, PyObject *module)
{
    PyObject *item = module != NULL ? module : Py_None;

    if (script->module == NULL) {
        script->module = Py_BuildValue("[O]", item);
        return script->module != NULL ? 0 : -1;
    }
    return PyList_SetItem(script->module, 0, Py_NewRef(item));
}
#else
PyObject *pyw_script_module(const struct pyw_script *script)
{
    return Py_XNewRef(script->module);
}

int pyw_script_set_module(struct pyw_script *script, PyObject *module)
{
    Py_XSETREF(script->module, Py_XNewRef(module));
    return 0;
}
#endif

/* --- who loads ---------------------------------------------------------------------
 */

bool pyw_script_has_changed(const struct pyw_script *script,
                            const struct pyw_script_demand *demand)
{
    return demand->compares && atomic_load(&script->mtime) != demand->mtime;
}

enum pyw_script_state pyw_script_claim(struct pyw_script *script,
                                       const struct pyw_script_demand *demand,
                                       bool is_forced, unsigned loads)
{
    enum pyw_script_state state;
    bool has_changed;

    pthread_mutex_lock(&lock);
    while (atomic_load(&script->state) == PYW_SCRIPT_LOADING) {
        pthread_cond_wait(&changed, &lock);
    }
    state = atomic_load(&script->state);
    has_changed = pyw_script_has_changed(script, demand);
    is_forced = is_forced && atomic_load(&script->loads) == loads;
    if (state == PYW_SCRIPT_NEW ||
        (state == PYW_SCRIPT_READY &&
         (is_forced || (demand->reloads && has_changed))) ||
        (state == PYW_SCRIPT_FAILED &&
         (has_changed || pyw_clock_now_ms() >= script->shared.retry_at_ms))) {
        if (has_changed) {
            script->shared.failures = 0;
        }
        state = PYW_SCRIPT_LOADING;
        atomic_store(&script->state, PYW_SCRIPT_LOADING);
    }
    pthread_mutex_unlock(&lock);
    return state;
}

void pyw_script_settle(struct pyw_script *script, enum pyw_script_state state,
                       int64_t mtime)
{
    pthread_mutex_lock(&lock);
    if (state == PYW_SCRIPT_READY) {
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
