#include "apache/launch.h"

#include <ap_listen.h>
#include <ap_mpm.h>
#include <apr_hash.h>
#include <apr_strings.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <http_config.h>
#include <http_core.h>
#include <http_log.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include <unixd.h>

#include "apache/bridge.h"
#include "apache/conf.h"
#include "apache/control_socket.h"
#include "apache/entry.h"
#include "apache/groups.h"
#include "apache/heritage.h"
#include "apache/log.h"
#include "apache/module.h"
#include "apache/places.h"
#include "apache/preload.h"
#include "apache/python_conf.h"
#include "apache/service.h"
#include "apache/telemetry.h"
#include "base/clock.h"
#include "base/path.h"
#include "channel/vitals.h"
#include "supervisor/turn.h"

#define RETAINED_KEY "pywsgi-launch"
#define TURN_KEY "pywsgi-turn"
#define SUPERVISORS_MAX 64
/* A stopping server waits this long for the daemons, on top of their shutdown-timeout.
 */
#define STOP_WAIT_MS 5000
#define STOP_LOOK_MS 20
/* A supervisor that ends sooner is mostly one that cannot even begin. */
#define QUICK_END_MS 500

/* Survives restarts, where the module itself is loaded anew: supervisors of earlier
 * generations may still be finishing, and the parent must know them as its own when
 * they end. Plain data only. */
struct retained {
    unsigned generation;
    int64_t started_ms;
    struct pyw_control_socket control;
    size_t count;
    pid_t pids[SUPERVISORS_MAX];
};

/* Parent, one configuration's lifetime. */
static struct {
    pid_t parent;
    apr_pool_t *pconf;
    apr_pool_t *plog;
    server_rec *server;
    struct retained *retained;
    struct pyw_supervisor_plan plan;
    apr_proc_t supervisor;
    int64_t started_ms; /* that supervisor */
    int lifeline[2];    /* parent to supervisor */
    int children[2];    /* every child of this generation holds the write end open */
    int heirs[2];       /* configurations that come after tell by it: apache/heritage */
} launch;

/* Child: group name -> struct pyw_pool *. */
static apr_hash_t *pools;

struct pyw_pool *pyw_launch_pool(const char *group)
{
    return pools != NULL ? apr_hash_get(pools, group, APR_HASH_KEY_STRING) : NULL;
}

const struct pyw_supervisor_plan *pyw_launch_plan(void)
{
    return &launch.plan;
}

/* --- supervisors known to the parent --- */

static void remember(pid_t pid)
{
    if (launch.retained->count < SUPERVISORS_MAX) {
        launch.retained->pids[launch.retained->count++] = pid;
    }
}

static void forget(pid_t pid)
{
    struct retained *retained = launch.retained;

    for (size_t i = 0; i < retained->count; i++) {
        if (retained->pids[i] == pid) {
            retained->pids[i] = retained->pids[--retained->count];
            return;
        }
    }
}

static bool start_supervisor(void);

static void supervisor_changed(int reason, void *data, apr_wait_t status)
{
    apr_proc_t *process = data;
    int state = AP_MPMQ_STOPPING;

    (void)status;
    if (reason == APR_OC_REASON_RESTART) {
        /* Apache ends its children, for a stop or an ungraceful restart, and they wait
         * for their requests: without this until they are killed, some 10 s later. */
        (void)kill(process->pid, SIGTERM);
        return;
    }
    if (reason != APR_OC_REASON_DEATH && reason != APR_OC_REASON_LOST) {
        return;
    }
    apr_proc_other_child_unregister(process);
    forget(process->pid);
    (void)ap_mpm_query(AP_MPMQ_MPM_STATE, &state);
    if (process == &launch.supervisor && state != AP_MPMQ_STOPPING) {
        PYW_LOG(pyw_log_server, launch.server, SUPERVISOR_DIED, (int)process->pid);
        pyw_vitals_clear(launch.plan.vitals);
        if (pyw_clock_now_ms() - launch.started_ms < QUICK_END_MS) {
            apr_sleep(apr_time_from_msec(QUICK_END_MS)); /* or it dies over and over */
        }
        (void)start_supervisor();
    }
}

static void watch(apr_proc_t *process)
{
    apr_proc_other_child_register(process, supervisor_changed, process, NULL,
                                  launch.pconf);
}

/* Supervisors of earlier generations, forgotten by Apache when their configuration
 * went. */
static void watch_earlier(void)
{
    for (size_t i = 0; i < launch.retained->count; i++) {
        apr_proc_t *process = apr_pcalloc(launch.pconf, sizeof(*process));

        process->pid = launch.retained->pids[i];
        watch(process);
    }
}

/* --- the supervisor process --- */

static void log_for_supervisor(void *context, enum pyw_level level, const char *format,
                               ...)
{
    server_rec *s = context != NULL ? context : launch.server;
    va_list arguments;
    char *text;
    int len;

    va_start(arguments, format);
    len = vasprintf(&text, format, arguments);
    va_end(arguments);
    if (len >= 0) {
        pyw_entry_server(s, level, text, (size_t)len);
        free(text);
    }
}

__attribute__((noreturn)) static void be_supervisor(void)
{
    /* The kernel's word that the parent is gone, should the pipe be held open by
     * somebody. */
    (void)prctl(PR_SET_PDEATHSIG, SIGTERM);
    close(launch.lifeline[1]);
    close(launch.children[1]);
    close(launch.heirs[1]);
    ap_close_listeners();
    _exit(pyw_supervisor_run(&launch.plan));
}

static void close_pipe(int ends[2])
{
    for (int i = 0; i < 2; i++) {
        if (ends[i] >= 0) {
            close(ends[i]);
            ends[i] = -1;
        }
    }
}

static void close_doorbell(void)
{
    if (launch.plan.doorbell_fd >= 0) {
        close(launch.plan.doorbell_fd);
        launch.plan.doorbell_fd = -1;
    }
}

/* Once for a generation: its children ring whichever supervisor there is. */
static int open_doorbell(void)
{
    if (launch.plan.doorbell_fd < 0) {
        launch.plan.doorbell_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    }
    return launch.plan.doorbell_fd >= 0 ? 0 : -errno;
}

/* Likewise. */
static int open_vitals(void)
{
    if (launch.plan.vitals == NULL) {
        launch.plan.vitals = pyw_vitals_create();
    }
    return launch.plan.vitals != NULL ? 0 : -ENOMEM;
}

/* A lifeline for the supervisor to be forked, and once the pipe of this generation. */
static int open_pipes(void)
{
    close_pipe(launch.lifeline);
    if (pipe2(launch.lifeline, O_CLOEXEC) != 0) {
        return -errno;
    }
    if (launch.children[0] < 0 && pipe2(launch.children, O_CLOEXEC) != 0) {
        return -errno;
    }
    if (launch.heirs[0] < 0 && pipe2(launch.heirs, O_CLOEXEC | O_NONBLOCK) != 0) {
        return -errno;
    }
    launch.plan.parent = launch.parent;
    launch.plan.lifeline_fd = launch.lifeline[0];
    launch.plan.children_fd = launch.children[0];
    launch.plan.heirs_fd = launch.heirs[0];
    return open_doorbell();
}

/* Told to end before it has set itself up, it would leave sockets behind: until then
 * the signal waits. */
static pid_t fork_supervisor(void)
{
    sigset_t wanted;
    sigset_t before;
    pid_t pid;

    sigemptyset(&wanted);
    sigaddset(&wanted, SIGTERM);
    (void)sigprocmask(SIG_BLOCK, &wanted, &before); /* cannot fail */
    pid = fork();
    if (pid == 0) {
        be_supervisor();
    }
    (void)sigprocmask(SIG_SETMASK, &before, NULL);
    return pid;
}

static bool start_supervisor(void)
{
    int rv = open_pipes();
    pid_t pid;

    rv = rv == 0 ? open_vitals() : rv;
    if (rv != 0) {
        PYW_LOG(pyw_log_server, launch.server, SUPERVISOR_FORK, strerror(-rv));
        return false;
    }
    pid = fork_supervisor();
    if (pid < 0) {
        PYW_LOG(pyw_log_server, launch.server, SUPERVISOR_FORK, strerror(errno));
        return false;
    }
    launch.supervisor.pid = pid;
    launch.started_ms = pyw_clock_now_ms();
    remember(pid);
    watch(&launch.supervisor);
    return true;
}

/* --- the end of a configuration --- */

static void wait_for(pid_t pid, int64_t deadline_ms)
{
    int status;

    while (waitpid(pid, &status, WNOHANG) == 0) {
        if (pyw_clock_until(deadline_ms) == 0) {
            /* Its daemons end when its pipes close. */
            (void)kill(pid, SIGKILL);
            (void)waitpid(pid, &status, 0);
            return;
        }
        apr_sleep(apr_time_from_msec(STOP_LOOK_MS));
    }
}

static int64_t stop_deadline_ms(void)
{
    int64_t longest_s = 5;

    for (size_t i = 0; i < launch.plan.group_count; i++) {
        int64_t own_s = launch.plan.groups[i]->setup.options.shutdown_timeout_s;

        longest_s = own_s > longest_s ? own_s : longest_s;
    }
    return pyw_clock_now_ms() + longest_s * 1000 + STOP_WAIT_MS;
}

static apr_status_t leave(void *data)
{
    static const char retire = 'G';
    bool is_restart = ap_state_query(AP_SQ_MAIN_STATE) == AP_SQ_MS_DESTROY_CONFIG;

    (void)data;
    if (getpid() != launch.parent) {
        return APR_SUCCESS;
    }
    pyw_service_leave(is_restart);
    if (launch.lifeline[1] >= 0 && is_restart) {
        /* The old generation serves its children until the last has gone. Where the
         * byte cannot be written, the end of the pipe says the same more abruptly. */
        (void)!write(launch.lifeline[1], &retire, 1);
    }
    if (is_restart && launch.heirs[1] >= 0) {
        pyw_heritage_leave(&launch.plan, launch.heirs[1], launch.plog);
    }
    close_pipe(launch.lifeline);
    close_pipe(launch.children);
    close_pipe(launch.heirs);
    close_doorbell();
    pyw_vitals_close(launch.plan.vitals);
    launch.plan.vitals = NULL;
    if (!is_restart) {
        int64_t deadline_ms = stop_deadline_ms();

        for (size_t i = 0; i < launch.retained->count; i++) {
            if (launch.retained->pids[i] != launch.supervisor.pid) {
                (void)kill(launch.retained->pids[i], SIGTERM);
            }
        }
        while (launch.retained->count > 0) {
            wait_for(launch.retained->pids[--launch.retained->count], deadline_ms);
        }
        pyw_control_socket_close(&launch.retained->control);
    }
    for (size_t i = 0; i < launch.plan.group_count; i++) {
        pyw_group_close(launch.plan.groups[i], false);
    }
    return APR_SUCCESS;
}

/* --- hooks --- */

static int pre_config(apr_pool_t *pconf, apr_pool_t *plog, apr_pool_t *ptemp)
{
    (void)plog;
    (void)ptemp;
    pyw_conf_reset(pconf);
    pyw_heritage_claim();
    return OK;
}

static struct retained *get_retained(void)
{
    struct retained *retained = ap_retained_data_get(RETAINED_KEY);

    return retained != NULL ? retained
                            : ap_retained_data_create(RETAINED_KEY, sizeof(*retained));
}

/* One file for all generations, which is why the parent keeps it. @return false: there
 * is none (logged). */
static bool share_turns(void)
{
    int *file = ap_retained_data_get(TURN_KEY);

    if (file == NULL) {
        file = ap_retained_data_create(TURN_KEY, sizeof(*file));
        *file = -1;
    }
    for (size_t i = 0; i < launch.plan.group_count; i++) {
        struct pyw_group *group = launch.plan.groups[i];

        if (!pyw_setup_is_service(&group->setup)) {
            continue;
        }
        *file = *file < 0 ? pyw_turn_create() : *file;
        if (*file < 0) {
            PYW_LOG(pyw_log_server, launch.server, GROUPS_FAILED, strerror(-*file));
            return false;
        }
        group->turn_file = *file;
    }
    return true;
}

static int launch_groups(apr_pool_t *pconf, server_rec *s)
{
    const char *error;

    error = pyw_groups_prepare(pconf, s, launch.retained->generation, &launch.plan);
    pyw_heritage_settle();
    if (error != NULL) {
        PYW_LOG(pyw_log_server, s, GROUPS_FAILED, error);
        return HTTP_INTERNAL_SERVER_ERROR;
    }
    if (!share_turns()) {
        return HTTP_INTERNAL_SERVER_ERROR;
    }
    launch.plan.log = log_for_supervisor;
    launch.plan.manager = pyw_service_find(s);
    launch.plan.generation = launch.retained->generation;
    launch.plan.server_started_ms = launch.retained->started_ms;
    launch.plan.control_file = &launch.retained->control.file;
    apr_pool_cleanup_register(pconf, NULL, leave, apr_pool_cleanup_null);
    launch.plan.control_fd = pyw_control_socket_open(
        pconf, s, launch.plan.group_count > 0, &launch.retained->control);
    if (launch.plan.group_count == 0) {
        pyw_service_say_ready("Serving without process groups");
    } else if (!start_supervisor()) {
        /* Logged; other requests of the server need no daemons. */
        pyw_service_say_ready("No process group could be started, see the error log");
    }
    return OK;
}

static void say_notices(void)
{
    const apr_array_header_t *notices = pyw_conf_global()->notices;

    for (int i = 0; i < notices->nelts; i++) {
        const struct pyw_notice *notice = &APR_ARRAY_IDX(notices, i, struct pyw_notice);

        pyw_log_server(notice->server, notice->level, "%s", notice->text);
    }
}

static int post_config(apr_pool_t *pconf, apr_pool_t *plog, apr_pool_t *ptemp,
                       server_rec *s)
{
    if (ap_state_query(AP_SQ_MAIN_STATE) == AP_SQ_MS_CREATE_PRE_CONFIG ||
        ap_state_query(AP_SQ_RUN_MODE) != AP_SQ_RM_NORMAL) {
        return OK;
    }
    ap_add_version_component(pconf, "mod_pywsgi/" PYW_VERSION);
    pyw_places_find(pconf);
    say_notices();
    memset(&launch, 0, sizeof(launch));
    launch.lifeline[0] = launch.lifeline[1] = -1;
    launch.children[0] = launch.children[1] = -1;
    launch.heirs[0] = launch.heirs[1] = -1;
    launch.plan.doorbell_fd = -1;
    launch.plan.control_fd = -1;
    launch.parent = getpid();
    launch.pconf = pconf;
    launch.plog = plog;
    launch.server = s;
    launch.retained = get_retained();
    if (launch.retained->generation++ == 0) {
        launch.retained->started_ms = pyw_clock_now_ms();
    }
    watch_earlier();
    pyw_python_conf_check(s);
    pyw_telemetry_check(s);
    pyw_preload_complete(ptemp, s);
    return launch_groups(pconf, s);
}

/* The Apache user must be able to reach the sockets: better said now than once per
 * request. */
static void check_socket(const struct pyw_group *group, server_rec *s)
{
    char why[1024];

    if (group->setup.options.socket_user == NULL &&
        pyw_path_check(group->socket_paths[0], W_OK, why, sizeof(why)) != 0) {
        PYW_LOG(pyw_log_server, s, SOCKET_UNREACHABLE, group->name, why);
    }
}

/* What a forked child must not share with the parent, and how it learns of its end: a
 * child that lives on would hold the port against the next server, and serve with
 * nobody to replace it. */
static void part_from_parent(void)
{
    /* Not SIGTERM: MPMs only heed that together with a word from the parent. An orderly
     * parent has seen its children end before it ends itself. */
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    /* Only the parent may hold it, or the supervisor would not see its end. The write
     * end of the other pipe is kept: as long as it is open this generation is needed.
     */
    close_pipe(launch.lifeline);
    close_pipe(launch.heirs);
    for (size_t i = 0; i < launch.plan.group_count; i++) {
        struct pyw_group *before = launch.plan.groups[i]->before;

        if (before != NULL && before->heirs_fd >= 0) {
            close(before->heirs_fd);
            before->heirs_fd = -1;
        }
    }
    if (launch.plan.control_fd >= 0) {
        close(launch.plan.control_fd);
        launch.plan.control_fd = -1;
    }
    if (launch.children[0] >= 0) {
        close(launch.children[0]);
        launch.children[0] = -1;
    }
    if (getppid() != launch.parent) {
        (void)raise(SIGKILL); /* it ended before the line above asked to be told */
    }
}

static void init_child(apr_pool_t *pchild, server_rec *s)
{
    int is_single =
        ap_exists_config_define("ONE_PROCESS") || ap_exists_config_define("DEBUG");

    pyw_places_init_child(pchild);
    pools = apr_hash_make(pchild);
    for (size_t i = 0; i < launch.plan.group_count; i++) {
        struct pyw_group *group = launch.plan.groups[i];
        struct pyw_pool *pool;

        if (pyw_setup_is_service(&group->setup)) {
            continue; /* no requests go there */
        }
        pool = pyw_pool_create(pchild, group, launch.plan.doorbell_fd);
        if (pool != NULL) {
            apr_hash_set(pools, group->name, APR_HASH_KEY_STRING, pool);
        }
        check_socket(group, s);
    }
    if (!is_single) {
        part_from_parent();
    }
    pyw_bridge_init_child(pchild, s);
}

void pyw_launch_register_hooks(apr_pool_t *pool)
{
    (void)pool;
    ap_hook_pre_config(pre_config, NULL, NULL, APR_HOOK_MIDDLE);
    /* Last: by then all modules have named themselves in the description of the server,
     * and a configuration that another module refuses starts no supervisor. */
    ap_hook_post_config(post_config, NULL, NULL, APR_HOOK_LAST);
    ap_hook_child_init(init_child, NULL, NULL, APR_HOOK_MIDDLE);
}
