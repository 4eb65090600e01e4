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
#include "supervisor/echo.h"

/* What a daemon gets on top of shutdown-timeout, to end in good order. */
#define STOP_EXTRA_MS 2000
/* Without shutdown-timeout a server that stops still has to end some day. */
#define STOP_OTHERWISE_MS 5000
/* The same when the parent has died: nobody is left who could wait for an answer. */
#define ORPHAN_GRACE_MS 1000
/* A process that ends by itself sooner than this after its start is backed off. */
#define QUICK_END_MS 1000
/* ... but not for longer than the fourth step, 0.8 s: it served, and a request that
 * crashes it must not keep the group down by being asked again and again. */
#define QUICK_ENDS_MAX 4

/* One process group at work. */
struct crew {
    const struct pyw_group *group;
    struct pyw_process *processes; /* one per slot */
    unsigned failures;             /* starts in a row that came to nothing */
    unsigned quick_ends;           /* processes in a row that ended right after */
    int64_t retry_at_ms;           /* no start before */
    struct pyw_echo said;          /* by starts that failed */
};

/* Retiring: a newer configuration is in force, and all goes on as before until the
 * children that were forked with this one have gone. */
enum course { COURSE_RUN, COURSE_RETIRE, COURSE_STOP };

struct supervisor {
    const struct pyw_supervisor_plan *plan;
    struct crew *crews;
    enum course course;
    int signal_fd;
    int notify[2];
    int parent_fd; /* readable once the Apache parent has ended; -1 where the kernel has
                      no pidfds */
    bool has_lifeline;
    bool has_children; /* of this generation; looked at while retiring */
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
    POLLED_FIRST_LOG
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

static int make_crew(struct crew *crew, const struct pyw_group *group,
                     pyw_supervisor_log *log)
{
    crew->group = group;
    crew->processes = calloc(group->slots, sizeof(*crew->processes));
    if (crew->processes == NULL) {
        return -ENOMEM;
    }
    for (uint32_t slot = 0; slot < group->slots; slot++) {
        pyw_process_init(&crew->processes[slot], group, log, slot);
    }
    return 0;
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
        if (make_crew(&self->crews[i], plan->groups[i], plan->log) != 0) {
            return -ENOMEM;
        }
        self->polled_size += plan->groups[i]->slots;
    }
    self->polled = calloc(self->polled_size, sizeof(*self->polled));
    return self->polled != NULL ? 0 : -ENOMEM;
}

static int set_up(struct supervisor *self)
{
    int rv;

    (void)prctl(PR_SET_NAME, "pywsgi-superv"); /* only a name */
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
    return make_crews(self);
}

/* --- all processes --- */

#define FOR_EACH_PROCESS(self, crew_var, process_var)                                  \
    for (struct crew *crew_var = (self)->crews;                                        \
         crew_var < (self)->crews + (self)->plan->group_count; crew_var++)             \
        for (struct pyw_process *process_var = crew_var->processes;                    \
             process_var < crew_var->processes + crew_var->group->slots;               \
             process_var++)

/* Where a line of output goes. */
struct speaker {
    struct crew *crew;
    struct pyw_process *process;
};

static void log_entry(void *context, enum pyw_level level, const char *text, size_t len)
{
    const struct speaker *speaker = context;
    const struct pyw_process *process = speaker->process;

    if (process->state == PYW_STATE_STARTING && level <= PYW_LEVEL_WARNING &&
        pyw_echo_is_repeated(&speaker->crew->said, text, len)) {
        level = PYW_LEVEL_DEBUG;
    }
    process->log(process->group->log_context, level, "%.*s", (int)len, text);
}

/* The next start waits, the longer the more came to nothing. */
static void back_off(struct crew *crew, unsigned times)
{
    crew->retry_at_ms =
        times > 0 ? pyw_clock_now_ms() + pyw_clock_backoff_ms(times) : 0;
}

static void set_failures(struct crew *crew, unsigned failures)
{
    crew->failures = failures;
    back_off(crew, failures);
    pyw_table_set_failures(crew->group->table, failures);
}

static struct pyw_process *find_empty(struct crew *crew)
{
    for (uint32_t slot = 0; slot < crew->group->slots; slot++) {
        if (pyw_process_is_empty(&crew->processes[slot])) {
            return &crew->processes[slot];
        }
    }
    return NULL;
}

static int64_t count_wanted(const struct crew *crew)
{
    int64_t count = 0;

    for (uint32_t slot = 0; slot < crew->group->slots; slot++) {
        count += pyw_process_is_wanted(&crew->processes[slot]) ? 1 : 0;
    }
    return count;
}

/* Starts what is missing, unless the last start failed a moment ago. */
static void fill_crew(struct supervisor *self, struct crew *crew)
{
    int64_t missing = crew->group->setup.options.processes - count_wanted(crew);

    while (missing-- > 0 && pyw_clock_now_ms() >= crew->retry_at_ms) {
        struct pyw_process *process = find_empty(crew);
        const char *step = "";
        int rv;

        if (process == NULL) {
            return; /* every spare slot still drains: the next to end makes room */
        }
        rv = pyw_process_spawn(process, self->notify[1], &step);
        if (rv != 0) {
            set_failures(crew, crew->failures + 1);
            PYW_LOG(self->plan->log, crew->group->log_context, SPAWN_FAILED,
                    process->slot, crew->group->name, step, strerror(-rv),
                    pyw_clock_backoff_ms(crew->failures));
        }
    }
}

static void follow_reports(struct supervisor *self)
{
    FOR_EACH_PROCESS(self, crew, process)
    {
        if (!pyw_process_follow_report(process)) {
            continue;
        }
        pyw_echo_forget(&crew->said);
        if (crew->failures > 0) {
            set_failures(crew, 0);
        }
    }
}

/* --- events --- */

static int64_t stop_grace_ms(const struct crew *crew)
{
    int64_t seconds = crew->group->setup.options.shutdown_timeout_s;

    return STOP_EXTRA_MS + (seconds > 0 ? seconds * 1000 : STOP_OTHERWISE_MS);
}

static void stop_all(struct supervisor *self)
{
    bool is_orphan = getppid() != self->plan->parent;

    self->course = COURSE_STOP;
    FOR_EACH_PROCESS(self, crew, process)
    {
        pyw_process_stop(process, is_orphan ? ORPHAN_GRACE_MS : stop_grace_ms(crew));
    }
}

static void reap_one(struct supervisor *self, pid_t pid, int status)
{
    FOR_EACH_PROCESS(self, crew, process)
    {
        struct speaker speaker = {crew, process};
        bool is_news;
        bool is_quick;

        if (process->pid != pid) {
            continue;
        }
        /* Its last words come before our sentence about its end. */
        (void)pyw_logpipe_pump(&process->output, log_entry, &speaker);
        pyw_logpipe_close(&process->output, log_entry, &speaker);
        is_news = !process->is_told;
        is_quick = pyw_clock_now_ms() - process->spawned_ms < QUICK_END_MS;
        if (pyw_process_reap(process, status, crew->failures > 0)) {
            set_failures(crew, crew->failures + 1);
        } else if (is_news) {
            crew->quick_ends = is_quick ? crew->quick_ends + 1 : 0;
            back_off(crew, crew->quick_ends < QUICK_ENDS_MAX ? crew->quick_ends
                                                             : QUICK_ENDS_MAX);
        }
        return;
    }
}

static void handle_signals(struct supervisor *self)
{
    struct signalfd_siginfo info;
    int status;
    pid_t pid;

    while (read(self->signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
        if (info.ssi_signo == SIGTERM) {
            stop_all(self);
        }
    }
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        reap_one(self, pid, status);
    }
}

static void handle_notify(struct supervisor *self)
{
    char bytes[256];

    while (read(self->notify[0], bytes, sizeof(bytes)) > 0) {
        /* Only that something came matters: every report is looked at each round. */
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
        if (self->course == COURSE_RUN) {
            self->course = COURSE_RETIRE;
        }
        return; /* else all has been told to end: an ungraceful restart */
    }
    /* After 'G' the end of the pipe is expected: the parent closed its side and goes
     * on. */
    self->has_lifeline = false;
    if (self->course == COURSE_RUN) {
        stop_all(self);
    }
}

/* The last child of this generation has gone: nobody is left to send a request. */
static void handle_children_gone(struct supervisor *self)
{
    self->has_children = false;
    stop_all(self);
}

/* --- the loop --- */

static void sooner(int64_t *deadline, int64_t candidate)
{
    if (candidate < *deadline) {
        *deadline = candidate;
    }
}

/* When something is due without an event. */
static int64_t next_deadline(struct supervisor *self)
{
    int64_t deadline = PYW_CLOCK_NEVER;

    for (size_t i = 0; i < self->plan->group_count; i++) {
        struct crew *crew = &self->crews[i];

        if (self->course != COURSE_STOP && crew->retry_at_ms > 0 &&
            count_wanted(crew) < crew->group->setup.options.processes) {
            sooner(&deadline, crew->retry_at_ms);
        }
    }
    FOR_EACH_PROCESS(self, crew, process)
    {
        sooner(&deadline, process->kill_at_ms);
    }
    return deadline;
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
        self->course == COURSE_RETIRE && self->has_children ? self->plan->children_fd
                                                            : -1;
    FOR_EACH_PROCESS(self, crew, process)
    {
        if (process->output.fd >= 0) {
            self->polled[count++].fd = process->output.fd;
        }
    }
    for (size_t i = 0; i < count; i++) {
        self->polled[i].events = POLLIN;
        self->polled[i].revents = 0;
    }
    return count;
}

static void pump_logs(struct supervisor *self)
{
    FOR_EACH_PROCESS(self, crew, process)
    {
        struct speaker speaker = {crew, process};

        if (process->output.fd >= 0) {
            (void)pyw_logpipe_pump(&process->output, log_entry, &speaker);
        }
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
    return false;
}

static void run_round(struct supervisor *self)
{
    size_t count;

    if (self->course != COURSE_STOP) {
        for (size_t i = 0; i < self->plan->group_count; i++) {
            fill_crew(self, &self->crews[i]);
        }
    }
    count = fill_polled(self);
    if (poll(self->polled, count, pyw_clock_until(next_deadline(self))) < 0 &&
        errno != EINTR) {
        return; /* EFAULT, EINVAL, ENOMEM: the next round tries again */
    }
    handle_notify(self);
    follow_reports(self);
    pump_logs(self);
    if (self->polled[POLLED_SIGNALS].revents != 0) {
        handle_signals(self);
    }
    if (self->polled[POLLED_LIFELINE].revents != 0) {
        handle_lifeline(self);
    }
    if (self->polled[POLLED_CHILDREN].revents != 0) {
        handle_children_gone(self);
    }
    if (self->polled[POLLED_PARENT].revents != 0) {
        close(self->parent_fd);
        self->parent_fd = -1;
        stop_all(self);
    }
    FOR_EACH_PROCESS(self, crew, process)
    {
        pyw_process_enforce(process, pyw_clock_now_ms());
    }
}

static void clean_up(struct supervisor *self)
{
    for (size_t i = 0; i < self->plan->group_count; i++) {
        free(self->crews[i].processes);
        pyw_group_close(self->plan->groups[i], true);
    }
    free(self->crews);
    free(self->polled);
    (void)rmdir(
        self->plan
            ->socket_dir); /* not ours alone to remove if something else is in it */
}

int pyw_supervisor_run(const struct pyw_supervisor_plan *plan)
{
    struct supervisor self = {
        .plan = plan, .course = COURSE_RUN, .has_lifeline = true, .has_children = true};
    int rv = set_up(&self);

    if (rv != 0) {
        PYW_LOG(plan->log, plan->group_count > 0 ? plan->groups[0]->log_context : NULL,
                SUPERVISOR_SETUP, strerror(-rv));
        return EXIT_FAILURE;
    }
    while (self.course != COURSE_STOP || has_processes(&self)) {
        run_round(&self);
    }
    clean_up(&self);
    return EXIT_SUCCESS;
}
