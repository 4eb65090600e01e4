#include "host/host.h"

#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/frame.h"
#include "host/gate.h"
#include "host/journal.h"
#include "host/poller.h"
#include "host/queue.h"
#include "python/pyw_gil.h"

static const char *const phase_names[] = {
    [PYW_PHASE_STARTING] = "starting", [PYW_PHASE_SERVING] = "serving",
    [PYW_PHASE_DRAINING] = "draining", [PYW_PHASE_ENDING] = "ending",
    [PYW_PHASE_STOPPING] = "stopping",
};

int pyw_host_init(struct pyw_host *host, const struct pyw_setup *setup,
                  struct pyw_table *table)
{
    int rv;

    memset(host, 0, sizeof(*host));
    host->setup = setup;
    host->table = table;
    host->notify_fd = PYW_NOTIFY_FD;
    host->listener_fd = PYW_LISTENER_FD;
    host->lifeline_fd = PYW_LIFELINE_FD;
    host->begun_ms = pyw_clock_now_ms();
    host->served_before = pyw_table_served(table, setup->slot);
    pyw_limits_draw(&host->limits, &setup->options);
    host->stuck_until_ms = PYW_CLOCK_NEVER;
    host->all_stuck_until_ms = PYW_CLOCK_NEVER;
    host->deadlock_until_ms = PYW_CLOCK_NEVER;
    host->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    host->pulse_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (host->wake_fd < 0 || host->pulse_fd < 0) {
        return -errno;
    }
    if (sem_init(&host->end, 0, 0) != 0 ||
        sem_init(&host->dispatch.something, 0, 0) != 0 ||
        sem_init(&host->dispatch.done, 0, 0) != 0) {
        return -errno;
    }
    rv = pyw_poller_open(&host->poller);
    if (rv == 0) {
        /* Before Python is there that could be asked for its lanes. */
        rv = pyw_gate_init(
            &host->gate,
            pyw_gil_is_known_as_own() ? (uint32_t)setup->options.interpreters : 1,
            (uint32_t)setup->options.threads);
    }
    if (rv != 0) {
        pyw_poller_free(host->poller);
        host->poller = NULL;
        close(host->wake_fd);
        close(host->pulse_fd);
    }
    return rv;
}

void pyw_host_free(struct pyw_host *host)
{
    pyw_queue_free(host->queue);
    host->queue = NULL;
    pyw_gate_free(host->gate);
    host->gate = NULL;
    pyw_poller_free(host->poller);
    host->poller = NULL;
    close(host->wake_fd);
    close(host->pulse_fd);
    sem_destroy(&host->end);
    sem_destroy(&host->dispatch.something);
    sem_destroy(&host->dispatch.done);
}

void pyw_host_wake(const struct pyw_host *host)
{
    static const uint64_t one = 1;
    int saved = errno;

    /* Fails only when 2^64 wakes are pending, and then the monitor is awake. */
    while (write(host->wake_fd, &one, sizeof(one)) < 0 && errno == EINTR) {
    }
    errno = saved;
}

static void notify(const struct pyw_host *host)
{
    /* A full pipe means that the supervisor will look anyway. */
    while (write(host->notify_fd, "r", 1) < 0 && errno == EINTR) {
    }
}

void pyw_host_report(const struct pyw_host *host, enum pyw_report report)
{
    pyw_table_report(host->table, host->setup->slot, host->setup->generation, report);
    notify(host);
}

enum pyw_phase pyw_host_phase(const struct pyw_host *host)
{
    return (enum pyw_phase)atomic_load(&host->phase);
}

const char *pyw_host_phase_name(enum pyw_phase phase)
{
    return phase_names[phase];
}

void pyw_host_enter(struct pyw_host *host, enum pyw_phase phase, const char *event)
{
    enum pyw_phase old = pyw_host_phase(host);

    if (phase <= old) {
        return;
    }
    pyw_journal_line(NULL, PYW_LEVEL_DEBUG, "Process %d of group '%s': %s --%s--> %s",
                     (int)getpid(), host->setup->group, phase_names[old], event,
                     phase_names[phase]);
    atomic_store(&host->phase, (uint32_t)phase);
    if (phase == PYW_PHASE_SERVING) {
        pyw_host_report(host, PYW_REPORT_READY);
    } else if (phase == PYW_PHASE_DRAINING || phase == PYW_PHASE_ENDING) {
        bool is_idle = (atomic_load(&host->asked) & PYW_REASON_INACTIVE) != 0;

        pyw_host_report(host, is_idle ? PYW_REPORT_IDLE : PYW_REPORT_DRAINING);
    }
}

void pyw_host_ask_handover(struct pyw_host *host, enum pyw_reason reason)
{
    if ((atomic_fetch_or(&host->asked, (uint32_t)reason) & (uint32_t)reason) == 0) {
        pyw_host_wake(host);
    }
}

void pyw_host_wish(struct pyw_host *host, enum pyw_reason reason)
{
    uint32_t none = 0;

    (void)atomic_compare_exchange_strong(&host->wished, &none, (uint32_t)reason);
    pyw_table_wish(host->table, host->setup->slot,
                   reason == PYW_REASON_SCRIPT ? PYW_WISH_REPLACE_ALL
                                               : PYW_WISH_REPLACE);
    notify(host);
}

bool pyw_host_may_begin(const struct pyw_host *host)
{
    return pyw_host_phase(host) < PYW_PHASE_DRAINING;
}

void pyw_host_note_activity(struct pyw_host *host, uint16_t flags)
{
    if (host->setup->options.inactivity_timeout_s > 0 &&
        (flags & PYW_REQUEST_IGNORE) == 0) {
        atomic_store(&host->activity_ms, pyw_clock_now_ms());
    }
}
