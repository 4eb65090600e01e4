#include "apache/group_rules.h"

#include <apr_strings.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "apache/conf.h"
#include "apache/log.h"

/* --- owner --- */

bool pyw_group_rules_have_owner(const struct pyw_group_conf *group)
{
    return group->script_uid != (uid_t)-1 || group->script_gid != (gid_t)-1;
}

/* What is wrong with a script or its directory; NULL: nothing. */
static const char *find_fault(const struct pyw_group_conf *group,
                              const struct stat *about)
{
    bool is_users = group->script_uid != (uid_t)-1;

    if (is_users && about->st_uid != group->script_uid) {
        return "belongs to another user";
    }
    if (!is_users && about->st_gid != group->script_gid) {
        return "belongs to another group";
    }
    if ((about->st_mode & S_IWOTH) != 0) {
        return "may be written by everybody";
    }
    if (is_users && (about->st_mode & S_IWGRP) != 0) {
        return "may be written by its group";
    }
    return NULL;
}

static int refuse(request_rec *r, const struct pyw_group_conf *group,
                  const char *script, const char *path, const char *fault)
{
    bool is_users = group->script_uid != (uid_t)-1;

    PYW_LOG(pyw_log_request, r, SCRIPT_OWNER, path, fault,
            is_users ? "script-user" : "script-group",
            is_users ? group->options.script_user : group->options.script_group,
            group->name, script);
    return HTTP_FORBIDDEN;
}

/* A script, as stat(2) sees it, and the directory that it lies in. */
static int check_place(request_rec *r, const struct pyw_group_conf *group,
                       const char *script, const char *path)
{
    const char *slash = strrchr(path, '/');
    const char *dir = slash == NULL || slash == path
                          ? "/"
                          : apr_pstrmemdup(r->pool, path, (apr_size_t)(slash - path));
    const char *const both[] = {path, dir};

    for (size_t i = 0; i < sizeof(both) / sizeof(both[0]); i++) {
        struct stat about;
        const char *fault =
            stat(both[i], &about) == 0 ? find_fault(group, &about) : strerror(errno);

        if (fault != NULL) {
            return refuse(r, group, script, both[i], fault);
        }
    }
    return OK;
}

/* Apache's own stat does not tell whether the script is a link; where it is one,
 * whoever may write to either directory chooses what is run. */
static int check_owner(request_rec *r, const struct pyw_group_conf *group,
                       const char *script)
{
    char real[PATH_MAX];
    struct stat about;
    int status;

    if (lstat(script, &about) != 0) {
        return refuse(r, group, script, script, strerror(errno));
    }
    status = check_place(r, group, script, script);
    if (status != OK || !S_ISLNK(about.st_mode)) {
        return status;
    }
    if (realpath(script, real) == NULL) {
        return refuse(r, group, script, script, strerror(errno));
    }
    return check_place(r, group, script, real);
}

/* --- chroot --- */

const char *pyw_group_rules_inside(const char *root, const char *path)
{
    size_t len = strlen(root);

    while (len > 0 && root[len - 1] == '/') {
        len--;
    }
    return strncmp(path, root, len) == 0 && path[len] == '/' ? path + len : NULL;
}

bool pyw_group_rules_sees(const struct pyw_group_conf *group, const char *path)
{
    const char *root = group->options.chroot;

    return root == NULL || pyw_group_rules_inside(root, path) != NULL;
}

static int enter_chroot(request_rec *r, const struct pyw_group_conf *group,
                        struct pyw_target *target)
{
    const char *root = group->options.chroot;
    const char *script = pyw_group_rules_inside(root, target->script);
    const char *filename = pyw_group_rules_inside(root, target->filename);

    if (script == NULL) {
        PYW_LOG(pyw_log_request, r, SCRIPT_OUTSIDE_CHROOT, target->script, root,
                group->name);
        return HTTP_INTERNAL_SERVER_ERROR;
    }
    target->script = script;
    target->filename = filename != NULL ? filename : target->filename;
    return OK;
}

/* --- interpreter --- */

static int check_interpreter(request_rec *r, const struct pyw_group_conf *group,
                             const struct pyw_target *target)
{
    if (!group->options.is_preload || *target->application_group == '\0') {
        return OK;
    }
    PYW_LOG(pyw_log_request, r, PRELOAD_GROUP, target->script,
            target->application_group, group->name);
    return HTTP_INTERNAL_SERVER_ERROR;
}

/* --- all --- */

int pyw_group_rules_apply(request_rec *r, struct pyw_target *target)
{
    const struct pyw_group_conf *group = target->group;
    int status = group != NULL ? check_interpreter(r, group, target) : OK;

    if (status == OK && group != NULL && pyw_group_rules_have_owner(group)) {
        status = check_owner(r, group, target->script);
    }
    if (status == OK && group != NULL && group->options.chroot != NULL) {
        status = enter_chroot(r, group, target);
    }
    return status;
}
