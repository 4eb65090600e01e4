#include "apache/groups.h"

#include <ap_mpm.h>
#include <apr_strings.h>
#include <dirent.h>
#include <errno.h>
#include <http_config.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>
#include <unixd.h>

#include "apache/conf.h"
#include "apache/group_rules.h"
#include "apache/heritage.h"
#include "apache/log.h"
#include "apache/places.h"
#include "apache/python_conf.h"
#include "apache/score.h"
#include "channel/cells.h"
#include "supervisor/private_tmp.h"

#define SOCKET_PREFIX "wsgi"
/* With WSGISocketRotation Off the supervisor of an earlier generation may remove the
 * directory, empty by then, before the first socket of this one lies in it. */
#define DIR_TRIES 5
/* A successor starts beside each process that it replaces. */
#define SLOTS_PER_PROCESS 2

/* --- the socket directory --- */

/* Where the sockets of this generation lie. */
struct place {
    const char *dir;
    unsigned generation;
    bool is_shared;     /* with earlier generations: WSGISocketRotation Off */
    bool is_for_others; /* somebody but Apache's user connects: socket-user= */
};

/* Sockets that a server of the same process id left behind when it was killed. */
static void remove_leftovers(const char *path)
{
    DIR *dir = opendir(path);
    const struct dirent *entry;

    if (dir == NULL) {
        return;
    }
    while ((entry = readdir(dir)) != NULL) {
        if (entry->d_type == DT_SOCK) {
            (void)unlinkat(dirfd(dir), entry->d_name, 0);
        }
    }
    closedir(dir);
}

/* Makes sure of a directory of our own that Apache's user can pass. @return NULL or a
 * sentence. */
static const char *make_socket_dir(apr_pool_t *pool, const struct place *place)
{
    const char *path = place->dir;
    bool is_root = geteuid() == 0;
    struct stat about;
    mode_t mode = S_IRWXU;

    if (is_root) {
        mode |= place->is_for_others ? S_IXGRP | S_IXOTH : S_IXGRP;
    }
    if (mkdir(path, S_IRWXU) != 0 && errno != EEXIST) {
        return apr_psprintf(
            pool,
            "the socket directory '%s' could not be made: %s. Set WSGISocketPrefix "
            "to a place that Apache may write to",
            path, strerror(errno));
    }
    if (lstat(path, &about) != 0 || !S_ISDIR(about.st_mode) ||
        about.st_uid != geteuid()) {
        return apr_psprintf(
            pool, "'%s' is in the way and is not a directory of ours: remove it", path);
    }
    if (!place->is_shared || place->generation == 1) {
        remove_leftovers(path);
    }
    if ((is_root && chown(path, 0, ap_unixd_config.group_id) != 0) ||
        chmod(path, mode) != 0) {
        return apr_psprintf(
            pool, "the socket directory '%s' could not be given its owner: %s", path,
            strerror(errno));
    }
    return NULL;
}

const char *pyw_groups_socket_prefix(apr_pool_t *pool)
{
    const char *prefix = pyw_conf_global()->socket_prefix;

    return prefix != NULL ? prefix : ap_runtime_dir_relative(pool, SOCKET_PREFIX);
}

static const char *socket_dir_path(apr_pool_t *pool, const struct place *place)
{
    const char *prefix = pyw_groups_socket_prefix(pool);

    return place->is_shared ? apr_psprintf(pool, "%s.%d.u%u", prefix, (int)getpid(),
                                           (unsigned)geteuid())
                            : apr_psprintf(pool, "%s.%d.%u", prefix, (int)getpid(),
                                           place->generation);
}

/* --- one group --- */

static size_t ask_limit(int query)
{
    int answer = 0;

    return ap_mpm_query(query, &answer) == APR_SUCCESS && answer > 0 ? (size_t)answer
                                                                     : 1;
}

static const char *set_identity(apr_pool_t *pool, struct pyw_group *group,
                                const struct pyw_group_conf *conf)
{
    struct pyw_identity *identity = &group->identity;
    char why[512];

    identity->is_changed = geteuid() == 0;
    if (identity->is_changed) {
        identity->uid = conf->has_user ? conf->uid : ap_unixd_config.user_id;
        identity->gid = conf->has_group ? conf->gid : ap_unixd_config.group_id;
        if (identity->uid == 0) {
            return apr_psprintf(
                pool,
                "process group '%s': WSGI process blocked from running as root. Set "
                "User in the server's configuration, or user= here",
                conf->name);
        }
    } else {
        identity->uid = geteuid();
        identity->gid = getegid();
    }
    if (pyw_identity_complete(identity, conf->options.supplementary_groups, why,
                              sizeof(why)) != 0) {
        return apr_psprintf(pool, "process group '%s': %s", conf->name, why);
    }
    if (!identity->is_changed || identity->uid == ap_unixd_config.user_id) {
        group->apache_home = "/";
    }
    return NULL;
}

static void set_preloads(struct pyw_setup *setup, const struct pyw_group_conf *conf)
{
    const char *root = conf->options.chroot;

    pyw_conf_fill_preloads(setup, conf->preloads);
    for (size_t i = 0; root != NULL && i < setup->preload_count; i++) {
        struct pyw_preload *preload = &setup->preloads[i];

        preload->script = pyw_group_rules_inside(root, preload->script);
    }
}

static void set_setup(struct pyw_group *group, const struct pyw_group_conf *conf)
{
    struct pyw_setup *setup = &group->setup;

    setup->group = conf->name;
    setup->options = conf->options;
    if (setup->options.python_home == NULL) {
        setup->options.python_home = pyw_conf_global()->python_home;
    }
    setup->peer_uid = geteuid() == 0 ? ap_unixd_config.user_id : geteuid();
    if (conf->socket_uid != (uid_t)-1) {
        setup->peer_uid = conf->socket_uid;
    }
    pyw_places_fill_setup(setup);
    pyw_python_conf_fill(setup);
    setup->maximum_processes = (uint32_t)conf->options.processes;
    setup->threads_per_process = (uint32_t)conf->options.threads;
    setup->is_multiprocess = conf->options.has_processes;
    set_preloads(setup, conf);
}

/* Who owns the sockets: whoever connects. */
static uid_t socket_owner(const struct pyw_group_conf *conf)
{
    if (geteuid() != 0) {
        return (uid_t)-1;
    }
    return conf->socket_uid != (uid_t)-1 ? conf->socket_uid : ap_unixd_config.user_id;
}

/* The sockets of a group, and what else is made for it. @return NULL or a sentence. */
static const char *open_group(apr_pool_t *pool, const struct pyw_group_conf *conf,
                              const struct place *place, unsigned index,
                              struct pyw_group *group)
{
    const char *name = place->is_shared
                           ? apr_psprintf(pool, "%u.%u", place->generation, index)
                           : apr_psprintf(pool, "%u", index);
    char why[1024] = "out of memory";

    for (int tries = 1;; tries++) {
        int rv = pyw_group_open(group, place->dir, name, socket_owner(conf), why,
                                sizeof(why));
        const char *error;

        if (rv == 0) {
            return NULL;
        }
        if (rv != -ENOENT || tries == DIR_TRIES) {
            return apr_psprintf(pool, "process group '%s': %s", conf->name, why);
        }
        pyw_group_close(group, true);
        error = make_socket_dir(pool, place);
        if (error != NULL) {
            return error;
        }
    }
}

/* With private-tmp=On. @return NULL or a sentence. */
static const char *open_private_tmp(apr_pool_t *pool, struct pyw_group *group)
{
    const struct pyw_options *options = &group->setup.options;
    char why[1024];

    if (!options->private_tmp) {
        return NULL;
    }
    group->tmp_fd = pyw_private_tmp_open(options->chroot, why, sizeof(why));
    return group->tmp_fd > 0
               ? NULL
               : apr_psprintf(pool, "process group '%s': %s", group->name, why);
}

/* Children of this generation at a time. */
static uint32_t count_cells(void)
{
    size_t limit = ask_limit(AP_MPMQ_HARD_LIMIT_DAEMONS);

    return limit < PYW_CELLS_MAX ? (uint32_t)limit : PYW_CELLS_MAX;
}

/* A group that serves no requests, and has nothing to run either, needs no processes.
 */
static bool has_purpose(const struct pyw_group_conf *conf)
{
    return conf->options.threads > 0 || conf->preloads->nelts > 0;
}

static const char *prepare_one(apr_pool_t *pool, const struct pyw_group_conf *conf,
                               const struct place *place, unsigned index,
                               struct pyw_group **prepared)
{
    struct pyw_group *group = apr_pcalloc(pool, sizeof(*group));
    const char *error;

    *prepared = group;
    group->name = conf->name;
    group->slots = (uint32_t)conf->options.processes * SLOTS_PER_PROCESS;
    group->cells = count_cells();
    group->module_dir = pyw_places_module_dir();
    group->libexec_dir = pyw_places_libexec_dir();
    group->log_context = conf->server;
    error = set_identity(pool, group, conf);
    if (error != NULL) {
        return error;
    }
    set_setup(group, conf);
    error = open_group(pool, conf, place, index, group);
    if (error == NULL) {
        error = open_private_tmp(pool, group);
    }
    if (error == NULL && !pyw_setup_is_service(&group->setup)) {
        group->before = pyw_heritage_take(pool, group);
    }
    if (group->before != NULL) {
        pyw_roster_copy(pyw_table_roster(group->table),
                        pyw_table_roster(group->before->table));
    }
    return error;
}

/* --- snapshots of the scoreboard --- */

/* A worker's part of a snapshot at most, its share of the process's included. */
#define WORKER_MAX 256
#define BOARD_MAX ((size_t)256 * 1024 * 1024)

struct board {
    struct pyw_board *mapping;
    int fd;
    pid_t parent;
};

static apr_status_t close_board(void *data)
{
    struct board *board = data;

    if (getpid() != board->parent) {
        return APR_SUCCESS; /* a child that ends, whose threads may still be at it */
    }
    pyw_score_set_board(NULL);
    pyw_board_close(board->mapping);
    close(board->fd);
    return APR_SUCCESS;
}

/* For the groups that asked for it. @return NULL or a sentence. */
static const char *prepare_board(apr_pool_t *pconf,
                                 const struct pyw_supervisor_plan *plan)
{
    size_t capacity = ask_limit(AP_MPMQ_HARD_LIMIT_DAEMONS) *
                      (ask_limit(AP_MPMQ_HARD_LIMIT_THREADS) + 1) * WORKER_MAX;
    struct board *board = NULL;
    int rv;

    pyw_score_set_board(NULL);
    for (size_t i = 0; i < plan->group_count; i++) {
        if (!plan->groups[i]->setup.options.server_metrics) {
            continue;
        }
        if (board == NULL) {
            board = apr_pcalloc(pconf, sizeof(*board));
            board->parent = getpid();
            rv = pyw_board_create(capacity < BOARD_MAX ? capacity : BOARD_MAX,
                                  &board->mapping, &board->fd);
            if (rv != 0) {
                return apr_psprintf(
                    pconf, "shared memory for server-metrics= could not be had: %s",
                    strerror(-rv));
            }
            apr_pool_cleanup_register(pconf, board, close_board, apr_pool_cleanup_null);
            pyw_score_set_board(board->mapping);
        }
        plan->groups[i]->board_fd = board->fd;
    }
    return NULL;
}

/* Nothing of a server that does not start stays on disk. */
static const char *give_up(const struct pyw_supervisor_plan *plan, const char *error)
{
    for (size_t i = 0; i < plan->group_count; i++) {
        pyw_group_close(plan->groups[i], true);
    }
    (void)rmdir(plan->socket_dir); /* not where others have sockets in it */
    return error;
}

const char *pyw_groups_prepare(apr_pool_t *pconf, server_rec *s, unsigned generation,
                               struct pyw_supervisor_plan *plan)
{
    const apr_array_header_t *confs = pyw_conf_global()->groups;
    struct place place = {.generation = generation,
                          .is_shared = pyw_conf_global()->socket_rotation == PYW_OFF};
    bool is_needed = false;
    const char *error;

    (void)s;
    for (int i = 0; i < confs->nelts; i++) {
        const struct pyw_group_conf *conf =
            APR_ARRAY_IDX(confs, i, struct pyw_group_conf *);

        place.is_for_others |= conf->socket_uid != (uid_t)-1;
        is_needed |= has_purpose(conf);
        if (!has_purpose(conf)) {
            PYW_LOG(pyw_log_server, conf->server, SERVICE_WITHOUT_PROGRAM, conf->name,
                    conf->name);
        }
    }
    if (!is_needed) {
        return NULL;
    }
    place.dir = socket_dir_path(pconf, &place);
    plan->socket_dir = place.dir;
    error = make_socket_dir(pconf, &place);
    if (error != NULL) {
        return error;
    }
    plan->groups =
        apr_pcalloc(pconf, (apr_size_t)confs->nelts * sizeof(struct pyw_group *));
    for (int i = 0; i < confs->nelts; i++) {
        const struct pyw_group_conf *conf =
            APR_ARRAY_IDX(confs, i, struct pyw_group_conf *);

        if (!has_purpose(conf)) {
            continue;
        }
        error = prepare_one(pconf, conf, &place, (unsigned)i,
                            &plan->groups[plan->group_count]);
        plan->group_count++;
        if (error != NULL) {
            return give_up(plan, error);
        }
    }
    error = prepare_board(pconf, plan);
    return error != NULL ? give_up(plan, error) : NULL;
}
