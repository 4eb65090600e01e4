#include "supervisor/herald.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/codes.h"

#define AGAIN_MS 1000

void pyw_herald_init(struct pyw_herald *herald, const struct pyw_systemd *manager,
                     pyw_supervisor_log *log)
{
    memset(herald, 0, sizeof(*herald));
    herald->log = log;
    if (manager != NULL && pyw_systemd_is_there(manager)) {
        herald->manager = manager;
    }
}

static uint32_t count_ready(const struct pyw_crew *crew)
{
    uint32_t count = 0;

    for (uint32_t slot = 0; slot < crew->group->slots; slot++) {
        count += crew->processes[slot].state == PYW_STATE_READY ? 1 : 0;
    }
    return count;
}

/* Nothing is gained by waiting longer for this group. */
static bool is_settled(const struct pyw_crew *crew)
{
    return crew->target == 0 || crew->failures > 0 || crew->quick_ends > 0 ||
           count_ready(crew) > 0;
}

/* "Processes ready: web 2 of 2, api 0 of 1 (does not start, see the error log)." */
static void describe(const struct pyw_crew *crews, size_t count, char *text,
                     size_t size)
{
    size_t len = (size_t)snprintf(text, size, "Processes ready:");

    for (size_t i = 0; i < count && len < size; i++) {
        const struct pyw_crew *crew = &crews[i];
        int added =
            snprintf(text + len, size - len, "%s %s %u of %u%s", i > 0 ? "," : "",
                     crew->group->name, count_ready(crew), crew->target,
                     crew->failures > 0 ? " (does not start, see the error log)" : "");

        len += added > 0 ? (size_t)added : 0;
    }
}

static bool are_settled(const struct pyw_crew *crews, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (!is_settled(&crews[i])) {
            return false;
        }
    }
    return true;
}

static void note_failure(struct pyw_herald *herald, int error)
{
    herald->again_ms = pyw_clock_now_ms() + AGAIN_MS;
    if (!herald->is_failure_known) {
        herald->is_failure_known = true;
        PYW_LOG(herald->log, NULL, NOTIFY_FAILED, herald->manager->address,
                strerror(error));
    }
}

static void say_ready(struct pyw_herald *herald)
{
    char main_pid[32] = "";
    int rv;

    if (herald->manager->main_pid != 0) {
        snprintf(main_pid, sizeof(main_pid), "\nMAINPID=%d",
                 (int)herald->manager->main_pid);
    }
    rv = pyw_systemd_say(herald->manager, "READY=1\nSTATUS=%s%s", herald->status,
                         main_pid);
    if (rv == 0) {
        herald->is_ready_said = true;
    } else {
        note_failure(herald, -rv);
    }
}

void pyw_herald_tell(struct pyw_herald *herald, const struct pyw_crew *crews,
                     size_t count)
{
    int64_t now_ms = pyw_clock_now_ms();
    bool are_all_settled;
    char status[PYW_HERALD_STATUS_MAX];

    if (herald->manager == NULL) {
        return;
    }
    describe(crews, count, status, sizeof(status));
    are_all_settled = are_settled(crews, count);
    if (!are_all_settled) {
        herald->again_ms = 0; /* nothing is due before a group has settled */
    }
    if (!herald->is_ready_said && are_all_settled && now_ms >= herald->again_ms) {
        strcpy(herald->status, status); /* of the same size */
        say_ready(herald);
    } else if (strcmp(herald->status, status) != 0) {
        strcpy(herald->status, status);
        /* Only for people: not tried again. */
        (void)pyw_systemd_say(herald->manager, "STATUS=%s", status);
    }
    if (herald->manager->watchdog_ms > 0 && now_ms >= herald->beat_ms) {
        herald->beat_ms = now_ms + herald->manager->watchdog_ms;
        (void)pyw_systemd_say(herald->manager, "WATCHDOG=1"); /* the next is soon */
    }
}

int64_t pyw_herald_deadline_ms(const struct pyw_herald *herald)
{
    int64_t deadline = PYW_CLOCK_NEVER;

    if (herald->manager == NULL) {
        return deadline;
    }
    if (herald->manager->watchdog_ms > 0) {
        deadline = herald->beat_ms;
    }
    if (!herald->is_ready_said && herald->again_ms > 0 && herald->again_ms < deadline) {
        deadline = herald->again_ms;
    }
    return deadline;
}
