#include "host/pulse.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/thread.h"
#include "host/journal.h"
#include "python/interrupt.h"
#include "python/program.h"
#include "python/runtime.h"

#define BEAT_MS 1000

static void *run(void *argument)
{
    struct pyw_host *host = argument;
    bool beats = host->setup->options.deadlock_timeout_s > 0;
    struct pollfd poked = {.fd = host->pulse_fd, .events = POLLIN};
    uint64_t pokes;

    for (;;) {
        if (poll(&poked, 1, beats ? BEAT_MS : -1) > 0) {
            (void)!read(host->pulse_fd, &pokes, sizeof(pokes));
            pyw_interrupt_deliver();
            if (host->setup->options.threads == 0 &&
                pyw_host_phase(host) >= PYW_PHASE_DRAINING) {
                pyw_program_interrupt();
            }
        }
        if (beats) {
            pyw_runtime_touch();
            atomic_store(&host->pulse_ms, pyw_clock_now_ms());
        }
    }
    return NULL;
}

void pyw_pulse_start(struct pyw_host *host)
{
    const struct pyw_options *options = &host->setup->options;
    int rv;

    if (options->deadlock_timeout_s == 0 && options->interrupt_timeout_s == 0 &&
        !pyw_setup_is_service(host->setup)) {
        return;
    }
    if (options->deadlock_timeout_s > 0) {
        atomic_store(&host->pulse_ms, pyw_clock_now_ms());
    }
    rv = pyw_thread_start(run, host);
    if (rv != 0) {
        atomic_store(&host->pulse_ms, 0);
        PYW_LOG(pyw_journal_line, NULL, HELPER_THREAD, (int)getpid(),
                host->setup->group, strerror(-rv));
    }
}

void pyw_pulse_poke(const struct pyw_host *host)
{
    static const uint64_t one = 1;

    /* Fails only when 2^64 pokes are pending, and then the thread is awake. */
    (void)!write(host->pulse_fd, &one, sizeof(one));
}
