#include "supervisor/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/codes.h"
#include "base/path.h"
#include "channel/lifeline.h"
#include "channel/order.h"
#include "supervisor/private_tmp.h"

#define PROGRAM_NAME "pywsgi-daemon"
#define PROGRAM_PLACE "libexec/mod_pywsgi/" PROGRAM_NAME
/* Descriptors are first moved here, out of the way of their final numbers. */
#define FD_PARKING 32
/* What a process may need to start where startup-timeout= does not say. */
#define START_S 60

/* What the steps need; everything was opened before the fork. */
struct birth {
    const struct pyw_group *group;
    int fds[PYW_SETUP_FDS]; /* by final number; [0] is /dev/null */
    int fd_count;
    char program[1024];
    char why[1536]; /* a sentence for the log, filled by the step that fails */
};

/* --- before the fork --- */

/* A sealed memory file with the packed setup. @return descriptor or -errno. */
static int make_setup(const struct pyw_group *group, const struct pyw_spawn_plan *plan)
{
    struct pyw_setup setup = group->setup;
    struct pyw_writer writer;
    int fd = memfd_create("pywsgi-setup", MFD_CLOEXEC | MFD_ALLOW_SEALING);

    if (fd < 0) {
        return -errno;
    }
    setup.slot = plan->slot;
    setup.generation = plan->generation;
    setup.must_load = plan->must_load;
    setup.is_zygote = plan->is_zygote;
    pyw_bytes_init(&writer);
    pyw_setup_put(&writer, &setup);
    if (writer.failed || write(fd, writer.data, writer.len) != (ssize_t)writer.len ||
        lseek(fd, 0, SEEK_SET) != 0 ||
        fcntl(fd, F_ADD_SEALS,
              F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) != 0) {
        close(fd);
        fd = -EIO;
    }
    pyw_bytes_free(&writer);
    return fd;
}

static void close_fd(int *fd)
{
    if (*fd >= 0) {
        close(*fd);
        *fd = -1;
    }
}

/* --- in the child --- */

static int start_session(struct birth *birth)
{
    (void)birth;
    return setsid() >= 0 ? 0 : -errno;
}

/* Before its descriptor is closed with all others. */
static int enter_private_tmp(struct birth *birth)
{
    int fd = birth->group->tmp_fd;

    return fd > 0 ? pyw_private_tmp_enter(fd) : 0;
}

/* Puts every descriptor on its number and closes all others. */
static int place_descriptors(struct birth *birth)
{
    int parked[PYW_SETUP_FDS];

    for (int i = 0; i < birth->fd_count; i++) {
        parked[i] = fcntl(birth->fds[i], F_DUPFD, FD_PARKING);
        if (parked[i] < 0) {
            return -errno;
        }
    }
    for (int i = 0; i < birth->fd_count; i++) {
        if (dup2(parked[i], i) < 0) {
            return -errno;
        }
    }
    return syscall(SYS_close_range, (unsigned)birth->fd_count, ~0u, 0) == 0 ? 0
                                                                            : -errno;
}

static int reset_signals(struct birth *birth)
{
    sigset_t none;

    (void)birth;
    for (int number = 1; number < NSIG; number++) {
        /* Fails for SIGKILL, SIGSTOP and the ones libc keeps: those need no reset. */
        (void)signal(number, SIG_DFL);
    }
    sigemptyset(&none);
    return sigprocmask(SIG_SETMASK, &none, NULL) == 0 ? 0 : -errno;
}

static int set_umask(struct birth *birth)
{
    int64_t mask = birth->group->setup.options.umask;

    if (mask >= 0) {
        (void)umask((mode_t)mask);
    }
    return 0;
}

/* The CPU time that a process may use up while its successor starts and its own
 * requests finish: that long, on every core that its threads can keep busy. */
static rlim_t handover_cpu_s(const struct pyw_options *options)
{
    int64_t cores = sysconf(_SC_NPROCESSORS_ONLN);
    int64_t busy = options->threads < cores ? options->threads : cores;
    int64_t startup_s =
        options->startup_timeout_s > 0 ? options->startup_timeout_s : START_S;

    return (rlim_t)((startup_s + options->graceful_timeout_s +
                     options->shutdown_timeout_s + 1) *
                    (busy > 1 ? busy : 1));
}

/* cpu-time-limit: the process is told by SIGXCPU, and hands over; the kernel kills it
 * where it has not ended after the time that it is given for that. */
static int limit_cpu(struct birth *birth)
{
    const struct pyw_options *options = &birth->group->setup.options;
    rlim_t soft = (rlim_t)options->cpu_time_limit_s;
    struct rlimit limit;

    if (soft == 0) {
        return 0;
    }
    if (getrlimit(RLIMIT_CPU, &limit) != 0) {
        return -errno;
    }
    if (limit.rlim_max > soft) {
        rlim_t hard = soft + handover_cpu_s(options);

        limit.rlim_cur = soft;
        /* Without shutdown-timeout= it has for ever. */
        if (options->shutdown_timeout_s > 0 && hard < limit.rlim_max) {
            limit.rlim_max = hard;
        }
    }
    return setrlimit(RLIMIT_CPU, &limit) == 0 ? 0 : -errno;
}

static int set_priority(struct birth *birth)
{
    int priority = (int)birth->group->setup.options.cpu_priority;

    if (priority == 0) {
        return 0; /* as Apache's own */
    }
    if (setpriority(PRIO_PROCESS, 0, priority) != 0) {
        int rv = -errno;

        snprintf(birth->why, sizeof(birth->why),
                 "cpu-priority=%d: %s; below 0 it needs an Apache that is started by "
                 "root and may raise priorities (CAP_SYS_NICE)",
                 priority, strerror(-rv));
        return rv;
    }
    return 0;
}

static int enter_chroot(struct birth *birth)
{
    const char *root = birth->group->setup.options.chroot;

    if (root == NULL) {
        return 0;
    }
    if (chroot(root) != 0 || chdir("/") != 0) {
        int rv = -errno;

        snprintf(birth->why, sizeof(birth->why), "chroot=%s: %s", root, strerror(-rv));
        return rv;
    }
    return 0;
}

static int become_user(struct birth *birth)
{
    const struct pyw_identity *identity = &birth->group->identity;
    int rv = pyw_identity_apply(identity);

    if (rv != 0) {
        snprintf(birth->why, sizeof(birth->why),
                 "the process could not become user '%s' (%u), group %u: %s",
                 identity->name, (unsigned)identity->uid, (unsigned)identity->gid,
                 strerror(-rv));
    }
    return rv;
}

static int set_environment(struct birth *birth)
{
    /* What belongs to the server's own start and would mislead a child. */
    static const char *const unwanted[] = {"NOTIFY_SOCKET", "WATCHDOG_USEC",
                                           "WATCHDOG_PID",  "LISTEN_FDS",
                                           "LISTEN_PID",    "LISTEN_FDNAMES"};
    const struct pyw_identity *identity = &birth->group->identity;
    const struct pyw_options *options = &birth->group->setup.options;
    int failed = 0;

    for (size_t i = 0; i < sizeof(unwanted) / sizeof(unwanted[0]); i++) {
        failed |= unsetenv(unwanted[i]);
    }
    failed |= setenv("HOME", identity->home, 1);
    failed |= setenv("USER", identity->name, 1);
    failed |= setenv("LOGNAME", identity->name, 1);
    if (getenv("USERNAME") != NULL) {
        failed |= setenv("USERNAME", identity->name, 1);
    }
    if (options->lang != NULL) {
        failed |= setenv("LANG", options->lang, 1);
    }
    if (options->locale != NULL) {
        failed |= setenv("LC_ALL", options->locale, 1);
    }
    return failed == 0 ? 0 : -ENOMEM;
}

static int enter_home(struct birth *birth)
{
    const char *home = birth->group->setup.options.home;

    if (home == NULL) {
        /* The user's own directory where it is another user than Apache's; it may not
         * exist. */
        if (birth->group->apache_home == NULL &&
            chdir(birth->group->identity.home) == 0) {
            return 0;
        }
        return chdir("/") == 0 ? 0 : -errno;
    }
    if (pyw_path_check(home, X_OK, birth->why, sizeof(birth->why)) != 0) {
        return -EACCES;
    }
    return chdir(home) == 0 ? 0 : -errno;
}

/* Takes the program at DIR/NAME if there is one. @return 0: taken; -ENOENT: none;
 * -errno. */
static int try_program(struct birth *birth, const char *dir, const char *name)
{
    int written = snprintf(birth->program, sizeof(birth->program), "%s%s%s", dir,
                           name[0] != '\0' ? "/" : "", name);

    if (written < 0 || (size_t)written >= sizeof(birth->program)) {
        return -ENAMETOOLONG;
    }
    return pyw_path_check(birth->program, X_OK, birth->why, sizeof(birth->why));
}

static int find_program(struct birth *birth)
{
    const struct pyw_group *group = birth->group;
    const struct pyw_options *options = &group->setup.options;
    int rv;

    if (options->daemon_program != NULL) {
        return try_program(birth, options->daemon_program, "");
    }
    if (options->python_home != NULL) {
        rv = pyw_path_check(options->python_home, X_OK, birth->why, sizeof(birth->why));
        if (rv != 0) {
            return rv;
        }
        rv = try_program(birth, options->python_home, PROGRAM_PLACE);
        if (rv != -ENOENT) {
            return rv;
        }
    }
    if (try_program(birth, group->module_dir, PROGRAM_NAME) == 0) {
        return 0;
    }
    rv = try_program(birth, group->libexec_dir, PROGRAM_NAME);
    if (rv == -ENOENT) {
        snprintf(
            birth->why, sizeof(birth->why),
            "there is no " PROGRAM_NAME
            " in %s/libexec/mod_pywsgi, '%s' or '%s': run 'pip "
            "install /path/to/mod_pywsgi' with the Python of the application, or name one "
            "with daemon-program=",
            options->python_home != NULL ? options->python_home : "<python-home>",
            group->module_dir, group->libexec_dir);
    }
    return rv;
}

/* Never above what the process has: also a user may lower it. */
static int lower_limit(int resource, int64_t bytes)
{
    struct rlimit limit;

    if (bytes == 0) {
        return 0;
    }
    if (getrlimit(resource, &limit) != 0) {
        return -errno;
    }
    if (limit.rlim_max > (rlim_t)bytes) {
        limit.rlim_max = (rlim_t)bytes;
    }
    limit.rlim_cur = limit.rlim_max;
    return setrlimit(resource, &limit) == 0 ? 0 : -errno;
}

/* After all that needs memory here: this process is a copy of Apache, and may be larger
 * than the program is to become. */
static int limit_memory(struct birth *birth)
{
    const struct pyw_options *options = &birth->group->setup.options;
    int rv = lower_limit(RLIMIT_DATA, options->memory_limit);

    return rv != 0 ? rv : lower_limit(RLIMIT_AS, options->virtual_memory_limit);
}

static int execute(struct birth *birth)
{
    const struct pyw_group *group = birth->group;
    const char *title = group->setup.options.display_name;
    char generated[256];
    char *argv[2] = {NULL, NULL};

    snprintf(generated, sizeof(generated), "(wsgi:%s)", group->name);
    argv[0] = generated;
    if (title != NULL && strcmp(title, "%{GROUP}") != 0) {
        argv[0] = strdup(title);
    }
    if (argv[0] == NULL) {
        return -ENOMEM;
    }
    (void)execv(birth->program, argv);
    snprintf(birth->why, sizeof(birth->why), "%s could not be executed: %s",
             birth->program, strerror(errno));
    return -errno;
}

struct birth_step {
    const char *name;
    int (*run)(
        struct birth *birth); /* 0 or -errno; may leave a sentence in birth->why */
};

/* The order matters: everything that needs root before `become user`, everything that a
 * tenant can write (home, program, python-home) after it. Behind `chroot` all paths are
 * those within it. */
static const struct birth_step steps[] = {
    {"new session", start_session},
    {"private /tmp", enter_private_tmp},
    {"descriptors", place_descriptors},
    {"signals", reset_signals},
    {"umask", set_umask},
    {"limit of CPU time", limit_cpu},
    {"CPU priority", set_priority},
    {"chroot", enter_chroot},
    {"change of user", become_user},
    {"environment", set_environment},
    {"working directory", enter_home},
    {"search for the daemon program", find_program},
    {"limits of memory", limit_memory},
    {"execution of the daemon program", execute},
};

/* One line on a descriptor: the log pipe, from the third step on. */
__attribute__((format(printf, 3, 4))) static void say(int fd, enum pyw_level level,
                                                      const char *format, ...)
{
    va_list arguments;

    (void)dprintf(fd, "<%d>", (int)level);
    va_start(arguments, format);
    (void)vdprintf(fd, format, arguments);
    va_end(arguments);
    (void)dprintf(fd, "\n");
}

/* Of a path that was not found where the group has something else: says what. */
static void explain_tmp(struct birth *birth)
{
    static const char *const hidden[] = {"'/tmp/", "'/tmp'", "'/var/tmp/",
                                         "'/var/tmp'"};
    size_t len = strlen(birth->why);

    for (size_t i = 0; i < sizeof(hidden) / sizeof(hidden[0]); i++) {
        if (birth->group->tmp_fd > 0 && strstr(birth->why, hidden[i]) != NULL) {
            snprintf(birth->why + len, sizeof(birth->why) - len,
                     ": with private-tmp=On the group has an empty /tmp of its own, so "
                     "use another place");
            return;
        }
    }
}

__attribute__((noreturn)) static void give_birth(struct birth *birth)
{
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        int rv = steps[i].run(birth);

        if (rv != 0) {
            explain_tmp(birth);
            /* 2 is the log pipe from the third step on, the server's own log before. */
            PYW_LOG(say, STDERR_FILENO, SPAWN_STEP, birth->group->name, steps[i].name,
                    birth->why[0] != '\0' ? birth->why : strerror(-rv));
            break;
        }
        birth->why[0] = '\0';
    }
    _exit(PYW_SPAWN_FAILED);
}

/* --- the parent side --- */

/* What the supervisor keeps one end of. @return 0 or -errno with `step` set; the caller
 * closes. */
static int open_ends(int log_pipe[2], int lifeline[2], const char **step)
{
    *step = "pipes";
    if (pipe2(log_pipe, O_CLOEXEC) != 0 ||
        fcntl(log_pipe[0], F_SETFL, O_NONBLOCK) != 0) {
        return -errno;
    }
    *step = "lifeline";
    return pyw_lifeline_open(lifeline);
}

/* Closes the ends of the new process, and ours too where it failed. */
static int settle_ends(int log_pipe[2], int lifeline[2], int rv,
                       struct pyw_spawned *spawned)
{
    close_fd(&log_pipe[1]);
    close_fd(&lifeline[0]);
    if (rv != 0) {
        close_fd(&log_pipe[0]);
        close_fd(&lifeline[1]);
        return rv;
    }
    spawned->log_fd = log_pipe[0];
    spawned->lifeline_fd = lifeline[1];
    return 0;
}

/* Opens what a birth needs. @return 0 or -errno with `step` set; the caller closes. */
static int prepare(struct birth *birth, const struct pyw_spawn_plan *plan,
                   int log_pipe[2], int lifeline[2], const char **step)
{
    const struct pyw_group *group = birth->group;
    int rv;

    *step = "setup";
    birth->fds[PYW_SETUP_FD] = make_setup(group, plan);
    if (birth->fds[PYW_SETUP_FD] < 0) {
        return birth->fds[PYW_SETUP_FD];
    }
    *step = "null device";
    birth->fds[0] = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (birth->fds[0] < 0) {
        return -errno;
    }
    rv = open_ends(log_pipe, lifeline, step);
    if (rv != 0) {
        return rv;
    }
    birth->fds[1] = log_pipe[1];
    birth->fds[2] = log_pipe[1];
    birth->fds[PYW_TABLE_FD] = group->table_fd;
    birth->fds[PYW_LISTENER_FD] = plan->is_zygote ? birth->fds[0]
                                  : group->listeners != NULL
                                      ? group->listeners[plan->slot]
                                      : plan->turn_fd;
    birth->fds[PYW_LIFELINE_FD] = lifeline[0];
    birth->fds[PYW_NOTIFY_FD] = plan->notify_fd;
    birth->fd_count = PYW_FIRST_FREE_FD;
    if (group->board_fd > 0) {
        birth->fds[PYW_BOARD_FD] = group->board_fd;
        birth->fd_count = PYW_BOARD_FD + 1;
    }
    return 0;
}

int pyw_spawn_start(const struct pyw_group *group, const struct pyw_spawn_plan *plan,
                    struct pyw_spawned *spawned, const char **step)
{
    struct birth birth = {.group = group, .fds = {-1, -1, -1, -1, -1, -1, -1, -1, -1}};
    int log_pipe[2] = {-1, -1};
    int lifeline[2] = {-1, -1};
    int rv = prepare(&birth, plan, log_pipe, lifeline, step);

    if (rv == 0) {
        *step = "fork";
        spawned->pid = fork();
        if (spawned->pid == 0) {
            give_birth(&birth);
        }
        rv = spawned->pid < 0 ? -errno : 0;
    }
    close_fd(&birth.fds[0]);
    close_fd(&birth.fds[PYW_SETUP_FD]);
    return settle_ends(log_pipe, lifeline, rv, spawned);
}

int pyw_spawn_order(const struct pyw_group *group, const struct pyw_spawn_plan *plan,
                    int zygote_fd, struct pyw_spawned *spawned, const char **step)
{
    struct pyw_order order = {plan->slot, plan->generation, plan->must_load, {0}};
    int log_pipe[2] = {-1, -1};
    int lifeline[2] = {-1, -1};
    int rv = open_ends(log_pipe, lifeline, step);

    if (rv == 0) {
        rv = pyw_order_expect(lifeline[1]);
    }
    if (rv == 0) {
        *step = "order to its zygote";
        order.fds[PYW_ORDER_LOG] = log_pipe[1];
        order.fds[PYW_ORDER_LISTENER] = group->listeners[plan->slot];
        order.fds[PYW_ORDER_LIFELINE] = lifeline[0];
        rv = pyw_order_send(zygote_fd, &order);
    }
    spawned->pid = 0;
    return settle_ends(log_pipe, lifeline, rv, spawned);
}
