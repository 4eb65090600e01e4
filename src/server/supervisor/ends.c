#include "supervisor/ends.h"

#include <limits.h>

#include "base/clock.h"

/* A process that ends by itself sooner than this after its start is backed off. */
#define QUICK_END_MS 1000
/* ... but not for longer than the fourth step, 0.8 s: it served, and a request that
 * crashes it must not keep the group down by being asked again and again. */
#define QUICK_ENDS_MAX 4
/* From that many in a row on, one line is logged for all of so long. */
#define QUICK_ENDS_TOLD 8
#define QUICK_SAID_MS 10000
/* A program serves nobody who waits for it: one that fails may take its time to start
 * again. */
#define PROGRAM_QUICK_END_MS 10000

bool pyw_ends_are_quick(const struct pyw_crew *crew, const struct pyw_process *process)
{
    bool is_program = pyw_setup_is_service(&crew->group->setup);

    return pyw_clock_now_ms() - process->spawned_ms <
           (is_program ? PROGRAM_QUICK_END_MS : QUICK_END_MS);
}

bool pyw_ends_are_old_story(struct pyw_crew *crew, bool is_quick)
{
    int64_t now_ms = pyw_clock_now_ms();

    if (is_quick && crew->quick_ends >= QUICK_ENDS_TOLD &&
        now_ms - crew->quick_said_ms < QUICK_SAID_MS) {
        return true;
    }
    crew->quick_said_ms = now_ms;
    return false;
}

void pyw_ends_note(struct pyw_crew *crew, bool is_quick)
{
    bool is_program = pyw_setup_is_service(&crew->group->setup);
    unsigned most = is_program ? UINT_MAX : QUICK_ENDS_MAX;

    crew->quick_ends = is_quick ? crew->quick_ends + 1 : 0;
    most = crew->quick_ends < most ? crew->quick_ends : most;
    crew->retry_at_ms = most > 0 ? pyw_clock_now_ms() + pyw_clock_backoff_ms(most) : 0;
}
