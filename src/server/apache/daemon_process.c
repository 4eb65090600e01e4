#include "apache/daemon_process.h"

#include <apr_lib.h>
#include <apr_strings.h>
#include <locale.h>
#include <sys/stat.h>
#include <unistd.h>
#include <unixd.h>

#include "apache/conf.h"
#include "supervisor/identity.h"

const char *pyw_daemon_process_next_option(cmd_parms *cmd, const char **line,
                                           const char *what, const char **name,
                                           const char **value)
{
    char *word = NULL;
    char *equals;

    *name = NULL;
    *value = NULL;
    while (apr_isspace(**line)) {
        (*line)++;
    }
    if (**line == '\0') {
        return NULL;
    }
    /* Apache's own words: `name="a b"` is one word to people, two to ap_getword_conf.
     */
    equals = strpbrk((char *)(uintptr_t)*line, "= \t\"'");
    if (equals == NULL || *equals != '=' || equals == *line) {
        const char *rest = *line;

        return apr_psprintf(cmd->pool,
                            "Invalid option to WSGI %s definition. '%s' is not "
                            "name=value, without blanks around the '='.",
                            what, ap_getword_conf(cmd->pool, &rest));
    }
    word = apr_pstrmemdup(cmd->pool, *line, (apr_size_t)(equals - *line));
    *line = equals + 1;
    *name = word;
    if (**line == '\0' || apr_isspace(**line)) {
        *value = "";
        return NULL;
    }
    *value = ap_getword_conf(cmd->pool, line);
    return NULL;
}

static const char *resolve_user(cmd_parms *cmd, struct pyw_group_conf *group)
{
    const char *user = group->options.user;

    if (user == NULL || strcmp(user, DEFAULT_USER) == 0) {
        return NULL; /* Apache's, known when all of the configuration has been read */
    }
    if (pyw_identity_find_user(user, &group->uid) != 0) {
        return apr_psprintf(cmd->pool,
                            "Invalid user '%s' for WSGI daemon process: there is none.",
                            user);
    }
    if (group->uid == 0) {
        return "WSGI process blocked from running as root.";
    }
    if (geteuid() != 0 && group->uid != geteuid()) {
        return apr_psprintf(
            cmd->pool,
            "user=%s of WSGI daemon process '%s' needs an Apache that is started "
            "by root.",
            user, group->name);
    }
    group->has_user = true;
    return NULL;
}

static const char *resolve_group(cmd_parms *cmd, struct pyw_group_conf *group)
{
    const char *text = group->options.group;

    if (text == NULL || strcmp(text, DEFAULT_GROUP) == 0) {
        return NULL;
    }
    if (pyw_identity_find_group(text, &group->gid) != 0) {
        return apr_psprintf(
            cmd->pool, "Invalid group '%s' for WSGI daemon process: there is none.",
            text);
    }
    if (geteuid() != 0 && group->gid != getegid()) {
        return apr_psprintf(
            cmd->pool,
            "group=%s of WSGI daemon process '%s' needs an Apache that is started "
            "by root.",
            text, group->name);
    }
    group->has_group = true;
    return NULL;
}

static const char *resolve_identity(cmd_parms *cmd, struct pyw_group_conf *group)
{
    const char *socket_user = group->options.socket_user;
    const char *error = resolve_user(cmd, group);

    if (error == NULL) {
        error = resolve_group(cmd, group);
    }
    if (error != NULL) {
        return error;
    }
    group->socket_uid = (uid_t)-1;
    if (socket_user != NULL &&
        pyw_identity_find_user(socket_user, &group->socket_uid) != 0) {
        return apr_psprintf(
            cmd->pool,
            "Invalid socket-user '%s' for WSGI daemon process: there is none.",
            socket_user);
    }
    if (group->options.supplementary_groups != NULL && geteuid() != 0) {
        return "supplementary-groups= of WSGI daemon process needs an Apache that is started by "
               "root.";
    }
    return NULL;
}

/* script-user= or script-group=. */
static const char *resolve_script_owner(cmd_parms *cmd, struct pyw_group_conf *group)
{
    const char *user = group->options.script_user;
    const char *text = group->options.script_group;

    group->script_uid = (uid_t)-1;
    group->script_gid = (gid_t)-1;
    if (user != NULL && text != NULL) {
        return "Only one of script-user and script-group allowed.";
    }
    if (user != NULL && pyw_identity_find_user(user, &group->script_uid) != 0) {
        return apr_psprintf(
            cmd->pool,
            "Invalid script-user '%s' for WSGI daemon process: there is none.", user);
    }
    if (text != NULL && pyw_identity_find_group(text, &group->script_gid) != 0) {
        return apr_psprintf(
            cmd->pool,
            "Invalid script-group '%s' for WSGI daemon process: there is none.", text);
    }
    return NULL;
}

static const char *check_chroot(cmd_parms *cmd, const struct pyw_group_conf *group)
{
    const char *root = group->options.chroot;
    struct stat about;

    if (root == NULL) {
        return NULL;
    }
    if (geteuid() != 0) {
        return "chroot= of WSGI daemon process needs an Apache that is started by root.";
    }
    if (stat(root, &about) != 0 || !S_ISDIR(about.st_mode)) {
        return apr_psprintf(cmd->pool,
                            "Invalid chroot '%s' for WSGI daemon process: there is no "
                            "such directory.",
                            root);
    }
    return NULL;
}

static const char *check_private_tmp(const struct pyw_group_conf *group)
{
    return group->options.private_tmp && geteuid() != 0
               ? "private-tmp= of WSGI daemon process needs an Apache that is started by root."
               : NULL;
}

static const char *check_whole(cmd_parms *cmd, const struct pyw_group_conf *group)
{
    const char *fault = pyw_options_find_fault(&group->options);

    return fault == NULL ? NULL
                         : apr_psprintf(cmd->pool, "WSGI daemon process '%s': %s",
                                        group->name, fault);
}

static const char *read_options(cmd_parms *cmd, struct pyw_group_conf *group,
                                const char *line)
{
    for (;;) {
        const char *name;
        const char *value;
        char why[512];
        const char *error =
            pyw_daemon_process_next_option(cmd, &line, "daemon process", &name, &value);

        if (error != NULL || name == NULL) {
            return error;
        }
        if (pyw_options_set(&group->options, name, value, why, sizeof(why)) != 0) {
            return apr_pstrdup(cmd->pool, why);
        }
    }
}

/* The process would not start with a locale that is not there. */
static const char *check_locale(cmd_parms *cmd, const char *option, const char *name)
{
    locale_t locale = name != NULL ? newlocale(LC_ALL_MASK, name, (locale_t)0) : NULL;

    if (name != NULL && locale == NULL) {
        return apr_psprintf(
            cmd->pool,
            "Invalid %s '%s' for WSGI daemon process: this system has no such locale "
            "('locale -a' lists those it has; C.UTF-8 is always a good choice).",
            option, name);
    }
    if (locale != NULL) {
        freelocale(locale);
    }
    return NULL;
}

static const char *check_locales(cmd_parms *cmd, const struct pyw_group_conf *group)
{
    const char *error = check_locale(cmd, "locale", group->options.locale);

    return error != NULL ? error : check_locale(cmd, "lang", group->options.lang);
}

const char *pyw_daemon_process_set(cmd_parms *cmd, void *dir_conf,
                                   const char *arguments)
{
    struct pyw_group_conf *group;
    const char *error;
    const char *name = ap_getword_conf(cmd->pool, &arguments);

    (void)dir_conf;
    if (*name == '\0') {
        return "Name of WSGI daemon process not supplied.";
    }
    if (pyw_conf_find_group(name) != NULL) {
        return apr_psprintf(
            cmd->pool, "Name duplicates previous WSGI daemon definition: %s.", name);
    }
    group = apr_pcalloc(cmd->pool, sizeof(*group));
    group->name = name;
    group->server = cmd->server;
    group->preloads = apr_array_make(cmd->pool, 2, sizeof(struct pyw_preload));
    pyw_options_init(&group->options);
    error = read_options(cmd, group, arguments);
    if (error == NULL) {
        /* Sub-interpreters do not survive the fork. */
        group->options.is_single_application |= group->options.is_preload;
        error = check_whole(cmd, group);
    }
    if (error == NULL) {
        error = resolve_identity(cmd, group);
    }
    if (error == NULL) {
        error = resolve_script_owner(cmd, group);
    }
    if (error == NULL) {
        error = check_chroot(cmd, group);
    }
    if (error == NULL) {
        error = check_private_tmp(group);
    }
    if (error == NULL) {
        error = check_locales(cmd, group);
    }
    if (error == NULL) {
        pyw_conf_add_group(group);
    }
    return error;
}
