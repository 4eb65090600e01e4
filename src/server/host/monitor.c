#include "host/monitor.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/thread.h"
#include "channel/lifeline.h"
#include "channel/socket.h"
#include "host/deadlines.h"
#include "host/dispatch.h"
#include "host/dump.h"
#include "host/gate.h"
#include "host/handover.h"
#include "host/journal.h"
#include "host/poller.h"
#include "host/service.h"
#include "host/timeouts.h"

/* How long workers without a request get to leave. */
#define LEAVE_MS 2000
/* After a failed accept(), mostly for want of descriptors. */
#define ACCEPT_PAUSE_MS 250
#define ACCEPTS_AT_ONCE 64

struct monitor {
    struct pyw_host *host;
    int64_t
        phase_ends_ms; /* when the phase is over whatever is left; PYW_CLOCK_NEVER */
    int64_t accept_after_ms; /* accepting pauses until then */
    uint32_t heeded;         /* of what was asked */
    bool has_lifeline;       /* false once it has ended */
};

/* --- what happens --- */

/* `reason` is what the application is told. */
static void begin_drain(struct monitor *monitor, int64_t now_ms, int64_t grace_ms,
                        const char *event, const char *reason)
{
    struct pyw_host *host = monitor->host;
    int64_t ends_ms = grace_ms == PYW_CLOCK_NEVER ? grace_ms : now_ms + grace_ms;

    if (pyw_host_phase(host) == PYW_PHASE_STARTING) {
        _exit(0); /* nothing runs, and Python may be in the middle of anything */
    }
    if (pyw_host_phase(host) < PYW_PHASE_DRAINING) {
        monitor->phase_ends_ms = ends_ms;
        pyw_host_enter(host, PYW_PHASE_DRAINING, event);
        atomic_store(&host->stop_reason, reason);
        pyw_dispatch_stopping(host);
        if (pyw_setup_is_service(host->setup)) {
            pyw_service_tell(host);
        }
    } else if (pyw_host_phase(host) == PYW_PHASE_DRAINING &&
               ends_ms < monitor->phase_ends_ms) {
        monitor->phase_ends_ms = ends_ms;
    }
}

/* A successor is ready. */
static void make_way(struct monitor *monitor, int64_t now_ms)
{
    struct pyw_host *host = monitor->host;
    uint32_t wished = atomic_load(&host->wished);
    enum pyw_reason reason = wished != 0 ? (enum pyw_reason)wished : PYW_REASON_RELOAD;

    begin_drain(monitor, now_ms, pyw_handover_grace_ms(host, reason),
                pyw_handover_name(reason), pyw_handover_stop_reason(host, reason));
}

static void heed_lifeline(struct monitor *monitor, int64_t now_ms)
{
    int passed = -1;
    int word;

    while ((word = pyw_lifeline_hear(monitor->host->lifeline_fd, &passed)) > 0) {
        if (word == PYW_WORD_STACKS && passed >= 0) {
            pyw_dump_pass(monitor->host, passed);
        } else if (passed >= 0) {
            close(passed);
        }
        if (word == PYW_WORD_DRAIN) {
            make_way(monitor, now_ms);
        }
    }
    if (word != -EAGAIN) {
        monitor->has_lifeline = false;
        begin_drain(monitor, now_ms, pyw_handover_shutdown_ms(monitor->host),
                    "supervisor ended", "shutdown_signal");
    }
}

static void heed_requests(struct monitor *monitor, int64_t now_ms)
{
    struct pyw_host *host = monitor->host;
    uint64_t wakes;

    while (read(host->wake_fd, &wakes, sizeof(wakes)) < 0 && errno == EINTR) {
    }
    if (atomic_load(&host->is_started)) {
        pyw_host_enter(host, PYW_PHASE_SERVING, "ready");
        if (pyw_setup_is_service(host->setup)) {
            (void)sem_post(&host->end); /* the program may begin */
        }
    }
    if (atomic_load(&host->wants_end)) {
        begin_drain(monitor, now_ms, pyw_handover_shutdown_ms(host), "end",
                    "shutdown_signal");
    }
}

static void hand_over(struct monitor *monitor, enum pyw_reason reason, int64_t now_ms)
{
    struct pyw_host *host = monitor->host;

    if (pyw_host_phase(host) < PYW_PHASE_DRAINING) {
        pyw_handover_log(host, reason);
    }
    if (pyw_host_phase(host) == PYW_PHASE_STARTING && reason == PYW_REASON_STARTUP) {
        _exit(1); /* a start that failed: tried again, less and less often */
    }
    if ((reason & PYW_REASONS_WISHING) != 0) {
        pyw_host_wish(host, reason);
        return;
    }
    begin_drain(monitor, now_ms, pyw_handover_grace_ms(host, reason),
                pyw_handover_name(reason), pyw_handover_stop_reason(host, reason));
}

/* What workers, signals and deadlines have asked for since the last look. */
static void heed_asked(struct monitor *monitor, int64_t now_ms)
{
    uint32_t asked = atomic_load(&monitor->host->asked) & ~monitor->heeded;

    monitor->heeded |= asked;
    for (uint32_t reason = 1; reason <= asked; reason <<= 1) {
        if ((asked & reason) != 0) {
            hand_over(monitor, (enum pyw_reason)reason, now_ms);
        }
    }
}

/* --- channels --- */

static bool is_peer_allowed(const struct pyw_host *host, int fd)
{
    uid_t uid;

    if (pyw_socket_peer(fd, &uid) != 0) {
        return false;
    }
    if (uid == host->setup->peer_uid || uid == 0 || uid == geteuid()) {
        return true;
    }
    PYW_LOG(pyw_journal_line, NULL, CHANNEL_PEER, (unsigned)uid, host->setup->group,
            host->setup->peer_uid);
    return false;
}

/* A new channel, or none once the process drains: a child that chose this process a
 * moment too early must not wait in the backlog until the process has ended; a channel
 * that closes before HELLO sends it to another one. @return 0 or -errno; the descriptor
 * is taken over in any case. */
static int take_in(const struct pyw_host *host, int fd)
{
    const struct pyw_options *options = &host->setup->options;
    int rv = -ECONNREFUSED;

    if (pyw_host_phase(host) < PYW_PHASE_DRAINING) {
        rv = is_peer_allowed(host, fd) ? 0 : -EPERM;
    }
    if (rv == 0) {
        rv = pyw_socket_set_buffers(fd, options->send_buffer_size,
                                    options->receive_buffer_size);
    }
    if (rv == 0) {
        rv = pyw_poller_add(host->poller, fd);
    }
    if (rv != 0) {
        close(fd);
    }
    return rv == -EPERM || rv == -ECONNREFUSED ? 0 : rv;
}

static void accept_some(struct monitor *monitor, int64_t now_ms)
{
    struct pyw_host *host = monitor->host;

    for (int i = 0; i < ACCEPTS_AT_ONCE; i++) {
        int fd = pyw_socket_accept(host->listener_fd);
        int rv = fd >= 0 ? take_in(host, fd) : fd;

        if (rv == -EAGAIN) {
            return;
        }
        if (rv < 0) {
            PYW_LOG(pyw_journal_line, NULL, ACCEPT_FAILED, host->setup->group,
                    strerror(-rv), ACCEPT_PAUSE_MS);
            monitor->accept_after_ms = now_ms + ACCEPT_PAUSE_MS;
            return;
        }
    }
}

/* Closes the channels on which nothing runs; those in use are closed after they are
 * released. */
static void close_idle(struct pyw_host *host)
{
    for (uint32_t i = 0; i < pyw_poller_used(host->poller); i++) {
        struct pyw_channel *channel = pyw_poller_at(host->poller, i);

        if (pyw_poller_claim(channel)) {
            pyw_channel_retire(channel, host->setup);
            pyw_poller_close(host->poller, channel);
        }
    }
}

/* --- phases --- */

static void begin_stopping(struct monitor *monitor, int64_t now_ms)
{
    const struct pyw_host *host = monitor->host;
    int64_t limit_ms = pyw_setup_is_service(host->setup)
                           ? pyw_service_grace_ms(host)
                           : pyw_handover_shutdown_ms(host);

    monitor->phase_ends_ms = limit_ms == PYW_CLOCK_NEVER ? limit_ms : now_ms + limit_ms;
    pyw_host_enter(monitor->host, PYW_PHASE_STOPPING, "workers gone");
    sem_post(&monitor->host->end);
}

static void begin_ending(struct monitor *monitor, int64_t now_ms, const char *event)
{
    struct pyw_host *host = monitor->host;
    uint32_t count;

    monitor->phase_ends_ms = now_ms + LEAVE_MS;
    pyw_host_enter(host, PYW_PHASE_ENDING, event);
    count = pyw_timeouts_cut_all(host);
    if (count > 0) {
        PYW_LOG(pyw_journal_line, NULL, END_CUT, (int)getpid(), host->setup->group,
                count);
    }
    pyw_poller_stop(host->poller);
    pyw_gate_open(host->gate);
}

static void give_up(struct pyw_host *host)
{
    if (pyw_setup_is_service(host->setup)) {
        pyw_service_give_up(host);
    }
    PYW_LOG(pyw_journal_line, NULL, STOP_HANGS, (int)getpid(), host->setup->group,
            (int)host->setup->options.shutdown_timeout_s);
    _exit(0);
}

/* No channel is open but those of stuck workers, whose requests are over. */
static bool has_nothing_to_wait_for(const struct pyw_host *host)
{
    return pyw_poller_count(host->poller) <= atomic_load(&host->stuck);
}

/* Does what the phase asks for and moves on when it is over. */
static void advance(struct monitor *monitor, int64_t now_ms)
{
    struct pyw_host *host = monitor->host;
    bool is_over = now_ms >= monitor->phase_ends_ms;

    switch (pyw_host_phase(host)) {
    case PYW_PHASE_STARTING:
    case PYW_PHASE_SERVING:
        break;
    case PYW_PHASE_DRAINING:
        close_idle(host);
        if (pyw_setup_is_service(host->setup)) {
            begin_stopping(monitor, now_ms); /* nobody else is there to leave */
        } else if (is_over || has_nothing_to_wait_for(host)) {
            begin_ending(monitor, now_ms, is_over ? "time is over" : "drained");
        }
        break;
    case PYW_PHASE_ENDING:
        close_idle(host); /* one that was released a moment ago */
        if (is_over || atomic_load(&host->workers) <= atomic_load(&host->stuck)) {
            begin_stopping(monitor, now_ms);
        }
        break;
    case PYW_PHASE_STOPPING:
        if (is_over) {
            give_up(host);
        }
        break;
    }
}

/* --- the loop --- */

static int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static bool may_accept(const struct monitor *monitor, int64_t now_ms)
{
    return now_ms >= monitor->accept_after_ms &&
           pyw_host_phase(monitor->host) >= PYW_PHASE_SERVING;
}

/* Waits for something to do, until `until_ms` at most, and does it. */
static void wait_and_heed(struct monitor *monitor, int64_t until_ms)
{
    struct pyw_host *host = monitor->host;
    int64_t now_before_ms = pyw_clock_now_ms();
    bool accepts =
        !pyw_setup_is_service(host->setup) && may_accept(monitor, now_before_ms);
    struct pollfd fds[] = {
        {.fd = host->wake_fd, .events = POLLIN},
        {.fd = monitor->has_lifeline ? host->lifeline_fd : -1, .events = POLLIN},
        {.fd = accepts ? host->listener_fd : -1, .events = POLLIN},
    };
    int64_t now_ms;

    if (now_before_ms < monitor->accept_after_ms) {
        until_ms = earlier(until_ms, monitor->accept_after_ms);
    }
    if (poll(fds, sizeof(fds) / sizeof(fds[0]), pyw_clock_until(until_ms)) <= 0) {
        return;
    }
    now_ms = pyw_clock_now_ms();
    /* Before the lifeline: a process that is told to end answers what has connected by
     * then. */
    if (fds[2].revents != 0) {
        accept_some(monitor, now_ms);
    }
    if (fds[1].revents != 0) {
        heed_lifeline(monitor, now_ms);
    }
    if (fds[0].revents != 0) {
        heed_requests(monitor, now_ms);
    }
}

static void *run(void *argument)
{
    struct monitor *monitor = argument;

    for (;;) {
        int64_t now_ms = pyw_clock_now_ms();
        int64_t until_ms = pyw_deadlines_enforce(monitor->host, now_ms);

        heed_asked(monitor, now_ms);
        advance(monitor, now_ms);
        wait_and_heed(monitor, earlier(until_ms, monitor->phase_ends_ms));
    }
    return NULL;
}

int pyw_monitor_start(struct pyw_host *host)
{
    struct monitor *monitor = calloc(1, sizeof(*monitor));
    int rv;

    if (monitor == NULL) {
        return -ENOMEM;
    }
    monitor->host = host;
    monitor->phase_ends_ms = PYW_CLOCK_NEVER;
    monitor->has_lifeline = true;
    rv = pyw_thread_start(run, monitor);
    if (rv != 0) {
        free(monitor);
    }
    return rv;
}
