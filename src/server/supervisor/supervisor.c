#include "supervisor/supervisor.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/codes.h"
#include "channel/vitals.h"
#include "supervisor/act.h"
#include "supervisor/control.h"
#include "supervisor/crew.h"
#include "supervisor/echo.h"
#include "supervisor/herald.h"
#include "supervisor/nursery.h"
#include "supervisor/programs.h"
#include "supervisor/realm.h"
#include "supervisor/speaker.h"

/* What daemons get to end when the parent has died: nobody is left who could wait for
 * an answer. */
#define ORPHAN_GRACE_MS 1000

struct supervisor {
    const struct pyw_supervisor_plan *plan;
    struct pyw_crew *crews;
    struct pyw_herald herald;
    enum pyw_course course;
    int signal_fd;
    int notify[2];
    int parent_fd; /* readable once the Apache parent has ended; -1 where the kernel has
                      no pidfds */
    bool has_lifeline;
    bool has_children;      /* of this generation; looked at while retiring */
    bool has_heirs;         /* configurations that come after may use its groups */
    bool has_successor;     /* not Apache ended it: another supervisor takes over */
    struct pyw_realm realm; /* for commands of the control socket */
    struct pyw_control *control;
    struct pollfd *polled;
    size_t polled_size;
};

/* Positions in `polled`; the log pipes follow. */
enum polled_at {
    POLLED_SIGNALS,
    POLLED_NOTIFY,
    POLLED_LIFELINE,
    POLLED_PARENT,
    POLLED_CHILDREN,
    POLLED_HEIRS,
    POLLED_DOORBELL,
    POLLED_CONTROL,
    POLLED_FIRST_LOG = POLLED_CONTROL + PYW_CONTROL_POLLED
};

/* --- set-up --- */

static int open_signals(struct supervisor *self)
{
    sigset_t wanted;

    /* A terminal's Ctrl-C and httpd's own signals are the parent's business: it tells
     * us by the lifeline. SIGTERM comes from the kernel when the parent dies, or from
     * an operator. */
    for (int number = 1; number < NSIG; number++) {
        (void)signal(number, SIG_DFL);
    }
    (void)signal(SIGINT, SIG_IGN);
    (void)signal(SIGHUP, SIG_IGN);
    (void)signal(SIGUSR1, SIG_IGN);
    (void)signal(SIGUSR2, SIG_IGN);
    (void)signal(SIGWINCH, SIG_IGN);
    (void)signal(SIGPIPE, SIG_IGN);
    sigemptyset(&wanted);
    sigaddset(&wanted, SIGCHLD);
    sigaddset(&wanted, SIGTERM);
    if (sigprocmask(SIG_SETMASK, &wanted, NULL) != 0) {
        return -errno;
    }
    self->signal_fd = signalfd(-1, &wanted, SFD_CLOEXEC | SFD_NONBLOCK);
    return self->signal_fd >= 0 ? 0 : -errno;
}

static int make_crews(struct supervisor *self)
{
    const struct pyw_supervisor_plan *plan = self->plan;

    self->polled_size = POLLED_FIRST_LOG;
    self->crews = calloc(plan->group_count, sizeof(*self->crews));
    if (self->crews == NULL) {
        return -ENOMEM;
    }
    for (size_t i = 0; i < plan->group_count; i++) {
        if (pyw_crew_init(&self->crews[i], plan->groups[i], plan->log,
                          self->notify[1]) != 0) {
            return -ENOMEM;
        }
        /* Logs, and lifelines of those that have to introduce themselves. */
        self->polled_size += 2 * ((size_t)plan->groups[i]->slots + PYW_ZYGOTES_MAX);
    }
    self->polled = calloc(self->polled_size, sizeof(*self->polled));
    return self->polled != NULL ? 0 : -ENOMEM;
}

static int open_control(struct supervisor *self)
{
    self->realm.plan = self->plan;
    self->realm.crews = self->crews;
    self->realm.started_ms = pyw_clock_now_ms();
    self->control = pyw_control_create(self->plan->control_fd, self->plan->log,
                                       pyw_act_serve, &self->realm);
    return self->control != NULL ? 0 : -ENOMEM;
}

/* What zygotes fork becomes ours. */
static int adopt_orphans(const struct pyw_supervisor_plan *plan)
{
    for (size_t i = 0; i < plan->group_count; i++) {
        if (pyw_zygotes_are_wanted(plan->groups[i])) {
            return prctl(PR_SET_CHILD_SUBREAPER, 1) == 0 ? 0 : -errno;
        }
    }
    return 0;
}

static int set_up(struct supervisor *self)
{
    int rv;

    (void)prctl(PR_SET_NAME, "pywsgi-superv"); /* only a name */
    pyw_herald_init(&self->herald, self->plan->manager, self->plan->log);
    rv = adopt_orphans(self->plan);
    if (rv != 0) {
        return rv;
    }
    rv = open_signals(self);
    if (rv != 0) {
        return rv;
    }
    if (pipe2(self->notify, O_CLOEXEC | O_NONBLOCK) != 0) {
        return -errno;
    }
    /* The lifeline alone could be kept open by another module's process that the parent
     * forked. */
    self->parent_fd = (int)syscall(SYS_pidfd_open, self->plan->parent, 0);
    rv = make_crews(self);
    return rv == 0 ? open_control(self) : rv;
}

/* --- all processes --- */

#define FOR_EACH_CREW(self, crew_var)                                                  \
    for (struct pyw_crew *crew_var = (self)->crews;                                    \
         crew_var < (self)->crews + (self)->plan->group_count; crew_var++)

#define FOR_EACH_PROCESS(self, crew_var, process_var)                                  \
    FOR_EACH_CREW(self, crew_var)                                                      \
    for (struct pyw_process *process_var = crew_var->processes;                        \
         process_var < crew_var->processes + crew_var->group->slots; process_var++)

#define FOR_EACH_ZYGOTE(self, crew_var, zygote_var)                                    \
    FOR_EACH_CREW(self, crew_var)                                                      \
    for (struct pyw_zygote *zygote_var = crew_var->zygotes.all;                        \
         zygote_var < crew_var->zygotes.all + PYW_ZYGOTES_MAX; zygote_var++)

/* --- events --- */

static void stop_all(struct supervisor *self)
{
    bool is_orphan = getppid() != self->plan->parent;

    if (is_orphan && self->course != PYW_COURSE_STOP) {
        self->plan->log(
            NULL, PYW_LEVEL_NOTICE,
            "Apache's first process (%d) has died; the processes of all groups end too.",
            (int)self->plan->parent);
    }
    self->course = PYW_COURSE_STOP;
    if (is_orphan) {
        self->has_successor = false;
        pyw_socket_withdraw(self->plan->control_file); /* else the parent does it */
    }
    FOR_EACH_CREW(self, crew)
    {
        pyw_crew_stop(crew, is_orphan ? ORPHAN_GRACE_MS : pyw_crew_grace_ms(crew));
    }
}

/* Their last words come before our sentence about their end. */
static void reap_one(struct supervisor *self, pid_t pid, int status)
{
    FOR_EACH_PROCESS(self, crew, process)
    {
        if (process->pid == pid) {
            pyw_speaker_finish(&process->output, pyw_speaker_process(crew, process));
            pyw_crew_reap(crew, process, status);
            return;
        }
    }
    FOR_EACH_ZYGOTE(self, crew, zygote)
    {
        if (zygote->pid == pid) {
            pyw_speaker_finish(&zygote->output, pyw_speaker_zygote(crew, zygote));
            pyw_nursery_reap(crew, zygote, status);
            return;
        }
    }
    /* Else an orphan that an application left behind: nobody asks for it. */
}

/* Likewise pyw_process_meet. */
static bool meet(struct supervisor *self, struct pyw_process *process)
{
    bool is_met = pyw_process_meet(process);

    if (is_met && !process->is_awaited &&
        pyw_realm_has_another(&self->realm, process)) {
        pyw_process_disown(process);
        is_met = false;
    }
    return is_met;
}

/* Processes that zygotes were told to fork introduce themselves. */
static void meet_awaited(struct supervisor *self)
{
    FOR_EACH_PROCESS(self, crew, process)
    {
        if (process->is_awaited && !meet(self, process)) {
            pyw_speaker_finish(&process->output, pyw_speaker_process(crew, process));
            pyw_crew_note_failed_start(crew, process->spawned_ms,
                                       process->is_successor);
        }
    }
}

static void hear_zygotes(struct supervisor *self)
{
    FOR_EACH_ZYGOTE(self, crew, zygote)
    {
        if (zygote->lifeline_fd >= 0) {
            pyw_zygote_hear(&crew->zygotes, zygote);
        }
    }
}

static void reap_all(struct supervisor *self)
{
    siginfo_t info = {.si_pid = 0};
    int status;

    /* One that ends right after its introduction has to be met before it is gone. */
    while (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
           info.si_pid > 0) {
        meet_awaited(self);
        if (waitpid(info.si_pid, &status, WNOHANG) > 0) {
            reap_one(self, info.si_pid, status);
        }
        info.si_pid = 0;
    }
}

static void handle_signals(struct supervisor *self)
{
    struct signalfd_siginfo info;

    while (read(self->signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
        if (info.ssi_signo == SIGTERM) {
            self->has_successor =
                (pid_t)info.ssi_pid != self->plan->parent &&
                (self->course == PYW_COURSE_RUN || self->has_successor);
            stop_all(self);
        }
    }
    reap_all(self);
}

static void handle_notify(struct supervisor *self)
{
    char bytes[4096];

    /* Only that something came matters: every report is looked at each round. Once: who
     * writes all the time must not keep us here. */
    (void)!read(self->notify[0], bytes, sizeof(bytes));
}

static void retire(struct supervisor *self)
{
    self->course = PYW_COURSE_RETIRE;
    FOR_EACH_CREW(self, crew)
    {
        pyw_programs_retire(crew);
    }
}

static void handle_lifeline(struct supervisor *self)
{
    char byte = 0;
    ssize_t got = read(self->plan->lifeline_fd, &byte, 1);

    if (got < 0 && (errno == EINTR || errno == EAGAIN)) {
        return;
    }
    if (got == 1 && byte == 'G') {
        pyw_control_close_listener(self->control); /* the next supervisor's now */
        if (self->course == PYW_COURSE_RUN) {
            retire(self);
        }
        return; /* else all has been told to end: an ungraceful restart */
    }
    /* After 'G' the end of the pipe is expected: the parent closed its side and goes
     * on. */
    self->has_lifeline = false;
    if (self->course == PYW_COURSE_RUN) {
        stop_all(self);
    }
}

static void handle_doorbell(struct supervisor *self)
{
    uint64_t rings;

    /* Which group was called, its table says. */
    (void)!read(self->plan->doorbell_fd, &rings, sizeof(rings));
}

static void handle_heirs(struct supervisor *self)
{
    char bytes[64];
    ssize_t got = read(self->plan->heirs_fd, bytes, sizeof(bytes));

    /* Which group it is about, its table says. */
    if (got == 0 || (got < 0 && errno != EINTR && errno != EAGAIN)) {
        self->has_heirs = false;
    }
}

static bool has_processes(struct supervisor *self)
{
    FOR_EACH_PROCESS(self, crew, process)
    {
        if (!pyw_process_is_empty(process)) {
            return true;
        }
    }
    FOR_EACH_CREW(self, crew)
    {
        if (!pyw_zygotes_are_gone(&crew->zygotes)) {
            return true;
        }
    }
    return false;
}

/* With the last child of this generation gone, a group whose successor is ready has
 * nobody left to send it a request: what runs is finished. */
static void let_go(struct supervisor *self)
{
    bool is_needed = false;

    if (self->course != PYW_COURSE_RETIRE || self->has_children) {
        return;
    }
    FOR_EACH_CREW(self, crew)
    {
        if (!self->has_heirs || crew->program.is_retired ||
            pyw_table_is_superseded(crew->group->table)) {
            pyw_crew_dismiss(crew);
        } else {
            is_needed = true;
        }
    }
    if (!is_needed && !has_processes(self)) {
        self->course = PYW_COURSE_STOP;
    }
}

/* The groups of the configuration before have done their duty. */
static void supersede(struct supervisor *self)
{
    FOR_EACH_CREW(self, crew)
    {
        struct pyw_group *before = crew->group->before;

        if (before != NULL && self->course == PYW_COURSE_RUN &&
            pyw_group_serves(crew->group)) {
            pyw_group_supersede(before);
        }
    }
}

/* --- the loop --- */

/* When something is due without an event. */
static int64_t next_deadline(struct supervisor *self)
{
    int64_t deadline = pyw_control_deadline(self->control);
    int64_t beat_ms = pyw_clock_now_ms() + PYW_VITALS_BEAT_MS;
    int64_t telling_ms = self->course == PYW_COURSE_RUN
                             ? pyw_herald_deadline_ms(&self->herald)
                             : PYW_CLOCK_NEVER;

    deadline = telling_ms < deadline ? telling_ms : deadline;
    deadline = beat_ms < deadline ? beat_ms : deadline;
    FOR_EACH_CREW(self, crew)
    {
        int64_t own = pyw_crew_deadline_ms(crew);

        deadline = own < deadline ? own : deadline;
    }
    FOR_EACH_PROCESS(self, crew, process)
    {
        deadline = process->refuse_at_ms < deadline ? process->refuse_at_ms : deadline;
    }
    return deadline;
}

static void add_polled(struct supervisor *self, size_t *count, int fd)
{
    if (fd >= 0) {
        self->polled[(*count)++].fd = fd;
    }
}

static size_t fill_polled(struct supervisor *self)
{
    size_t count = POLLED_FIRST_LOG;

    self->polled[POLLED_SIGNALS].fd = self->signal_fd;
    self->polled[POLLED_NOTIFY].fd = self->notify[0];
    self->polled[POLLED_LIFELINE].fd =
        self->has_lifeline ? self->plan->lifeline_fd : -1;
    self->polled[POLLED_PARENT].fd = self->parent_fd;
    self->polled[POLLED_CHILDREN].fd =
        self->course == PYW_COURSE_RETIRE && self->has_children
            ? self->plan->children_fd
            : -1;
    FOR_EACH_PROCESS(self, crew, process)
    {
        add_polled(self, &count, process->output.fd);
        add_polled(self, &count, process->is_awaited ? process->lifeline_fd : -1);
    }
    FOR_EACH_ZYGOTE(self, crew, zygote)
    {
        add_polled(self, &count, zygote->output.fd);
        add_polled(self, &count, zygote->lifeline_fd);
    }
    self->polled[POLLED_DOORBELL].fd = self->plan->doorbell_fd;
    self->polled[POLLED_HEIRS].fd = self->course == PYW_COURSE_RETIRE && self->has_heirs
                                        ? self->plan->heirs_fd
                                        : -1;
    for (size_t i = 0; i < count; i++) {
        self->polled[i].events = POLLIN;
        self->polled[i].revents = 0;
    }
    pyw_control_fill(self->control, &self->polled[POLLED_CONTROL]);
    return count;
}

static void pump_logs(struct supervisor *self)
{
    FOR_EACH_PROCESS(self, crew, process)
    {
        pyw_speaker_pump(&process->output, pyw_speaker_process(crew, process));
    }
    FOR_EACH_ZYGOTE(self, crew, zygote)
    {
        pyw_speaker_pump(&zygote->output, pyw_speaker_zygote(crew, zygote));
    }
}

/* `polled`: what poll() found, or NULL. */
static void run_control(struct supervisor *self, const struct pollfd *polled)
{
    self->realm.course = self->course;
    pyw_control_run(self->control, polled);
}

static void beat(const struct supervisor *self)
{
    pyw_vitals_beat(self->plan->vitals, pyw_clock_now_ms(),
                    self->course == PYW_COURSE_STOP);
}

static void run_round(struct supervisor *self)
{
    size_t count;

    beat(self);
    FOR_EACH_CREW(self, crew)
    {
        if (self->course != PYW_COURSE_STOP) {
            pyw_crew_tend(crew);
        }
    }
    if (self->course == PYW_COURSE_RUN) {
        pyw_herald_tell(&self->herald, self->crews, self->plan->group_count);
    }
    run_control(self, NULL); /* somebody may have waited for what is done by now */
    count = fill_polled(self);
    if (poll(self->polled, count, pyw_clock_until(next_deadline(self))) < 0 &&
        errno != EINTR) {
        return; /* EFAULT, EINVAL, ENOMEM: the next round tries again */
    }
    handle_notify(self);
    hear_zygotes(self);
    meet_awaited(self);
    FOR_EACH_CREW(self, crew)
    {
        pyw_crew_follow(crew);
    }
    pump_logs(self);
    if (self->polled[POLLED_SIGNALS].revents != 0) {
        handle_signals(self);
    }
    if (self->polled[POLLED_LIFELINE].revents != 0) {
        handle_lifeline(self);
    }
    if (self->polled[POLLED_CHILDREN].revents != 0) {
        self->has_children = false;
    }
    if (self->polled[POLLED_HEIRS].revents != 0) {
        handle_heirs(self);
    }
    if (self->polled[POLLED_DOORBELL].revents != 0) {
        handle_doorbell(self);
    }
    supersede(self);
    let_go(self);
    if (self->polled[POLLED_PARENT].revents != 0) {
        close(self->parent_fd);
        self->parent_fd = -1;
        stop_all(self);
    }
    FOR_EACH_PROCESS(self, crew, process)
    {
        pyw_process_enforce(process, pyw_clock_now_ms());
    }
    FOR_EACH_CREW(self, crew)
    {
        pyw_zygotes_enforce(&crew->zygotes, pyw_clock_now_ms());
    }
    run_control(self, &self->polled[POLLED_CONTROL]);
}

static void clean_up(struct supervisor *self)
{
    for (size_t i = 0; i < self->plan->group_count; i++) {
        pyw_crew_free(&self->crews[i]);
        pyw_group_close(self->plan->groups[i],
                        !self->has_successor || !self->has_lifeline);
    }
    pyw_control_destroy(self->control);
    free(self->crews);
    free(self->polled);
    (void)rmdir(self->plan->socket_dir); /* it stays if something else is in it */
}

int pyw_supervisor_run(const struct pyw_supervisor_plan *plan)
{
    struct supervisor self = {.plan = plan,
                              .course = PYW_COURSE_RUN,
                              .has_lifeline = true,
                              .has_children = true,
                              .has_heirs = true};
    int rv = set_up(&self);

    if (rv != 0) {
        PYW_LOG(plan->log, NULL, SUPERVISOR_SETUP, strerror(-rv));
        return EXIT_FAILURE;
    }
    while (self.course != PYW_COURSE_STOP || has_processes(&self)) {
        run_round(&self);
    }
    clean_up(&self);
    return EXIT_SUCCESS;
}
