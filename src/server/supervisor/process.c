#include "supervisor/process.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/codes.h"
#include "channel/lifeline.h"
#include "channel/order.h"
#include "channel/socket.h"
#include "supervisor/spawn.h"

/* A child that has chosen a process connects within that. */
#define LATE_CONNECT_MS 1000

/* The one place that changes a state. */
static void set_state(struct pyw_process *process, enum pyw_state state,
                      const char *event)
{
    process->log(process->group->log_context, PYW_LEVEL_DEBUG,
                 "Process %d (slot %u) of group '%s': %s --%s--> %s", (int)process->pid,
                 process->slot, process->group->name,
                 pyw_table_state_name(process->state), event,
                 pyw_table_state_name(state));
    process->state = state;
    pyw_table_set_state(process->group->table, process->slot, state);
}

/* Children that connected and were never accepted would wait for the next process in
 * this slot: closing their sockets makes them try another. Once more in a moment: one
 * may have chosen this process, and not connected yet. */
static void refuse_backlog(struct pyw_process *process)
{
    if (process->group->listeners == NULL) {
        return; /* it serves no requests */
    }
    /* No more than were waiting: somebody may connect as fast as this closes. */
    pyw_socket_refuse(process->group->listeners[process->slot],
                      process->group->setup.options.listen_backlog + 1);
}

static void refuse_now_and_later(struct pyw_process *process)
{
    refuse_backlog(process);
    process->refuse_at_ms = pyw_clock_now_ms() + LATE_CONNECT_MS;
}

void pyw_process_init(struct pyw_process *process, const struct pyw_group *group,
                      pyw_supervisor_log *log, uint32_t slot)
{
    memset(process, 0, sizeof(*process));
    process->group = group;
    process->log = log;
    process->slot = slot;
    /* After a supervisor that died: its processes end by themselves, their generations
     * go on. */
    process->generation = pyw_table_generation(group->table, slot);
    pyw_table_set_state(group->table, slot, PYW_STATE_FREE);
    process->lifeline_fd = -1;
    process->turn_fd = -1;
    process->kill_at_ms = PYW_CLOCK_NEVER;
    pyw_logpipe_init(&process->output, -1, 0);
    refuse_now_and_later(process);
}

bool pyw_process_is_empty(const struct pyw_process *process)
{
    return process->pid == 0 && !process->is_awaited;
}

bool pyw_process_is_wanted(const struct pyw_process *process)
{
    return process->state == PYW_STATE_STARTING || process->state == PYW_STATE_READY;
}

static void close_lifeline(struct pyw_process *process)
{
    if (process->lifeline_fd >= 0) {
        close(process->lifeline_fd);
        process->lifeline_fd = -1;
    }
}

static void begin(struct pyw_process *process, const struct pyw_spawned *spawned,
                  bool is_successor, const char *event)
{
    process->generation++;
    process->pid = spawned->pid;
    process->is_awaited = spawned->pid == 0;
    process->lifeline_fd = spawned->lifeline_fd;
    process->spawned_ms = pyw_clock_now_ms();
    process->kill_at_ms = PYW_CLOCK_NEVER;
    process->refuse_at_ms = PYW_CLOCK_NEVER;
    process->is_successor = is_successor;
    process->is_due = false;
    process->cpu_ns = 0;
    process->wishes = 0;
    process->is_told = false;
    process->is_killed = false;
    pyw_logpipe_drop(&process->output); /* of one that was abandoned */
    pyw_logpipe_init(&process->output, spawned->log_fd, process->pid);
    pyw_table_set_process(process->group->table, process->slot, process->generation,
                          process->pid);
    set_state(process, PYW_STATE_STARTING, event);
}

int pyw_process_spawn(struct pyw_process *process, int notify_fd, bool is_successor,
                      const char **step)
{
    struct pyw_spawn_plan plan = {.turn_fd = process->turn_fd,
                                  .slot = process->slot,
                                  .generation = process->generation + 1,
                                  .must_load = is_successor,
                                  .notify_fd = notify_fd};
    struct pyw_spawned spawned;
    int rv = pyw_spawn_start(process->group, &plan, &spawned, step);

    if (rv == 0) {
        begin(process, &spawned, is_successor, "spawn");
    }
    return rv;
}

int pyw_process_order(struct pyw_process *process, int zygote_fd, bool is_successor,
                      const char **step)
{
    struct pyw_spawn_plan plan = {.slot = process->slot,
                                  .generation = process->generation + 1,
                                  .must_load = is_successor};
    struct pyw_spawned spawned;
    int rv = pyw_spawn_order(process->group, &plan, zygote_fd, &spawned, step);

    if (rv == 0) {
        begin(process, &spawned, is_successor, "order");
    }
    return rv;
}

/* Whatever becomes of it, it is none of this slot's. */
static void abandon(struct pyw_process *process, const char *event)
{
    process->is_awaited = false;
    close_lifeline(process);
    set_state(process, PYW_STATE_GONE, event);
}

/* Only a process of ours may be killed one day: the number of another one may be a
 * stranger's by then. */
static bool is_child(pid_t pid)
{
    siginfo_t info;

    return waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0;
}

void pyw_process_disown(struct pyw_process *process)
{
    PYW_LOG(process->log, process->group->log_context, ORDER_LOST, process->slot,
            process->group->name);
    process->pid = 0;
    pyw_table_set_process(process->group->table, process->slot, process->generation, 0);
    abandon(process, "lost");
}

bool pyw_process_meet(struct pyw_process *process)
{
    pid_t pid = pyw_order_meet(process->lifeline_fd);

    if (pid == -EAGAIN) {
        return true;
    }
    if (pid > 0 && is_child(pid)) {
        process->pid = pid;
        process->is_awaited = false;
        pyw_logpipe_set_pid(&process->output, pid);
        pyw_table_set_process(process->group->table, process->slot, process->generation,
                              pid);
        return true;
    }
    pyw_process_disown(process);
    return false;
}

enum pyw_report pyw_process_follow_report(struct pyw_process *process)
{
    enum pyw_report report;

    if (process->pid == 0) {
        return PYW_REPORT_NONE;
    }
    report =
        pyw_table_report_of(process->group->table, process->slot, process->generation);
    if (report == PYW_REPORT_READY && process->state == PYW_STATE_STARTING) {
        set_state(process, PYW_STATE_READY, "ready");
        process->log(process->group->log_context, PYW_LEVEL_INFO,
                     "Process %d of group '%s' is ready after %.1f s.",
                     (int)process->pid, process->group->name,
                     (double)(pyw_clock_now_ms() - process->spawned_ms) / 1000);
        return report;
    }
    if (report >= PYW_REPORT_DRAINING && pyw_process_is_wanted(process)) {
        process->is_told = true;
        set_state(process, PYW_STATE_DRAINING,
                  report == PYW_REPORT_IDLE ? "idle" : "drain");
        return report;
    }
    return PYW_REPORT_NONE;
}

void pyw_process_drain(struct pyw_process *process)
{
    process->is_told = true;
    /* First out of the table, so that no child chooses it any more. */
    set_state(process, PYW_STATE_DRAINING, "replaced");
    if (pyw_lifeline_say(process->lifeline_fd, PYW_WORD_DRAIN, -1) != 0) {
        close_lifeline(process); /* its end says it too */
    }
}

void pyw_process_stop(struct pyw_process *process, int64_t grace_ms)
{
    if (pyw_process_is_empty(process)) {
        return;
    }
    process->is_told = true;
    if (process->is_awaited) {
        abandon(process, "stop"); /* the end of its lifeline ends it, wherever it is */
        return;
    }
    close_lifeline(process);
    if (process->kill_at_ms > pyw_clock_now_ms() + grace_ms) {
        process->kill_at_ms = pyw_clock_now_ms() + grace_ms;
    }
    if (pyw_process_is_wanted(process)) {
        set_state(process, PYW_STATE_DRAINING, "stop");
    }
}

void pyw_process_enforce(struct pyw_process *process, int64_t now_ms)
{
    if (now_ms >= process->refuse_at_ms) {
        process->refuse_at_ms = PYW_CLOCK_NEVER;
        refuse_backlog(process);
    }
    if (process->pid == 0 || now_ms < process->kill_at_ms) {
        return;
    }
    process->kill_at_ms = PYW_CLOCK_NEVER;
    process->is_killed = true;
    PYW_LOG(process->log, process->group->log_context, PROCESS_KILLED,
            (int)process->pid, process->group->name);
    (void)kill(process->pid, SIGKILL); /* our own child, not reaped yet: cannot miss */
}

const char *pyw_process_signal_name(int number, char buffer[PYW_PROCESS_SIGNAL_NAME])
{
    const char *abbreviation = sigabbrev_np(number);

    if (abbreviation != NULL) {
        snprintf(buffer, PYW_PROCESS_SIGNAL_NAME, "SIG%s", abbreviation);
    } else {
        snprintf(buffer, PYW_PROCESS_SIGNAL_NAME, "signal %d", number);
    }
    return buffer;
}

const char *pyw_process_describe_end(int status, char text[PYW_PROCESS_SIGNAL_NAME])
{
    if (WIFSIGNALED(status)) {
        return pyw_process_signal_name(WTERMSIG(status), text);
    }
    snprintf(text, PYW_PROCESS_SIGNAL_NAME, "status %d", WEXITSTATUS(status));
    return text;
}

static void log_start_failure(struct pyw_process *process, int status, bool is_known)
{
    void *where = process->group->log_context;
    const char *name = process->group->name;
    char signal_text[PYW_PROCESS_SIGNAL_NAME];

    if (is_known) {
        process->log(where, PYW_LEVEL_INFO,
                     "Process %d of group '%s' did not start either.",
                     (int)process->pid, name);
    } else if (WIFSIGNALED(status)) {
        PYW_LOG(process->log, where, PROCESS_START_SIGNAL, (int)process->pid, name,
                pyw_process_signal_name(WTERMSIG(status), signal_text));
    } else {
        PYW_LOG(process->log, where, PROCESS_START_EXIT, (int)process->pid, name,
                WEXITSTATUS(status));
    }
}

static void log_end(struct pyw_process *process, int status, bool is_known)
{
    void *where = process->group->log_context;
    const char *name = process->group->name;
    char signal_text[PYW_PROCESS_SIGNAL_NAME];

    if (process->is_killed) {
        process->log(where, PYW_LEVEL_INFO, "Process %d of group '%s' is gone.",
                     (int)process->pid, name); /* PROCESS_KILLED said why */
    } else if (is_known) {
        process->log(where, PYW_LEVEL_INFO,
                     "Process %d of group '%s' has ended like those before it.",
                     (int)process->pid, name);
    } else if (WIFSIGNALED(status)) {
        PYW_LOG(process->log, where, PROCESS_SIGNAL, (int)process->pid, name,
                pyw_process_signal_name(WTERMSIG(status), signal_text));
    } else if (WEXITSTATUS(status) != 0 ||
               (!process->is_told && !pyw_setup_is_service(&process->group->setup))) {
        PYW_LOG(process->log, where, PROCESS_EXIT, (int)process->pid, name,
                WEXITSTATUS(status));
    } else {
        process->log(where, PYW_LEVEL_INFO, "Process %d of group '%s' has ended.",
                     (int)process->pid, name);
    }
}

bool pyw_process_reap(struct pyw_process *process, int status, bool is_known)
{
    bool is_start_failure = process->state == PYW_STATE_STARTING && !process->is_told;
    struct pyw_ending ending = {process->pid, status};

    pyw_table_add_ending(process->group->table, ending);
    /* First out of the table, so that no child connects any more. */
    set_state(process, PYW_STATE_GONE, "ended");
    refuse_now_and_later(process);
    if (is_start_failure) {
        log_start_failure(process, status, is_known);
    } else {
        log_end(process, status, is_known);
    }
    close_lifeline(process);
    process->kill_at_ms = PYW_CLOCK_NEVER;
    process->pid = 0;
    return is_start_failure;
}
