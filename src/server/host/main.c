/* main.c: the program pywsgi-daemon. The supervisor has exec'd it as the application's
 * user, with a setup and descriptors (base/setup.h); host.h names its threads. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/environment.h"
#include "channel/board.h"
#include "host/dispatch.h"
#include "host/gate.h"
#include "host/host.h"
#include "host/journal.h"
#include "host/lanes.h"
#include "host/limits.h"
#include "host/monitor.h"
#include "host/poller.h"
#include "host/pulse.h"
#include "host/service.h"
#include "host/signals.h"
#include "host/warmup.h"
#include "host/worker.h"
#include "host/zygote.h"
#include "python/after_fork.h"
#include "python/forking.h"
#include "python/handlers.h"
#include "python/interpreter.h"
#include "python/loader.h"
#include "python/reporter.h"
#include "python/runtime.h"
#include "python/scoreboard.h"
#include "wsgi/serve.h"

#define NO_MONITOR                                                                      \
    "the system gives it no thread; raise memory-limit=, virtual-memory-limit= or the " \
    "user's limit of processes (ulimit -u, TasksMax=)"

#define SETUP_MAX_LEN (8 * 1024 * 1024)

/* For pthread_atfork, whose functions get no argument. */
static struct pyw_host *forked;

static int say_version(void)
{
    printf("pywsgi-daemon %s (mod_pywsgi), for Python %s\n", PYW_VERSION,
           PYW_PYTHON_VERSION);
    return 0;
}

static int say_help(FILE *out)
{
    fprintf(
        out,
        "pywsgi-daemon %s runs Python applications for the Apache module mod_pywsgi.\n"
        "Apache starts it by itself for each WSGIDaemonProcess; it does nothing when run by hand.\n"
        "To serve an application, run:  mod-pywsgi-express start-server PATH\n"
        "\n"
        "  --version   what it is and for which Python\n",
        PYW_VERSION);
    return out == stdout ? 0 : 2;
}

/* --- descriptors and setup --- */

/* @return true when descriptors hold what a supervisor hands over: a group that serves
 * nothing has a file in place of the socket. */
static bool has_setup(void)
{
    struct stat about;
    struct stat lifeline;

    return fstat(PYW_SETUP_FD, &about) == 0 && S_ISREG(about.st_mode) &&
           about.st_size > 0 && about.st_size <= SETUP_MAX_LEN &&
           fstat(PYW_LIFELINE_FD, &lifeline) == 0 && S_ISSOCK(lifeline.st_mode);
}

/* The whole of descriptor 3, never freed: the setup's strings point into it. @return
 * NULL: errno. */
static char *read_setup(size_t *len)
{
    struct stat about;
    char *text = NULL;
    size_t got = 0;

    if (fstat(PYW_SETUP_FD, &about) == 0) {
        text = malloc((size_t)about.st_size);
    }
    while (text != NULL && got < (size_t)about.st_size) {
        ssize_t part =
            pread(PYW_SETUP_FD, text + got, (size_t)about.st_size - got, (off_t)got);

        if (part < 0 && errno == EINTR) {
            continue;
        }
        if (part <= 0) {
            free(text);
            return NULL;
        }
        got += (size_t)part;
    }
    *len = got;
    return text;
}

static void set_flag(int fd, int get, int set, int flag)
{
    int flags = fcntl(fd, get);

    if (flags >= 0) {
        (void)fcntl(fd, set, flags | flag);
    }
}

/* What the application starts inherits none of them, and reading or writing them never
 * blocks. */
static void prepare_descriptors(void)
{
    for (int fd = PYW_TABLE_FD; fd < PYW_FIRST_FREE_FD; fd++) {
        set_flag(fd, F_GETFD, F_SETFD, FD_CLOEXEC);
    }
    set_flag(PYW_LISTENER_FD, F_GETFL, F_SETFL, O_NONBLOCK);
    set_flag(PYW_NOTIFY_FD, F_GETFL, F_SETFL, O_NONBLOCK);
}

/* --- start and end --- */

/* A process that the application forks must not keep Apache's connections open, nor
 * speak on them. */
static void let_go_after_fork(void)
{
    pyw_signals_reset();
    close(forked->wake_fd);
    forked->wake_fd = -1;
    pyw_gate_abandon(forked->gate);
    pyw_poller_abandon(forked->poller);
    for (int fd = PYW_LISTENER_FD; fd < PYW_FIRST_FREE_FD; fd++) {
        close(fd);
    }
}

static int fail_start(const char *what)
{
    PYW_LOG(pyw_journal_line, NULL, DAEMON_START, what);
    return 1;
}

/* Before the application has its first say in a process that serves. */
static int let_go_of_forks(struct pyw_host *host)
{
    forked = host;
    return pthread_atfork(NULL, NULL, let_go_after_fork) == 0
               ? 0
               : fail_start("out of memory");
}

/* For pyw_scoreboard_offer, whose function gets no argument. */
static struct pyw_board *board;

static int read_board(struct pyw_writer *writer)
{
    return pyw_board_read(board, writer);
}

/* server-metrics: without a board, mod_wsgi.server_metrics() gives None. */
static void open_board(const struct pyw_setup *setup)
{
    if (!setup->options.server_metrics) {
        return;
    }
    if (pyw_board_open(PYW_BOARD_FD, &board) == 0) {
        pyw_scoreboard_offer(read_board);
    }
    close(PYW_BOARD_FD);
}

/* For pyw_loader_watch, whose function gets no argument. */
static struct pyw_roster *roster;

/* Of the scripts to import at the start, those that failed so far. Main thread, then
 * whoever loads a script, in the interpreter's GIL. */
static struct {
    atomic_bool is_failed[PYW_SETUP_MAX_PRELOADS];
    _Atomic(struct pyw_host *) teller; /* whose slot says so; NULL: not yet */
} preloaded;

static void tell_broken(struct pyw_host *host)
{
    uint32_t count = 0;

    for (size_t i = 0; i < host->setup->preload_count; i++) {
        count += atomic_load(&preloaded.is_failed[i]) ? 1 : 0;
    }
    pyw_table_set_broken(host->table, host->setup->slot, count);
}

/* One that failed at the start may load later, as when its database is there again. */
static void note_mended(const char *script, const char *application_group)
{
    struct pyw_host *host = atomic_load(&preloaded.teller);

    if (host == NULL) {
        return;
    }
    for (size_t i = 0; i < host->setup->preload_count; i++) {
        const struct pyw_preload *preload = &host->setup->preloads[i];

        if (strcmp(preload->script, script) == 0 &&
            strcmp(preload->application_group, application_group) == 0 &&
            atomic_exchange(&preloaded.is_failed[i], false)) {
            tell_broken(host);
        }
    }
}

static void note_loaded(const char *script, const char *application_group)
{
    pyw_roster_add(roster, script, application_group);
    note_mended(script, application_group);
}

/* What those that this process replaces had loaded, if it is still there. A zygote has
 * the main interpreter only. @return false: one does not load. */
static bool load_as_before(const struct pyw_setup *setup)
{
    static struct pyw_roster_entry entry; /* large */
    bool has_loaded = true;

    for (size_t i = 0; i < PYW_ROSTER_ENTRIES; i++) {
        struct pyw_preload preload = {.script = entry.script,
                                      .application_group = entry.application_group};

        if (pyw_roster_get(roster, i, &entry) && access(entry.script, F_OK) == 0 &&
            (!setup->is_zygote || entry.application_group[0] == '\0')) {
            has_loaded &= pyw_loader_preload(&preload) == 0;
        }
        if (!has_loaded && setup->must_load) {
            break; /* it will not be ready */
        }
    }
    return has_loaded;
}

/* A script that fails has said so, and its requests answer 500 until it changes. But a
 * successor ends where one fails that its predecessors serve. @return 0 or the exit
 * status of the process. */
static int load_scripts(struct pyw_host *host, bool *has_loaded)
{
    const struct pyw_setup *setup = host->setup;
    int status = 0;

    roster = pyw_table_roster(host->table);
    pyw_loader_watch(note_loaded);
    *has_loaded = true;
    for (size_t i = 0; i < setup->preload_count && status == 0; i++) {
        const struct pyw_preload *preload = &setup->preloads[i];

        if (pyw_loader_preload(preload) == 0) {
            continue;
        }
        *has_loaded = false;
        atomic_store(&preloaded.is_failed[i], true);
        if (setup->must_load &&
            pyw_roster_has(roster, preload->script, preload->application_group)) {
            status = PYW_EXIT_LOAD;
        }
    }
    if (status == 0 && (setup->must_load || setup->is_zygote) &&
        !load_as_before(setup)) {
        *has_loaded = false;
        status = setup->must_load ? PYW_EXIT_LOAD : 0;
    }
    return status;
}

/* The same for interpreters beside the first. @return likewise. */
static int load_lanes(const struct pyw_host *host)
{
    int rv = pyw_interpreter_lanes() > 1 ? pyw_lanes_load(&host->setup->options) : 0;

    return rv == 0 ? 0 : fail_start(strerror(-rv));
}

static int start_python(struct pyw_host *host)
{
    const struct pyw_setup *setup = host->setup;
    char why[2048] = "";

    pyw_serve_register();
    if (pyw_runtime_check(setup, why, sizeof(why)) != 0 ||
        pyw_runtime_start(setup, pyw_journal_text, why, sizeof(why)) != 0) {
        PYW_LOG(pyw_journal_line, NULL, DAEMON_PYTHON, setup->group, why);
        return 1;
    }
    return 0;
}

static void start_helpers(struct pyw_host *host)
{
    pyw_reporter_start(host->setup);
    pyw_pulse_start(host);
    pyw_dispatch_start(host);
}

static int start_workers(struct pyw_host *host)
{
    int rv;

    atomic_store(&preloaded.teller, host);
    tell_broken(host);
    rv = pyw_setup_is_service(host->setup) ? 0 : pyw_worker_start_all(host);
    if (rv != 0) {
        PYW_LOG(pyw_journal_line, NULL, DAEMON_THREADS, atomic_load(&host->workers),
                (int)host->setup->options.threads, host->setup->group, strerror(-rv));
        return 1;
    }
    pyw_table_set_capacity(host->table, host->setup->slot, atomic_load(&host->workers));
    return 0;
}

/* What the administrator puts into the environment; before the second thread starts.
 * env= beats env-file=. */
static int set_environment(const struct pyw_options *options)
{
    char why[2048] = "";
    int rv = 0;

    if (options->env_file != NULL &&
        pyw_environment_read(options->env_file, why, sizeof(why)) != 0) {
        PYW_LOG(pyw_journal_line, NULL, DAEMON_ENV_FILE, why);
        return -1;
    }
    for (size_t i = 0; rv == 0 && i < options->env.count; i++) {
        rv = pyw_environment_set(options->env.items[i]);
    }
    if (rv == 0 && options->python_eggs != NULL &&
        setenv("PYTHON_EGG_CACHE", options->python_eggs, 1) != 0) {
        rv = -errno;
    }
    return rv == 0 ? 0 : fail_start(strerror(-rv));
}

/* Before the first thread but main. */
static void prepare_signals(struct pyw_host *host)
{
    pyw_signals_install(host);
    pyw_handlers_init(pyw_signals_wake_main);
}

/* Until the scripts are imported. @return 0 or the exit status. */
static int start_alone(struct pyw_host *host)
{
    bool has_loaded;
    int status;

    prepare_signals(host);
    pyw_limits_log(&host->limits, host->setup->group);
    if (pyw_monitor_start(host) != 0) {
        return fail_start(NO_MONITOR);
    }
    if (start_python(host) != 0) {
        return 1;
    }
    start_helpers(host);
    if (let_go_of_forks(host) != 0) {
        return 1;
    }
    if (pyw_setup_is_service(host->setup)) {
        return pyw_service_prepare(host); /* its scripts are its program */
    }
    status = load_scripts(host, &has_loaded);
    return status == 0 ? load_lanes(host) : status;
}

/* The same with preload=On: in a zygote first, then in a process that it forks. The
 * zygote itself does not come back. @return 0 or the exit status. */
static int start_forked(struct pyw_host *host, struct pyw_setup *setup)
{
    bool has_loaded;
    int status;
    int rv;

    prepare_signals(host);
    pyw_after_fork_defer(true);
    if (start_python(host) != 0) {
        return 1;
    }
    status = load_scripts(host, &has_loaded);
    if (status != 0) {
        return status;
    }
    rv = pyw_zygote_serve(host, setup, has_loaded);
    if (rv != 0) {
        return fail_start(strerror(-rv));
    }
    pyw_limits_log(&host->limits, host->setup->group);
    if (pyw_monitor_start(host) != 0) {
        return fail_start(NO_MONITOR);
    }
    start_helpers(host);
    if (let_go_of_forks(host) != 0) {
        return 1;
    }
    if (pyw_forking_finish(setup) != 0) {
        return setup->must_load ? PYW_EXIT_LOAD : 1;
    }
    return 0;
}

/* Until the process is ready. @return 0 or the exit status. */
static int start(struct pyw_host *host, struct pyw_setup *setup)
{
    int status;

    if (set_environment(&setup->options) != 0) {
        return 1;
    }
    status = setup->is_zygote ? start_forked(host, setup) : start_alone(host);
    if (status != 0) {
        return status;
    }
    if (!pyw_setup_is_service(setup) && !pyw_warmup_run(host) && setup->must_load) {
        return PYW_EXIT_LOAD;
    }
    return start_workers(host);
}

/* Runs the process to its end. */
static int serve(struct pyw_host *host, struct pyw_setup *setup)
{
    int status = start(host, setup);

    if (status != 0) {
        return status;
    }
    atomic_store(&host->is_started, true);
    pyw_host_wake(host);
    if (pyw_setup_is_service(host->setup)) {
        return pyw_service_run(host);
    }
    while (pyw_host_phase(host) < PYW_PHASE_STOPPING) {
        (void)sem_wait(&host->end);
        pyw_handlers_run();
    }
    pyw_dispatch_finish(host);
    pyw_handlers_end();
    pyw_runtime_stop();
    pyw_reporter_stopped();
    return 0;
}

static int run(void)
{
    static struct pyw_setup setup; /* large, and lives as long as the process */
    static struct pyw_host host;
    struct pyw_table *table;
    char why[256] = "";
    size_t len = 0;
    char *text = read_setup(&len);
    int rv;

    if (text == NULL) {
        return fail_start("its setup could not be read");
    }
    if (pyw_setup_get(text, len, &setup, why, sizeof(why)) != 0) {
        PYW_LOG(pyw_journal_line, NULL, DAEMON_SETUP, why, PYW_VERSION);
        return 1;
    }
    close(PYW_SETUP_FD);
    prepare_descriptors();
    open_board(&setup);
    rv = pyw_table_open(PYW_TABLE_FD, &table);
    if (rv == -EPROTO || (rv == 0 && setup.slot >= pyw_table_slots(table))) {
        PYW_LOG(pyw_journal_line, NULL, DAEMON_SETUP, "group table", PYW_VERSION);
        return 1;
    }
    if (rv == 0) {
        rv = pyw_host_init(&host, &setup, table);
    }
    return rv == 0 ? serve(&host, &setup) : fail_start(strerror(-rv));
}

int main(int argc, char **argv)
{
    int status;

    if (argc > 1 && strcmp(argv[1], "--version") == 0) {
        return say_version();
    }
    if (argc > 1 && strcmp(argv[1], "--help") == 0) {
        return say_help(stdout);
    }
    if (!has_setup()) {
        return say_help(stderr);
    }
    status = run();
    /* Not exit(): worker threads still run, and the destructors of extension modules
     * are not ready for that. What Python has to write, pyw_runtime_stop has written.
     */
    _exit(status);
}
