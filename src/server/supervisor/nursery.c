#include "supervisor/nursery.h"

#include <errno.h>

#include "base/clock.h"

bool pyw_nursery_may_start(const struct pyw_crew *crew, bool is_successor)
{
    return !pyw_zygotes_are_wanted(crew->group) ||
           pyw_zygotes_order_fd(&crew->zygotes, is_successor) >= 0;
}

int pyw_nursery_start(struct pyw_crew *crew, struct pyw_process *process,
                      bool is_successor, const char **step)
{
    int zygote_fd = pyw_zygotes_order_fd(&crew->zygotes, is_successor);
    int rv;

    if (!pyw_zygotes_are_wanted(crew->group)) {
        return pyw_process_spawn(process, crew->notify_fd, is_successor, step);
    }
    rv = pyw_process_order(process, zygote_fd, is_successor, step);
    if (rv == -EPIPE) {
        pyw_zygotes_lose(&crew->zygotes); /* or this would be tried over and over */
    }
    if (rv == 0) {
        process->is_due = crew->zygotes.is_stale; /* it gets what there was before */
    }
    return rv;
}

/* Whether a zygote is to be started, once its time has come. */
static bool lacks_zygote(const struct pyw_crew *crew)
{
    return pyw_zygotes_are_wanted(crew->group) && crew->target > 0 &&
           pyw_zygotes_lack(&crew->zygotes);
}

static int64_t later(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* No zygote is started before; 0: at once. */
static int64_t zygote_from_ms(const struct pyw_crew *crew)
{
    int64_t own_ms = later(crew->retry_at_ms, crew->zygotes.retry_at_ms);

    return pyw_crew_count_predecessors(crew) > 0 ? later(own_ms, crew->replace_at_ms)
                                                 : own_ms;
}

static bool awaits_process(const struct pyw_crew *crew)
{
    for (uint32_t slot = 0; slot < crew->group->slots; slot++) {
        if (crew->processes[slot].is_awaited) {
            return true;
        }
    }
    return false;
}

void pyw_nursery_tend(struct pyw_crew *crew)
{
    bool must_load = pyw_crew_count_predecessors(crew) > 0;
    const char *step = "";
    int rv;

    pyw_zygotes_await(&crew->zygotes, awaits_process(crew));
    if (crew->target == 0) {
        pyw_zygotes_stop(&crew->zygotes, PYW_CLOCK_NEVER);
    }
    if (!lacks_zygote(crew) || pyw_clock_now_ms() < zygote_from_ms(crew)) {
        return;
    }
    rv = pyw_zygotes_start(&crew->zygotes, must_load, &step);
    if (rv != 0) {
        pyw_crew_note_unspawned(crew, 0, step, rv);
    }
}

int64_t pyw_nursery_deadline_ms(const struct pyw_crew *crew)
{
    int64_t deadline = pyw_zygotes_deadline_ms(&crew->zygotes);
    int64_t start_ms = lacks_zygote(crew) ? zygote_from_ms(crew) : PYW_CLOCK_NEVER;

    return start_ms < deadline ? start_ms : deadline;
}

void pyw_nursery_reap(struct pyw_crew *crew, struct pyw_zygote *zygote, int status)
{
    bool is_known = crew->failures > 0 || crew->replace_failures > 0;
    int64_t started_ms = zygote->since_ms;
    pid_t pid = zygote->pid;

    if (pyw_zygote_reap(&crew->zygotes, zygote, status, is_known) ==
        PYW_ZYGOTE_DID_NOT_LOAD) {
        pyw_crew_keep_failure(crew, pid, status);
        pyw_crew_note_failed_start(crew, started_ms, true);
    }
}
