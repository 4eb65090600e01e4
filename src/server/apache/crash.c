#include "apache/crash.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "apache/log.h"
#include "base/clock.h"

#define WAIT_FOR_ENDING_MS 1000

static bool find_ending(const struct pyw_group *group, int32_t pid,
                        struct pyw_ending *ending)
{
    int64_t deadline_ms = pyw_clock_now_ms() + WAIT_FOR_ENDING_MS;

    for (;;) {
        uint32_t seen = pyw_table_seen(group->table);
        int left;

        if (pyw_table_find_ending(group->table, pid, ending)) {
            return true;
        }
        left = pyw_clock_until(deadline_ms);
        if (left == 0) {
            return false;
        }
        pyw_table_wait(group->table, seen, left);
    }
}

void pyw_crash_report(request_rec *r, const struct pyw_group *group,
                      const struct pyw_choice *process)
{
    struct pyw_ending ending;
    char how[64];

    if (!find_ending(group, process->pid, &ending)) {
        PYW_LOG(pyw_log_request, r, CHANNEL_LOST, process->pid, group->name, r->method,
                r->uri);
        return;
    }
    if (WIFSIGNALED(ending.status)) {
        const char *name = sigabbrev_np(WTERMSIG(ending.status));

        snprintf(how, sizeof(how), "%s%s", name != NULL ? "SIG" : "a signal",
                 name != NULL ? name : "");
    } else {
        snprintf(how, sizeof(how), "exit with status %d", WEXITSTATUS(ending.status));
    }
    PYW_LOG(pyw_log_request, r, PROCESS_LOST, process->pid, group->name, how, r->method,
            r->uri);
}
