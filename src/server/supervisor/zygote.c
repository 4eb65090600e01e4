#include "supervisor/zygote.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/codes.h"
#include "channel/lifeline.h"
#include "supervisor/spawn.h"

/* It has nothing to finish: longer than this it takes only where something is wrong. */
#define GRACE_MS 2000
/* One that dies sooner than this after it was ready is backed off. */
#define QUICK_END_MS 1000
/* A fork takes milliseconds, unless something that the application does before it waits
 * for what does not come. */
#define ORDER_MS 30000

#define FOR_EACH(zygotes, zygote_var)                                                  \
    for (struct pyw_zygote *zygote_var = (zygotes)->all;                               \
         zygote_var < (zygotes)->all + PYW_ZYGOTES_MAX; zygote_var++)

void pyw_zygotes_init(struct pyw_zygotes *zygotes, const struct pyw_group *group,
                      pyw_supervisor_log *log, int notify_fd)
{
    memset(zygotes, 0, sizeof(*zygotes));
    zygotes->group = group;
    zygotes->log = log;
    zygotes->notify_fd = notify_fd;
    FOR_EACH(zygotes, zygote)
    {
        zygote->lifeline_fd = -1;
        zygote->kill_at_ms = PYW_CLOCK_NEVER;
        pyw_logpipe_init(&zygote->output, -1, 0);
    }
}

/* --- looking --- */

bool pyw_zygotes_are_wanted(const struct pyw_group *group)
{
    return group->setup.options.is_preload;
}

static struct pyw_zygote *find(const struct pyw_zygotes *zygotes,
                               enum pyw_zygote_state state)
{
    for (size_t i = 0; i < PYW_ZYGOTES_MAX; i++) {
        if (zygotes->all[i].state == state) {
            return (struct pyw_zygote *)(uintptr_t)&zygotes->all[i];
        }
    }
    return NULL;
}

bool pyw_zygotes_are_gone(const struct pyw_zygotes *zygotes)
{
    return find(zygotes, PYW_ZYGOTE_STARTING) == NULL &&
           find(zygotes, PYW_ZYGOTE_READY) == NULL &&
           find(zygotes, PYW_ZYGOTE_ENDING) == NULL;
}

bool pyw_zygotes_lack(const struct pyw_zygotes *zygotes)
{
    return find(zygotes, PYW_ZYGOTE_STARTING) == NULL &&
           find(zygotes, PYW_ZYGOTE_NONE) != NULL &&
           (zygotes->is_stale || find(zygotes, PYW_ZYGOTE_READY) == NULL);
}

int pyw_zygotes_order_fd(const struct pyw_zygotes *zygotes, bool is_successor)
{
    const struct pyw_zygote *ready = find(zygotes, PYW_ZYGOTE_READY);

    return ready == NULL || (is_successor && zygotes->is_stale) ? -1
                                                                : ready->lifeline_fd;
}

int64_t pyw_zygotes_deadline_ms(const struct pyw_zygotes *zygotes)
{
    int64_t deadline_ms = PYW_CLOCK_NEVER;

    for (size_t i = 0; i < PYW_ZYGOTES_MAX; i++) {
        int64_t own_ms = zygotes->all[i].kill_at_ms;

        deadline_ms = own_ms < deadline_ms ? own_ms : deadline_ms;
    }
    return deadline_ms;
}

/* --- states --- */

static void set_state(struct pyw_zygotes *zygotes, struct pyw_zygote *zygote,
                      enum pyw_zygote_state state, const char *event)
{
    static const char *const names[] = {"none", "starting", "ready", "ending"};

    zygotes->log(zygotes->group->log_context, PYW_LEVEL_DEBUG,
                 "Process %d (preload=On) of group '%s': %s --%s--> %s",
                 (int)zygote->pid, zygotes->group->name, names[zygote->state], event,
                 names[state]);
    zygote->state = state;
}

static void stop(struct pyw_zygotes *zygotes, struct pyw_zygote *zygote,
                 int64_t grace_ms, const char *event)
{
    int64_t kill_at_ms = pyw_clock_now_ms() + grace_ms;

    if (zygote->state == PYW_ZYGOTE_NONE) {
        return;
    }
    if (zygote->state != PYW_ZYGOTE_ENDING || kill_at_ms < zygote->kill_at_ms) {
        zygote->kill_at_ms = kill_at_ms;
    }
    if (zygote->lifeline_fd >= 0) {
        close(zygote->lifeline_fd);
        zygote->lifeline_fd = -1;
    }
    if (zygote->state != PYW_ZYGOTE_ENDING) {
        set_state(zygotes, zygote, PYW_ZYGOTE_ENDING, event);
    }
}

void pyw_zygotes_stop(struct pyw_zygotes *zygotes, int64_t grace_ms)
{
    FOR_EACH(zygotes, zygote)
    {
        stop(zygotes, zygote, grace_ms < GRACE_MS ? grace_ms : GRACE_MS, "stop");
    }
}

void pyw_zygotes_await(struct pyw_zygotes *zygotes, bool is_awaited)
{
    struct pyw_zygote *ready = find(zygotes, PYW_ZYGOTE_READY);

    if (ready == NULL) {
        return;
    }
    if (!is_awaited) {
        ready->kill_at_ms = PYW_CLOCK_NEVER;
    } else if (ready->kill_at_ms == PYW_CLOCK_NEVER) {
        ready->kill_at_ms = pyw_clock_now_ms() + ORDER_MS;
    }
}

void pyw_zygotes_renew(struct pyw_zygotes *zygotes)
{
    struct pyw_zygote *starting = find(zygotes, PYW_ZYGOTE_STARTING);

    zygotes->is_stale = true;
    if (starting != NULL) {
        /* It imports, and looks at nothing else. */
        stop(zygotes, starting, 0, "scripts changed");
    }
}

int pyw_zygotes_start(struct pyw_zygotes *zygotes, bool must_load, const char **step)
{
    int64_t limit_s = zygotes->group->setup.options.startup_timeout_s;
    struct pyw_spawn_plan plan = {
        .must_load = must_load, .is_zygote = true, .notify_fd = zygotes->notify_fd};
    struct pyw_zygote *zygote = find(zygotes, PYW_ZYGOTE_NONE);
    struct pyw_spawned spawned;
    int rv = zygote != NULL ? pyw_spawn_start(zygotes->group, &plan, &spawned, step)
                            : -EBUSY;

    if (rv != 0) {
        return rv;
    }
    zygote->pid = spawned.pid;
    zygote->lifeline_fd = spawned.lifeline_fd;
    zygote->since_ms = pyw_clock_now_ms();
    zygote->kill_at_ms =
        limit_s > 0 ? zygote->since_ms + limit_s * 1000 : PYW_CLOCK_NEVER;
    zygote->is_late = false;
    pyw_logpipe_init(&zygote->output, spawned.log_fd, spawned.pid);
    set_state(zygotes, zygote, PYW_ZYGOTE_STARTING, "spawn");
    return 0;
}

static void become_ready(struct pyw_zygotes *zygotes, struct pyw_zygote *zygote)
{
    FOR_EACH(zygotes, other)
    {
        if (other->state == PYW_ZYGOTE_READY) {
            stop(zygotes, other, GRACE_MS, "replaced");
        }
    }
    zygotes->is_stale = false;
    zygote->since_ms = pyw_clock_now_ms();
    zygote->kill_at_ms = PYW_CLOCK_NEVER;
    set_state(zygotes, zygote, PYW_ZYGOTE_READY, "imported");
}

/* Its end follows; one that only closed the lifeline, and goes on, is of no use. */
static void lose(struct pyw_zygote *zygote)
{
    int64_t kill_at_ms = pyw_clock_now_ms() + GRACE_MS;

    if (zygote->lifeline_fd >= 0) {
        close(zygote->lifeline_fd);
        zygote->lifeline_fd = -1;
    }
    if (kill_at_ms < zygote->kill_at_ms) {
        zygote->kill_at_ms = kill_at_ms;
    }
}

void pyw_zygotes_lose(struct pyw_zygotes *zygotes)
{
    struct pyw_zygote *ready = find(zygotes, PYW_ZYGOTE_READY);

    if (ready != NULL) {
        lose(ready);
    }
}

void pyw_zygote_hear(struct pyw_zygotes *zygotes, struct pyw_zygote *zygote)
{
    int passed = -1;
    int word = pyw_lifeline_hear(zygote->lifeline_fd, &passed);

    if (passed >= 0) {
        close(passed);
    }
    if (word == -EAGAIN) {
        return;
    }
    if ((word == PYW_WORD_LOADED || word == PYW_WORD_NOT_LOADED) &&
        zygote->state == PYW_ZYGOTE_STARTING) {
        become_ready(zygotes, zygote);
    } else if (word <= 0) {
        lose(zygote);
    }
}

/* --- ends --- */

static void log_kill(const struct pyw_zygotes *zygotes, struct pyw_zygote *zygote)
{
    void *where = zygotes->group->log_context;
    const char *name = zygotes->group->name;

    if (zygote->lifeline_fd < 0) {
        return; /* not late but lost: its end is news */
    }
    zygote->is_late = true;
    if (zygote->state == PYW_ZYGOTE_STARTING) {
        PYW_LOG(zygotes->log, where, ZYGOTE_LATE, (int)zygote->pid, name,
                (long long)zygotes->group->setup.options.startup_timeout_s);
    } else if (zygote->state == PYW_ZYGOTE_READY) {
        PYW_LOG(zygotes->log, where, ZYGOTE_STUCK, (int)zygote->pid, name,
                ORDER_MS / 1000);
    }
}

void pyw_zygotes_enforce(struct pyw_zygotes *zygotes, int64_t now_ms)
{
    FOR_EACH(zygotes, zygote)
    {
        if (now_ms < zygote->kill_at_ms) {
            continue;
        }
        zygote->kill_at_ms = PYW_CLOCK_NEVER;
        log_kill(zygotes, zygote);
        (void)kill(zygote->pid, SIGKILL); /* our own child, not reaped yet */
    }
}

static void log_end(struct pyw_zygotes *zygotes, const struct pyw_zygote *zygote,
                    int status, bool is_known)
{
    void *where = zygotes->group->log_context;
    const char *name = zygotes->group->name;
    char text[PYW_PROCESS_SIGNAL_NAME];

    (void)pyw_process_describe_end(status, text);
    if (zygote->state == PYW_ZYGOTE_READY && !zygote->is_late) {
        PYW_LOG(zygotes->log, where, ZYGOTE_LOST, (int)zygote->pid, name, text);
    } else if (zygote->state == PYW_ZYGOTE_STARTING && !zygote->is_late && !is_known) {
        PYW_LOG(zygotes->log, where, ZYGOTE_START, (int)zygote->pid, name, text);
    } else {
        zygotes->log(where, PYW_LEVEL_INFO,
                     "Process %d (preload=On) of group '%s' has ended: %s.",
                     (int)zygote->pid, name, text);
    }
}

enum pyw_zygote_end pyw_zygote_reap(struct pyw_zygotes *zygotes,
                                    struct pyw_zygote *zygote, int status,
                                    bool is_known)
{
    enum pyw_zygote_state before = zygote->state;
    int64_t now_ms = pyw_clock_now_ms();

    log_end(zygotes, zygote, status, is_known);
    stop(zygotes, zygote, GRACE_MS, "ended");
    set_state(zygotes, zygote, PYW_ZYGOTE_NONE, "reaped");
    zygote->kill_at_ms = PYW_CLOCK_NEVER;
    zygote->pid = 0;
    if (before == PYW_ZYGOTE_ENDING) {
        return PYW_ZYGOTE_WAS_TOLD;
    }
    if (before == PYW_ZYGOTE_STARTING) {
        return PYW_ZYGOTE_DID_NOT_LOAD;
    }
    zygotes->quick_ends =
        now_ms - zygote->since_ms < QUICK_END_MS ? zygotes->quick_ends + 1 : 0;
    zygotes->retry_at_ms = zygotes->quick_ends > 0
                               ? now_ms + pyw_clock_backoff_ms(zygotes->quick_ends)
                               : 0;
    return PYW_ZYGOTE_WAS_READY;
}
