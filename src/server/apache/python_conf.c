#include "apache/python_conf.h"

#include <apr_strings.h>
#include <errno.h>
#include <http_core.h>
#include <strings.h>

#include "apache/conf.h"
#include "apache/daemon_process.h"
#include "apache/log.h"

/* One rule of every setup is for what stands outside of sections. */
#define MAX_SECTIONS (PYW_PYTHON_MAX_RULES - 1)
#define MAX_SELECTORS 2

/* A <WSGIInterpreterOptions>. */
struct section {
    const char *process_group;     /* NULL: all; "" is embedded mode */
    const char *application_group; /* NULL: all; "" is the main interpreter */
    struct pyw_python_settings settings;
};

static const struct section *section_at(int i)
{
    return APR_ARRAY_IDX(pyw_conf_global()->python_sections, i, const struct section *);
}

static int count_sections(void)
{
    return pyw_conf_global()->python_sections->nelts;
}

/* --- reading --- */

const char *pyw_python_conf_set(cmd_parms *cmd, void *dir_conf, const char *value)
{
    struct pyw_global_conf *conf = pyw_conf_global();
    const char *name = cmd->cmd->name;
    const char *error = ap_check_cmd_context(cmd, GLOBAL_ONLY);
    char why[512];
    int rv;

    (void)dir_conf;
    if (error != NULL) {
        return error;
    }
    rv = pyw_python_options_set(conf->python, name, value, why, sizeof(why));
    if (rv == -ENOENT) {
        rv = pyw_python_settings_set(&conf->python_settings, name, value, why,
                                     sizeof(why));
    }
    return rv == 0 ? NULL : apr_pstrdup(cmd->pool, why);
}

static const char *set_selector(cmd_parms *cmd, struct section *section,
                                const char *name, const char *value)
{
    const char **field = NULL;

    if (strcasecmp(name, "process-group") == 0) {
        field = &section->process_group;
    } else if (strcasecmp(name, "application-group") == 0) {
        field = &section->application_group;
    }
    if (field == NULL) {
        return apr_psprintf(
            cmd->pool, "Invalid option to WSGI interpreter options definition: %s.",
            name);
    }
    if (strcmp(value, "%{GLOBAL}") == 0) {
        value = "";
    } else if (strncmp(value, "%{", 2) == 0) {
        return apr_psprintf(cmd->pool,
                            "%s '%s' of <WSGIInterpreterOptions> is not known before "
                            "there is a request: give a name, or %%{GLOBAL}.",
                            name, value);
    }
    *field = value;
    return NULL;
}

static const char *read_selectors(cmd_parms *cmd, struct section *section,
                                  const char *arguments)
{
    const char *end = strrchr(arguments, '>');
    const char *line;

    if (end == NULL) {
        return "<WSGIInterpreterOptions> must end in '>'.";
    }
    line = apr_pstrmemdup(cmd->pool, arguments, (apr_size_t)(end - arguments));
    for (;;) {
        const char *name;
        const char *value;
        const char *error = pyw_daemon_process_next_option(
            cmd, &line, "interpreter options", &name, &value);

        if (error == NULL && name != NULL) {
            error = set_selector(cmd, section, name, value);
        }
        if (error != NULL || name == NULL) {
            return error;
        }
    }
}

static const char *read_child(cmd_parms *cmd, struct section *section,
                              const ap_directive_t *child)
{
    const char *arguments = child->args;
    const char *value = ap_getword_conf(cmd->pool, &arguments);
    char why[512];
    int rv;

    rv = pyw_python_settings_set(&section->settings, child->directive, value, why,
                                 sizeof(why));
    if (rv == -ENOENT) {
        return apr_psprintf(
            cmd->pool,
            "%s is not allowed in <WSGIInterpreterOptions>: only WSGIPerInterpreterGIL, "
            "WSGIFreeThreading, WSGISwitchInterval, WSGIPythonPath, WSGIRestrictStdin, "
            "WSGIRestrictStdout and WSGIRestrictSignal are.",
            child->directive);
    }
    if (rv == 0 && *arguments != '\0') {
        return apr_psprintf(cmd->pool, "%s takes one argument.", child->directive);
    }
    return rv == 0 ? NULL : apr_pstrdup(cmd->pool, why);
}

const char *pyw_python_conf_section(cmd_parms *cmd, void *dir_conf,
                                    const char *arguments)
{
    struct section *section = apr_pcalloc(cmd->pool, sizeof(*section));
    const char *error = ap_check_cmd_context(cmd, GLOBAL_ONLY);

    (void)dir_conf;
    pyw_python_settings_init(&section->settings);
    if (error == NULL) {
        error = read_selectors(cmd, section, arguments);
    }
    for (const ap_directive_t *child = cmd->directive->first_child;
         child != NULL && error == NULL; child = child->next) {
        error = read_child(cmd, section, child);
        if (error != NULL) {
            cmd->err_directive = child;
        }
    }
    if (error == NULL && count_sections() == MAX_SECTIONS) {
        error = apr_psprintf(cmd->pool, "At most %d <WSGIInterpreterOptions>.",
                             MAX_SECTIONS);
    }
    if (error == NULL) {
        APR_ARRAY_PUSH(pyw_conf_global()->python_sections, const struct section *) =
            section;
    }
    return error;
}

void pyw_python_conf_check(server_rec *s)
{
    for (int i = 0; i < count_sections(); i++) {
        const struct section *section = section_at(i);
        const char *group = section->process_group;

        if (group != NULL && *group != '\0' && pyw_conf_find_group(group) == NULL) {
            PYW_LOG(pyw_log_server, s, SECTION_GROUP, group);
        }
        if (section->application_group != NULL &&
            section->settings.free_threading != PYW_UNSET) {
            PYW_LOG(pyw_log_server, s, FREE_THREADING_SCOPE,
                    section->application_group);
        }
    }
}

/* --- resolution --- */

static int count_selectors(const struct section *section)
{
    return (section->process_group != NULL) + (section->application_group != NULL);
}

static void add_sections(struct pyw_setup *setup, int selectors)
{
    for (int i = 0; i < count_sections(); i++) {
        const struct section *section = section_at(i);
        struct pyw_python_rule *rule;

        if (count_selectors(section) != selectors ||
            (section->process_group != NULL &&
             strcmp(section->process_group, setup->group) != 0)) {
            continue;
        }
        rule = pyw_python_options_add(&setup->python, section->application_group);
        if (rule == NULL) {
            return; /* there are fewer sections than rules */
        }
        rule->settings = section->settings;
        if (section->application_group != NULL) {
            rule->settings.free_threading = PYW_UNSET; /* of a process or not at all */
        }
    }
}

void pyw_python_conf_fill(struct pyw_setup *setup)
{
    const struct pyw_global_conf *conf = pyw_conf_global();
    struct pyw_python_rule *rule;

    setup->python = *conf->python;
    if (setup->group[0] == '\0') {
        /* A group has options of its own instead. */
        setup->options.python_path = conf->python_settings.python_path;
        setup->options.python_eggs = conf->python_eggs;
    }
    if (setup->options.switch_interval_us == 0) {
        setup->options.switch_interval_us = conf->python_settings.switch_interval_us;
    }
    rule = pyw_python_options_add(&setup->python, NULL);
    if (rule != NULL) {
        rule->settings = conf->python_settings;
        rule->settings.python_path = NULL;
        rule->settings.switch_interval_us = 0;
    }
    for (int selectors = 0; selectors <= MAX_SELECTORS; selectors++) {
        add_sections(setup, selectors);
    }
}
