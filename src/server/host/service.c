#include "host/service.h"

#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include "base/clock.h"
#include "host/dispatch.h"
#include "host/dump.h"
#include "host/handover.h"
#include "host/journal.h"
#include "host/pulse.h"
#include "python/handlers.h"
#include "python/program.h"
#include "python/runtime.h"
#include "python/schedule.h"

/* The process that starts a job has this much longer than the job, to say what became
 * of it. */
#define REPORT_MS 1000

/* The thread that runs the program. Written before the process counts as ready, which
 * is before anybody tells it to end. */
static pthread_t main_thread;

int pyw_service_prepare(struct pyw_host *host)
{
    main_thread = pthread_self();
    if (!pyw_setup_is_scheduled(host->setup)) {
        return 0;
    }
    return pyw_schedule_prepare(host->setup) == 0 ? 0 : 1;
}

int pyw_service_run(struct pyw_host *host)
{
    char outcome[PYW_PROGRAM_OUTCOME_MAX];
    int status;

    /* A program that fails at once is no process that did not start. */
    while (pyw_host_phase(host) == PYW_PHASE_STARTING) {
        (void)sem_wait(&host->end);
    }
    status = pyw_setup_is_scheduled(host->setup)
                 ? pyw_schedule_run()
                 : pyw_program_run(host->setup, outcome);
    /* The program may know before the monitor does. */
    if (pyw_handlers_has_ended() || pyw_host_phase(host) >= PYW_PHASE_DRAINING) {
        pyw_dispatch_finish(host);
    }
    pyw_runtime_stop();
    return status;
}

void pyw_service_tell(struct pyw_host *host)
{
    /* Twice would be an exception in the midst of `finally`. */
    if (!pyw_handlers_has_ended()) {
        atomic_store(&host->tells_end, true);
        (void)pthread_kill(main_thread, SIGTERM); /* it lives as long as the process */
    }
    pyw_pulse_poke(host); /* for a program in another interpreter */
}

int64_t pyw_service_grace_ms(const struct pyw_host *host)
{
    int64_t grace_ms = pyw_handover_shutdown_ms(host);

    return grace_ms != PYW_CLOCK_NEVER && pyw_setup_is_scheduled(host->setup)
               ? grace_ms + REPORT_MS
               : grace_ms;
}

void pyw_service_give_up(struct pyw_host *host)
{
    PYW_LOG(pyw_journal_line, NULL, PROGRAM_HANGS, (int)getpid(), host->setup->group,
            (int)host->setup->options.shutdown_timeout_s);
    pyw_dump_log(host);
    _exit(0);
}
