#include "apache/script_options.h"

#include <apr_strings.h>
#include <string.h>
#include <strings.h>

#include "apache/daemon_process.h"
#include "apache/group_rules.h"

/* --- reading --- */

typedef const char *set_value(cmd_parms *cmd, struct pyw_script_options *options,
                              const char *value);

static const char *global_to_empty(const char *value)
{
    return strcmp(value, "%{GLOBAL}") == 0 ? "" : value;
}

static const char *set_process_group(cmd_parms *cmd, struct pyw_script_options *options,
                                     const char *value)
{
    (void)cmd;
    options->process_group = global_to_empty(value);
    return NULL;
}

static const char *set_application_group(cmd_parms *cmd,
                                         struct pyw_script_options *options,
                                         const char *value)
{
    (void)cmd;
    options->application_group = global_to_empty(value);
    return NULL;
}

static const char *set_callable(cmd_parms *cmd, struct pyw_script_options *options,
                                const char *value)
{
    (void)cmd;
    options->callable = value;
    return *value != '\0' ? NULL : "Invalid value for callable-object: give a name.";
}

static const char *set_authorization(cmd_parms *cmd, struct pyw_script_options *options,
                                     const char *value)
{
    if (strcasecmp(value, "On") == 0) {
        options->pass_authorization = PYW_ON;
    } else if (strcasecmp(value, "Off") == 0) {
        options->pass_authorization = PYW_OFF;
    } else {
        return apr_psprintf(
            cmd->pool,
            "Invalid value '%s' for pass-authorization: must be one of: "
            "Off | On.",
            value);
    }
    return NULL;
}

static const struct {
    const char *name;
    enum pyw_script_option option;
    set_value *set;
} rows[] = {
    {"process-group", PYW_SCRIPT_PROCESS_GROUP, set_process_group},
    {"application-group", PYW_SCRIPT_APPLICATION_GROUP, set_application_group},
    {"callable-object", PYW_SCRIPT_CALLABLE, set_callable},
    {"pass-authorization", PYW_SCRIPT_AUTHORIZATION, set_authorization},
};

static const char *set_one(cmd_parms *cmd, const char *what, unsigned allowed,
                           struct pyw_script_options *options, const char *name,
                           const char *value)
{
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if ((rows[i].option & allowed) != 0 && strcmp(rows[i].name, name) == 0) {
            return rows[i].set(cmd, options, value);
        }
    }
    return apr_psprintf(cmd->pool, "Invalid option to WSGI %s definition: %s.", what,
                        name);
}

const char *pyw_script_options_read(cmd_parms *cmd, const char **line, const char *what,
                                    unsigned allowed,
                                    struct pyw_script_options *options)
{
    *options = (struct pyw_script_options){.pass_authorization = PYW_UNSET};
    for (;;) {
        const char *name;
        const char *value;
        const char *error =
            pyw_daemon_process_next_option(cmd, line, what, &name, &value);

        if (error == NULL && name != NULL) {
            error = set_one(cmd, what, allowed, options, name, value);
        }
        if (error != NULL || name == NULL) {
            return error;
        }
    }
}

/* --- imports at start --- */

static const char *find_queue(cmd_parms *cmd, const char *name,
                              apr_array_header_t **queue)
{
    struct pyw_group_conf *group;
    const char *error;

    if (*name == '\0') {
        *queue = pyw_conf_global()->embedded_preloads;
        return NULL;
    }
    error = pyw_conf_need_group(cmd, name, &group);
    *queue = group != NULL ? group->preloads : NULL;
    return error;
}

static const char *check_chroot(cmd_parms *cmd, const char *name, const char *script)
{
    const struct pyw_group_conf *group = pyw_conf_find_group(name);

    if (group == NULL || pyw_group_rules_sees(group, script)) {
        return NULL;
    }
    return apr_psprintf(cmd->pool,
                        "'%s' lies outside of chroot=%s of process group '%s', whose "
                        "processes cannot see it: move it there.",
                        script, group->options.chroot, name);
}

static const char *check_preload(cmd_parms *cmd, const char *name, const char *script,
                                 const char *application_group)
{
    const struct pyw_group_conf *group = pyw_conf_find_group(name);

    if (group == NULL || !group->options.is_preload || *application_group == '\0') {
        return NULL;
    }
    return apr_psprintf(cmd->pool,
                        "'%s' is for application group '%s', and process group '%s' "
                        "has preload=On and one interpreter: put %%{GLOBAL} there, or "
                        "the script into another process group.",
                        script, application_group, name);
}

static struct pyw_preload *find_queued(const apr_array_header_t *queue,
                                       const struct pyw_preload *wanted)
{
    for (int i = 0; i < queue->nelts; i++) {
        struct pyw_preload *preload = &APR_ARRAY_IDX(queue, i, struct pyw_preload);

        if (strcmp(preload->script, wanted->script) == 0 &&
            strcmp(preload->application_group, wanted->application_group) == 0) {
            return preload;
        }
    }
    return NULL;
}

bool pyw_script_options_enqueue(apr_array_header_t *queue,
                                const struct pyw_preload *wanted)
{
    struct pyw_preload *queued = find_queued(queue, wanted);

    if (queued == NULL) {
        if (queue->nelts == PYW_SETUP_MAX_PRELOADS) {
            return false;
        }
        *(struct pyw_preload *)apr_array_push(queue) = *wanted;
    } else if (queued->mount == NULL) {
        queued->mount = wanted->mount;
        queued->callable = wanted->callable;
    }
    return true;
}

const char *pyw_script_options_queue(cmd_parms *cmd, const char *script,
                                     const struct pyw_script_options *options,
                                     const char *mount, bool is_wish)
{
    struct pyw_preload preload = {script, options->application_group, mount,
                                  options->callable};
    apr_array_header_t *queue = NULL;
    const char *error = find_queue(cmd, options->process_group, &queue);

    if (error == NULL) {
        error = check_chroot(cmd, options->process_group, script);
    }
    if (error == NULL) {
        error = check_preload(cmd, options->process_group, script,
                              options->application_group);
    }
    if (error != NULL || pyw_script_options_enqueue(queue, &preload) || is_wish) {
        return error;
    }
    return apr_psprintf(cmd->pool,
                        "More than %d scripts are to be imported when the processes of "
                        "one group start: let requests load some of them.",
                        PYW_SETUP_MAX_PRELOADS);
}
