#include "supervisor/programs.h"

#include "base/clock.h"
#include "supervisor/crew.h"
#include "supervisor/turn.h"

/* Programs of an earlier generation are still there: looked at this often. */
#define TURN_LOOK_MS 50

#define FOR_EACH(crew, process_var)                                                    \
    for (struct pyw_process *process_var = (crew)->processes;                          \
         process_var < (crew)->processes + (crew)->group->slots; process_var++)

static uint32_t count_ready(const struct pyw_crew *crew)
{
    uint32_t found = 0;

    FOR_EACH(crew, process)
    {
        found += process->state == PYW_STATE_READY ? 1 : 0;
    }
    return found;
}

/* Also those that are about to end. */
static uint32_t count_all(const struct pyw_crew *crew)
{
    uint32_t found = 0;

    FOR_EACH(crew, process)
    {
        found += pyw_process_is_empty(process) ? 0 : 1;
    }
    return found;
}

/* Whether those of an earlier generation have gone. */
static bool has_turn(struct pyw_crew *crew)
{
    const struct pyw_group *group = crew->group;
    int rv = pyw_turn_take(group->turn_file, group->name, &crew->program.turn_fd);

    if (rv != 0) {
        crew->retry_at_ms = pyw_clock_now_ms() + TURN_LOOK_MS;
    }
    return rv == 0;
}

static void end_due(struct pyw_crew *crew)
{
    uint32_t ready = count_ready(crew);
    uint32_t away = crew->target > ready ? crew->target - ready : 0;

    FOR_EACH(crew, process)
    {
        if (process->is_due && process->state == PYW_STATE_READY &&
            away < pyw_crew_most_at_once(crew)) {
            crew->roll.replaced++;
            pyw_process_drain(process);
            away++;
        }
    }
}

void pyw_programs_tend(struct pyw_crew *crew)
{
    uint32_t there;

    if (crew->program.is_retired) {
        return;
    }
    pyw_crew_thin_out(crew);
    end_due(crew);
    there = count_all(crew);
    while (there < crew->target && pyw_clock_now_ms() >= crew->retry_at_ms &&
           has_turn(crew) && pyw_crew_start_one(crew, false)) {
        there++;
    }
    if (count_ready(crew) == crew->target) {
        pyw_crew_end_roll(crew);
    }
}

int64_t pyw_programs_deadline_ms(const struct pyw_crew *crew)
{
    bool is_missing = !crew->program.is_retired && count_all(crew) < crew->target;

    return is_missing && crew->retry_at_ms > 0 ? crew->retry_at_ms : PYW_CLOCK_NEVER;
}

void pyw_programs_retire(struct pyw_crew *crew)
{
    if (pyw_setup_is_service(&crew->group->setup)) {
        crew->program.is_retired = true;
        pyw_crew_stop(crew, pyw_crew_grace_ms(crew));
    }
}
