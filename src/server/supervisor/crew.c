#include "supervisor/crew.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/codes.h"
#include "supervisor/ends.h"
#include "supervisor/load.h"
#include "supervisor/nursery.h"
#include "supervisor/programs.h"
#include "supervisor/turn.h"

/* What a daemon gets on top of shutdown-timeout, to end in good order. */
#define STOP_EXTRA_MS 2000
/* Without shutdown-timeout a server that stops still has to end some day. */
#define STOP_OTHERWISE_MS 5000
/* Without max-unavailable=, one of so many is replaced at a time. */
#define REPLACED_SHARE 4

#define FOR_EACH(crew, process_var)                                                    \
    for (struct pyw_process *process_var = (crew)->processes;                          \
         process_var < (crew)->processes + (crew)->group->slots; process_var++)

int pyw_crew_init(struct pyw_crew *crew, const struct pyw_group *group,
                  pyw_supervisor_log *log, int notify_fd)
{
    memset(crew, 0, sizeof(*crew));
    crew->group = group;
    crew->log = log;
    crew->notify_fd = notify_fd;
    crew->program.turn_fd = -1;
    crew->size.least = (uint32_t)group->setup.options.processes_least;
    crew->size.most = (uint32_t)group->setup.options.processes;
    crew->target = crew->size.least;
    pyw_table_set_asleep(group->table, false); /* whatever a supervisor before said */
    crew->processes = calloc(group->slots, sizeof(*crew->processes));
    if (crew->processes == NULL) {
        return -ENOMEM;
    }
    for (uint32_t slot = 0; slot < group->slots; slot++) {
        pyw_process_init(&crew->processes[slot], group, log, slot);
    }
    pyw_zygotes_init(&crew->zygotes, group, log, notify_fd);
    return 0;
}

void pyw_crew_free(struct pyw_crew *crew)
{
    pyw_turn_give_back(&crew->program.turn_fd);
    free(crew->processes);
    crew->processes = NULL;
}

static bool is_program(const struct pyw_crew *crew)
{
    return pyw_setup_is_service(&crew->group->setup);
}

/* --- counting --- */

static bool is_due(const struct pyw_process *process)
{
    return process->is_due && process->state == PYW_STATE_READY;
}

static bool is_coming(const struct pyw_process *process)
{
    return process->is_successor && process->state == PYW_STATE_STARTING;
}

static bool is_ready(const struct pyw_process *process)
{
    return process->state == PYW_STATE_READY;
}

static uint32_t count(const struct pyw_crew *crew,
                      bool (*is_counted)(const struct pyw_process *))
{
    uint32_t found = 0;

    FOR_EACH(crew, process)
    {
        found += is_counted(process) ? 1 : 0;
    }
    return found;
}

static struct pyw_process *find_empty(const struct pyw_crew *crew)
{
    FOR_EACH(crew, process)
    {
        if (pyw_process_is_empty(process)) {
            return process;
        }
    }
    return NULL;
}

/* --- back-off --- */

static int64_t backed_off_ms(unsigned times)
{
    return times > 0 ? pyw_clock_now_ms() + pyw_clock_backoff_ms(times) : 0;
}

static void set_failures(struct pyw_crew *crew, unsigned failures)
{
    crew->failures = failures;
    crew->retry_at_ms = backed_off_ms(failures);
    pyw_table_set_failures(crew->group->table, failures);
}

/* --- rolls --- */

static void set_roll(struct pyw_crew *crew, enum pyw_roll_state state)
{
    int64_t now_ms = pyw_clock_now_ms();
    struct pyw_roll *roll = &crew->roll;

    if (state == PYW_ROLL_ON) {
        roll->begun_ms = now_ms;
        roll->replaced = 0;
    }
    roll->state = state;
    roll->ended_ms = now_ms;
}

static void mark_all(struct pyw_crew *crew)
{
    FOR_EACH(crew, process)
    {
        process->is_due |= pyw_process_is_wanted(process);
    }
    crew->replace_failures = 0;
    crew->replace_at_ms = 0;
    crew->counted_ms = 0;
    pyw_echo_forget(&crew->said); /* if they fail again, why is news */
    pyw_zygotes_renew(&crew->zygotes);
    set_roll(crew, PYW_ROLL_ON);
}

void pyw_crew_roll(struct pyw_crew *crew)
{
    crew->log(crew->group->log_context, PYW_LEVEL_INFO,
              "The processes of group '%s' are replaced, as was asked for.",
              crew->group->name);
    mark_all(crew);
    crew->retry_at_ms = 0; /* whatever kept one from starting may be mended */
}

/* No process is left that was there when the roll began, and others are. */
void pyw_crew_end_roll(struct pyw_crew *crew)
{
    if (crew->roll.state != PYW_ROLL_ON && crew->roll.state != PYW_ROLL_FAILED) {
        return;
    }
    FOR_EACH(crew, process)
    {
        if (process->is_due && pyw_process_is_wanted(process)) {
            return;
        }
    }
    if (count(crew, is_ready) < crew->target) {
        return;
    }
    set_roll(crew, PYW_ROLL_DONE);
    PYW_LOG(crew->log, crew->group->log_context, ROLL_DONE, crew->group->name,
            crew->roll.replaced,
            (double)(crew->roll.ended_ms - crew->roll.begun_ms) / 1000);
}

/* --- size --- */

static void set_target(struct pyw_crew *crew, uint32_t target)
{
    if (target != crew->target) {
        crew->log(crew->group->log_context, PYW_LEVEL_INFO,
                  "Process group '%s' is to have %u process%s instead of %u.",
                  crew->group->name, target, target == 1 ? "" : "es", crew->target);
        crew->target = target;
        pyw_table_set_size(crew->group->table, target,
                           (uint32_t)crew->group->setup.options.threads);
        pyw_table_set_asleep(crew->group->table, target == 0);
    }
}

/* One has ended for inactivity-timeout=: the group does with one fewer, with none at
 * last, until requests need more. */
static void doze(struct pyw_crew *crew)
{
    if (crew->target > 0) {
        set_target(crew, crew->target - 1);
    }
}

/* --- what processes say --- */

/* What has failed so far is tried again soon: but for the shortest wait, as processes
 * may wish without end. */
static void begin_anew(struct pyw_crew *crew)
{
    crew->replace_at_ms = crew->replace_failures > 0 ? backed_off_ms(1) : 0;
    crew->replace_failures = 0;
}

/* One that is due already, and wishes for the first time, has seen what made it due;
 * again, that the script has changed once more. */
static void heed_wish(struct pyw_crew *crew, struct pyw_process *process)
{
    enum pyw_wish wish = PYW_WISH_NONE;
    uint32_t wishes = pyw_table_wishes(crew->group->table, process->slot, &wish);
    bool is_first = process->wishes == 0;

    if (wishes == process->wishes || !pyw_process_is_wanted(process)) {
        return;
    }
    process->wishes = wishes;
    if (process->is_due) {
        if (!is_first) {
            begin_anew(crew);
        }
        return;
    }
    begin_anew(crew);
    if (wish == PYW_WISH_REPLACE_ALL) {
        crew->log(crew->group->log_context, PYW_LEVEL_INFO,
                  "A script of process group '%s' has changed: its processes are "
                  "replaced.",
                  crew->group->name);
        mark_all(crew);
    }
    process->is_due = true;
}

/* It has become ready. */
static void welcome(struct pyw_crew *crew, const struct pyw_process *process)
{
    pyw_echo_forget(&crew->said);
    crew->replace_failures = process->is_successor ? 0 : crew->replace_failures;
    if (crew->failures > 0) {
        set_failures(crew, 0);
    }
}

void pyw_crew_follow(struct pyw_crew *crew)
{
    FOR_EACH(crew, process)
    {
        switch (pyw_process_follow_report(process)) {
        case PYW_REPORT_READY:
            welcome(crew, process);
            break;
        case PYW_REPORT_IDLE:
            doze(crew);
            break;
        default:
            break;
        }
        if (!pyw_process_is_empty(process)) {
            heed_wish(crew, process);
        }
    }
}

/* --- starting and draining --- */

uint32_t pyw_crew_count_predecessors(const struct pyw_crew *crew)
{
    uint32_t ready = count(crew, is_ready);

    if (ready == 0 && crew->group->before != NULL) {
        ready = pyw_table_count(crew->group->before->table, PYW_STATE_READY);
    }
    return ready;
}

void pyw_crew_note_unspawned(struct pyw_crew *crew, uint32_t slot, const char *step,
                             int rv)
{
    set_failures(crew, crew->failures + 1);
    PYW_LOG(crew->log, crew->group->log_context, SPAWN_FAILED, slot, crew->group->name,
            step, strerror(-rv), pyw_clock_backoff_ms(crew->failures));
}

/* @return false: not now. */
bool pyw_crew_start_one(struct pyw_crew *crew, bool is_successor)
{
    struct pyw_process *process = find_empty(crew);
    const char *step = "";
    int rv;

    if (process == NULL) {
        return false; /* every spare slot still drains: the next to end makes room */
    }
    process->turn_fd = crew->program.turn_fd;
    if (!pyw_nursery_may_start(crew, is_successor)) {
        return false;
    }
    rv = pyw_nursery_start(crew, process, is_successor, &step);
    if (rv == -EPIPE) {
        return false; /* a zygote that is gone: the next one will */
    }
    if (rv != 0) {
        pyw_crew_note_unspawned(crew, process->slot, step, rv);
    }
    return rv == 0;
}

/* No successor starts before. */
static int64_t successors_from_ms(const struct pyw_crew *crew)
{
    return crew->replace_at_ms > crew->retry_at_ms ? crew->replace_at_ms
                                                   : crew->retry_at_ms;
}

/* Whether what is missing has to load what those have loaded that serve: one that
 * fails, and answers 500 quickly, would get most of the requests. A zygote of this
 * configuration has loaded it already. */
static bool fills_with_successors(const struct pyw_crew *crew)
{
    return pyw_crew_count_predecessors(crew) > 0 &&
           (count(crew, is_ready) == 0 || !pyw_zygotes_are_wanted(crew->group));
}

static int64_t fill_from_ms(const struct pyw_crew *crew)
{
    return fills_with_successors(crew) ? successors_from_ms(crew) : crew->retry_at_ms;
}

/* Starts what is missing, unless the last start failed a moment ago. */
static void fill(struct pyw_crew *crew)
{
    uint32_t wanted = count(crew, pyw_process_is_wanted) - count(crew, is_coming);
    uint32_t lost = crew->target > wanted ? crew->target - wanted : 0;
    uint32_t coming = count(crew, is_coming);

    /* A successor whose predecessor is gone takes the place of one that is missing. */
    while (lost > coming && pyw_clock_now_ms() >= fill_from_ms(crew)) {
        if (!pyw_crew_start_one(crew, fills_with_successors(crew))) {
            return;
        }
        lost--;
    }
}

uint32_t pyw_crew_most_at_once(const struct pyw_crew *crew)
{
    int64_t given = crew->group->setup.options.max_unavailable;
    uint32_t share = (crew->target + REPLACED_SHARE - 1) / REPLACED_SHARE;

    if (given > 0) {
        return (uint32_t)given;
    }
    return share > 0 ? share : 1;
}

/* How many successors are to be started now or, after one that failed, later. */
static uint32_t count_missing_successors(const struct pyw_crew *crew)
{
    uint32_t due = count(crew, is_due);
    uint32_t most = pyw_crew_most_at_once(crew);
    uint32_t coming = count(crew, is_coming);

    due = due < most ? due : most;
    return due > coming ? due - coming : 0;
}

/* Successors for those that are due. */
static void replace(struct pyw_crew *crew)
{
    uint32_t missing = count_missing_successors(crew);

    while (missing-- > 0 && pyw_clock_now_ms() >= successors_from_ms(crew)) {
        if (!pyw_crew_start_one(crew, true)) {
            return;
        }
    }
}

/* Due ones first, then the oldest. */
static bool is_before(const struct pyw_process *a, const struct pyw_process *b)
{
    if (a->is_due != b->is_due) {
        return a->is_due;
    }
    return a->spawned_ms < b->spawned_ms;
}

static struct pyw_process *find_dispensable(const struct pyw_crew *crew)
{
    struct pyw_process *found = NULL;

    FOR_EACH(crew, process)
    {
        if (is_ready(process) && (found == NULL || is_before(process, found))) {
            found = process;
        }
    }
    return found;
}

/* More are ready than the group is to have: successors are there. */
void pyw_crew_thin_out(struct pyw_crew *crew)
{
    for (uint32_t ready = count(crew, is_ready); ready > crew->target; ready--) {
        struct pyw_process *process = find_dispensable(crew);

        crew->roll.replaced += process->is_due ? 1 : 0;
        pyw_process_drain(process);
    }
}

/* --- adapting --- */

/* A request has found a group that sleeps. */
static void wake_up(struct pyw_crew *crew)
{
    if (!crew->is_dismissed && pyw_table_is_called(crew->group->table)) {
        set_target(crew, crew->size.least);
    }
}

/* Its size is not what it is for good. */
static bool is_adapting(const struct pyw_crew *crew)
{
    return crew->target > 0 && !crew->is_dismissed &&
           (crew->size.least != crew->size.most || crew->target < crew->size.least);
}

static void adapt(struct pyw_crew *crew)
{
    int64_t now_ms = pyw_clock_now_ms();
    struct pyw_load load;

    if (!is_adapting(crew) || now_ms < crew->sample_at_ms) {
        return;
    }
    crew->sample_at_ms = now_ms + PYW_SIZE_SAMPLE_MS;
    load = pyw_load_take(crew->group->table, crew->processes,
                         crew->sampled_ms > 0 ? now_ms - crew->sampled_ms : 0);
    crew->sampled_ms = now_ms;
    set_target(crew, pyw_size_next(&crew->size, &load, crew->target));
}

int pyw_crew_scale(struct pyw_crew *crew, uint32_t least, uint32_t most)
{
    if (least == 0 || least > most ||
        most > (uint32_t)crew->group->setup.options.processes) {
        return -ERANGE;
    }
    crew->size = (struct pyw_size){.least = least, .most = most};
    set_target(crew, crew->target < least  ? least
                     : crew->target > most ? most
                                           : crew->target);
    return 0;
}

void pyw_crew_tend(struct pyw_crew *crew)
{
    if (is_program(crew)) {
        pyw_programs_tend(crew);
        return;
    }
    wake_up(crew);
    adapt(crew);
    pyw_nursery_tend(crew);
    pyw_crew_thin_out(crew);
    fill(crew);
    replace(crew);
    pyw_crew_end_roll(crew);
}

int64_t pyw_crew_deadline_ms(const struct pyw_crew *crew)
{
    int64_t deadline = pyw_nursery_deadline_ms(crew);

    if (is_program(crew)) {
        deadline = pyw_programs_deadline_ms(crew);
    } else if (find_empty(crew) != NULL) { /* else the next to end makes room */
        if (fill_from_ms(crew) < deadline &&
            pyw_nursery_may_start(crew, fills_with_successors(crew)) &&
            count(crew, pyw_process_is_wanted) < crew->target) {
            deadline = fill_from_ms(crew);
        }
        if (successors_from_ms(crew) < deadline && pyw_nursery_may_start(crew, true) &&
            count_missing_successors(crew) > 0) {
            deadline = successors_from_ms(crew);
        }
    }
    if (is_adapting(crew) && crew->sample_at_ms < deadline) {
        deadline = crew->sample_at_ms;
    }
    FOR_EACH(crew, process)
    {
        deadline = process->kill_at_ms < deadline ? process->kill_at_ms : deadline;
    }
    return deadline;
}

/* --- ends --- */

static void note_failed_successor(struct pyw_crew *crew)
{
    crew->replace_failures++;
    crew->replace_at_ms = backed_off_ms(crew->replace_failures);
    if (crew->roll.state == PYW_ROLL_ON) {
        set_roll(crew, PYW_ROLL_FAILED);
    }
    if (crew->replace_failures == 1) {
        PYW_LOG(crew->log, crew->group->log_context, SUCCESSOR_FAILED,
                crew->group->name, pyw_crew_count_predecessors(crew));
    }
}

void pyw_crew_keep_failure(struct pyw_crew *crew, pid_t pid, int status)
{
    crew->failed = (struct pyw_kept_ending){{(int32_t)pid, status}, pyw_clock_now_ms()};
    crew->failed_tail = crew->starting_tail;
    if (crew->failed_tail.pid != (int32_t)pid) {
        crew->failed_tail.len = 0; /* it said nothing, or another has spoken since */
    }
}

void pyw_crew_note_failed_start(struct pyw_crew *crew, int64_t started_ms,
                                bool is_successor)
{
    if (started_ms <= crew->counted_ms) {
        return; /* tried together with one that has been counted */
    }
    crew->counted_ms = pyw_clock_now_ms();
    if (is_successor && pyw_crew_count_predecessors(crew) > 0) {
        note_failed_successor(crew);
    } else {
        set_failures(crew, crew->failures + 1);
        if (is_program(crew) && crew->roll.state == PYW_ROLL_ON) {
            set_roll(crew, PYW_ROLL_FAILED);
        }
    }
}

void pyw_crew_reap(struct pyw_crew *crew, struct pyw_process *process, int status)
{
    struct pyw_kept_ending ending = {{process->pid, status}, pyw_clock_now_ms()};
    bool is_news = !process->is_told;
    bool is_quick = pyw_ends_are_quick(crew, process);
    bool is_known = process->state == PYW_STATE_STARTING
                        ? crew->failures > 0 || crew->replace_failures > 0
                        : is_news && pyw_ends_are_old_story(crew, is_quick);

    if (pyw_process_reap(process, status, is_known)) {
        pyw_crew_keep_failure(crew, ending.ending.pid, status);
        pyw_crew_note_failed_start(crew, process->spawned_ms, process->is_successor);
    } else if (is_news) {
        crew->last = ending;
        pyw_ends_note(crew, is_quick);
    }
}

void pyw_crew_dismiss(struct pyw_crew *crew)
{
    crew->is_dismissed = true;
    crew->target = 0;
}

void pyw_crew_stop(struct pyw_crew *crew, int64_t grace_ms)
{
    FOR_EACH(crew, process)
    {
        pyw_process_stop(process, grace_ms);
    }
    pyw_zygotes_stop(&crew->zygotes, grace_ms);
    pyw_turn_give_back(&crew->program.turn_fd);
}

/* --- orders --- */

int64_t pyw_crew_grace_ms(const struct pyw_crew *crew)
{
    int64_t seconds = crew->group->setup.options.shutdown_timeout_s;

    return STOP_EXTRA_MS + (seconds > 0 ? seconds * 1000 : STOP_OTHERWISE_MS);
}

void pyw_crew_restart(struct pyw_crew *crew)
{
    set_roll(crew, PYW_ROLL_ON);
    pyw_zygotes_stop(&crew->zygotes,
                     pyw_crew_grace_ms(crew)); /* imported is imported */
    FOR_EACH(crew, process)
    {
        if (pyw_process_is_wanted(process)) {
            crew->roll.replaced++;
            pyw_process_stop(process, pyw_crew_grace_ms(crew));
        }
    }
    crew->retry_at_ms = 0;
    crew->replace_at_ms = 0;
}
