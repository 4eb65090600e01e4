#include "python/interpreter.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "python/errors.h"
#include "python/log.h"
#include "python/prelude.h"
#include "python/pyw_gil.h"

#define PLACE_MAX 256

enum state { NEW, CREATING, READY, FAILED };

struct entry {
    struct pyw_interpreter interpreter; /* first: callers hold a pointer to it */
    struct entry *next;                 /* written once */
    _Atomic enum state state;
    bool exists; /* Python made it, if only half; by whoever is CREATING */
    struct {     /* under `lock` */
        unsigned failures;
        int64_t retry_at_ms;
    } shared;
};

static const struct pyw_setup *setup;
static pthread_mutex_t lock =
    PTHREAD_MUTEX_INITIALIZER; /* a leaf: nothing else is taken under it */
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static struct entry main_entry = {.interpreter = {.name = ""}, .exists = true};
static struct entry *by_index[PYW_GIL_MAX_INTERPRETERS] = {
    &main_entry}; /* written under `lock` */
static _Atomic(struct entry *) first = &main_entry;
static unsigned count = 1; /* under `lock` */
static unsigned lanes = 1; /* written at the start */
static __thread unsigned own_lane;

const char *pyw_interpreter_describe(const struct pyw_interpreter *interpreter,
                                     char *text, size_t size)
{
    if (interpreter->lane > 0 && interpreter->name_len == 0) {
        snprintf(text, size, "interpreter %u of %u", interpreter->lane + 1, lanes);
    } else if (interpreter->lane > 0) {
        snprintf(text, size, "sub-interpreter '%s', %u of %u", interpreter->name,
                 interpreter->lane + 1, lanes);
    } else if (interpreter->index == 0) {
        snprintf(text, size, "main interpreter");
    } else {
        snprintf(text, size, "sub-interpreter '%s'", interpreter->name);
    }
    return text;
}

struct pyw_interpreter *pyw_interpreter_current(void)
{
    return &by_index[pyw_gil_current()]->interpreter;
}

unsigned pyw_interpreter_lanes(void)
{
    return lanes;
}

void pyw_interpreter_take_lane(unsigned lane)
{
    own_lane = lane;
    if (lane > 0 && pyw_gil_enter(0) == 0) {
        pyw_gil_leave();
    }
}

unsigned pyw_interpreter_own_lane(void)
{
    return own_lane;
}

static struct entry *find(struct pyw_span group, unsigned lane)
{
    struct entry *entry = atomic_load_explicit(&first, memory_order_acquire);

    while (entry != NULL &&
           (entry->interpreter.lane != lane ||
            entry->interpreter.name_len != group.len ||
            memcmp(entry->interpreter.name, group.data, group.len) != 0)) {
        entry = entry->next;
    }
    return entry;
}

/* Under the lock. @return NULL: no memory, or too many interpreters. */
static struct entry *append(struct pyw_span group, unsigned lane)
{
    struct entry *entry =
        count < PYW_GIL_MAX_INTERPRETERS ? calloc(1, sizeof(struct entry)) : NULL;
    char *name = entry != NULL ? malloc(group.len + 1) : NULL;

    if (name == NULL) {
        free(entry);
        return NULL;
    }
    memcpy(name, group.data, group.len);
    name[group.len] = '\0';
    entry->interpreter.name = name;
    entry->interpreter.name_len = group.len;
    entry->interpreter.index = count;
    entry->interpreter.lane = lane;
    by_index[count++] = entry;
    entry->next = atomic_load(&first);
    atomic_store_explicit(&first, entry, memory_order_release);
    return entry;
}

static struct entry *find_or_append(struct pyw_span group, unsigned lane)
{
    struct entry *entry = find(group, lane);

    if (entry == NULL) {
        pthread_mutex_lock(&lock);
        entry = find(group, lane);
        if (entry == NULL) {
            entry = append(group, lane);
        }
        pthread_mutex_unlock(&lock);
    }
    return entry;
}

/* Inside the new interpreter. @return 0, or -1 with an exception. */
static int furnish(struct pyw_interpreter *interpreter)
{
    const struct pyw_protocol *protocol = pyw_builtin_protocol();

    Py_XSETREF(interpreter->module, PyImport_ImportModule("mod_wsgi"));
    if (interpreter->module == NULL) {
        return -1;
    }
    if (protocol != NULL) {
        Py_XSETREF(interpreter->protocol, PyImport_ImportModule(protocol->module));
        if (interpreter->protocol == NULL) {
            return -1;
        }
        interpreter->state = PyModule_GetState(interpreter->protocol);
    }
    return pyw_prelude_run(setup, interpreter);
}

int pyw_interpreter_start(const struct pyw_setup *process_setup)
{
    setup = process_setup;
    if (setup->options.interpreters > 1 && pyw_gil_may_be_own()) {
        lanes = (unsigned)setup->options.interpreters;
    }
    pyw_python_options_resolve(&setup->python, "", &main_entry.interpreter.settings);
    if (furnish(&main_entry.interpreter) != 0) {
        return -1;
    }
    atomic_store(&main_entry.state, READY);
    return 0;
}

/* Waits until the entry is ready, or until it is for the caller to create it.
 * @return READY, CREATING (the caller creates), or FAILED (not long ago). */
static enum state claim(struct entry *entry)
{
    enum state state;

    pthread_mutex_lock(&lock);
    while (atomic_load(&entry->state) == CREATING) {
        pthread_cond_wait(&changed, &lock);
    }
    state = atomic_load(&entry->state);
    if (state == NEW ||
        (state == FAILED && pyw_clock_now_ms() >= entry->shared.retry_at_ms)) {
        state = CREATING;
        atomic_store(&entry->state, CREATING);
    }
    pthread_mutex_unlock(&lock);
    return state;
}

static void settle(struct entry *entry, enum state state)
{
    pthread_mutex_lock(&lock);
    if (state == FAILED) {
        entry->shared.failures++;
        entry->shared.retry_at_ms =
            pyw_clock_now_ms() + pyw_clock_backoff_ms(entry->shared.failures);
    }
    atomic_store(&entry->state, state);
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
}

/* An interval that was meant for this interpreter has no effect where it shares a GIL.
 */
static void check_interval(const struct pyw_interpreter *interpreter,
                           struct pyw_exchange *exchange)
{
    int64_t us = interpreter->settings.switch_interval_us;

    if (us > 0 && us != main_entry.interpreter.settings.switch_interval_us &&
        !pyw_gil_is_own(interpreter->index)) {
        PYW_LOG(pyw_log_print_held, exchange, SWITCH_INTERVAL_SHARED,
                interpreter->name);
    }
}

/* Of lanes but the first, whose requests go on in that. */
static void log_missing(const struct entry *entry, struct pyw_exchange *exchange)
{
    char place[PLACE_MAX];

    pyw_interpreter_describe(&entry->interpreter, place, sizeof place);
    PYW_LOG(pyw_errors_log, exchange, LANE_MISSING, place);
}

/* Inside main, or inside the interpreter where it exists already. @return 0, or -1 with
 * an exception. */
static int make(struct entry *entry)
{
    struct pyw_interpreter *interpreter = &entry->interpreter;

    if (!entry->exists) {
        pyw_python_options_resolve(&setup->python, interpreter->name,
                                   &interpreter->settings);
        entry->exists =
            pyw_gil_new_interpreter(interpreter->index,
                                    interpreter->lane > 0 ||
                                        interpreter->settings.own_gil == PYW_ON) == 0;
    }
    return entry->exists ? furnish(interpreter) : -1;
}

/* @return READY or FAILED; the thread is detached. */
static enum state create(struct entry *entry, struct pyw_exchange *exchange)
{
    enum state state = FAILED;

    if (pyw_gil_enter(entry->exists ? entry->interpreter.index : 0) != 0) {
        PYW_LOG(pyw_log_print, exchange, INTERPRETER_FAILED, entry->interpreter.name);
        return FAILED;
    }
    if (make(entry) == 0) {
        state = READY;
        check_interval(&entry->interpreter, exchange);
    } else if (entry->interpreter.lane > 0) {
        log_missing(entry, exchange);
    } else {
        PYW_LOG(pyw_errors_log, exchange, INTERPRETER_FAILED, entry->interpreter.name);
    }
    pyw_gil_leave();
    return state;
}

struct pyw_interpreter *pyw_interpreter_enter(struct pyw_span group, unsigned lane,
                                              struct pyw_exchange *exchange)
{
    struct entry *entry = find_or_append(group, lane);
    enum state state;

    if (entry == NULL) {
        if (lane == 0) {
            PYW_LOG(pyw_log_print, exchange, INTERPRETER_COUNT,
                    PYW_GIL_MAX_INTERPRETERS);
        }
        return NULL;
    }
    if (atomic_load_explicit(&entry->interpreter.is_out, memory_order_relaxed)) {
        return NULL;
    }
    state = atomic_load_explicit(&entry->state, memory_order_acquire);
    if (state != READY) {
        state = claim(entry);
        if (state == CREATING) {
            state = create(entry, exchange);
            settle(entry, state);
        } else if (state == FAILED && lane == 0) {
            PYW_LOG(pyw_log_print, exchange, INTERPRETER_FAILED,
                    entry->interpreter.name);
        }
    }
    if (state != READY || pyw_gil_enter(entry->interpreter.index) != 0) {
        return NULL;
    }
    return &entry->interpreter;
}

void pyw_interpreter_leave(void)
{
    pyw_gil_leave();
}

bool pyw_interpreter_retire(struct pyw_interpreter *interpreter, bool with_others)
{
    struct pyw_span group = {interpreter->name, interpreter->name_len};
    bool is_first = !atomic_exchange(&interpreter->is_out, true);

    for (unsigned lane = 1; with_others && lane < lanes; lane++) {
        struct entry *entry = find_or_append(group, lane);

        if (entry != NULL) {
            atomic_store(&entry->interpreter.is_out, true);
        }
    }
    if (with_others) {
        struct entry *entry = find_or_append(group, 0);

        is_first = entry != NULL &&
                   !atomic_exchange(&entry->interpreter.has_told_retired, true);
    }
    return is_first;
}

bool pyw_interpreter_retire_own(struct pyw_span group)
{
    struct entry *entry = own_lane > 0 ? find(group, own_lane) : NULL;

    return entry != NULL && pyw_interpreter_retire(&entry->interpreter, false);
}

void pyw_interpreter_each(void (*visit)(struct pyw_interpreter *interpreter))
{
    for (struct entry *entry = atomic_load(&first); entry != NULL;
         entry = entry->next) {
        /* In a process that was forked off, only main is left. */
        if (atomic_load(&entry->state) == READY &&
            pyw_gil_interpreter(entry->interpreter.index) != NULL &&
            pyw_gil_enter(entry->interpreter.index) == 0) {
            visit(&entry->interpreter);
            pyw_gil_leave();
        }
    }
}
