#include "apache/preload.h"

#include <http_core.h>

#include "apache/alias.h"
#include "apache/conf.h"
#include "apache/log.h"
#include "apache/module.h"
#include "apache/script_options.h"

static bool is_token(const char *text)
{
    return *text == '%';
}

/* The group that serves an alias, if it is one that wants to know; NULL: it is not, or
 * that is not known. */
static struct pyw_group_conf *find_group(const server_rec *s,
                                         const struct pyw_alias *alias,
                                         const struct pyw_dir_conf *conf)
{
    const char *name = alias->options.process_group != NULL
                           ? alias->options.process_group
                           : conf->process_group;
    struct pyw_group_conf *group =
        name != NULL && !is_token(name) ? pyw_conf_find_group(name) : NULL;

    if (group == NULL || pyw_conf_refuse_group(group, s) != NULL) {
        return NULL;
    }
    return group->options.is_preload || group->options.warmup.count > 0 ? group : NULL;
}

/* "" for the main interpreter; NULL: not known, or not to be had. */
static const char *find_interpreter(const struct pyw_group_conf *group,
                                    const struct pyw_alias *alias,
                                    const struct pyw_dir_conf *conf)
{
    const char *name = alias->options.application_group != NULL
                           ? alias->options.application_group
                           : conf->application_group;

    if (name == NULL) {
        return group->options.is_single_application ? "" : NULL;
    }
    if (strcmp(name, "%{GLOBAL}") == 0) {
        return "";
    }
    return is_token(name) || (group->options.is_preload && *name != '\0') ? NULL : name;
}

static const char *find_callable(const struct pyw_alias *alias,
                                 const struct pyw_dir_conf *conf)
{
    const char *name =
        alias->options.callable != NULL ? alias->options.callable : conf->callable;

    return name != NULL && !is_token(name) ? name : NULL;
}

static void complete(apr_pool_t *temp_pool, const server_rec *s,
                     const struct pyw_alias *alias)
{
    const struct pyw_dir_conf *conf =
        ap_get_module_config(s->lookup_defaults, pyw_module);
    struct pyw_group_conf *group = find_group(s, alias, conf);
    struct pyw_preload preload = {.script = alias->target,
                                  .mount = alias->url,
                                  .callable = find_callable(alias, conf)};

    if (group == NULL) {
        return;
    }
    preload.application_group = find_interpreter(group, alias, conf);
    if (preload.application_group != NULL &&
        pyw_alias_may_preload(temp_pool, alias, group)) {
        /* One too many is imported by its first request. */
        (void)pyw_script_options_enqueue(group->preloads, &preload);
    }
}

void pyw_preload_complete(apr_pool_t *temp_pool, server_rec *main_server)
{
    const apr_array_header_t *groups = pyw_conf_global()->groups;

    for (const server_rec *s = main_server; s != NULL; s = s->next) {
        const apr_array_header_t *aliases = pyw_conf_server(s)->aliases;

        for (int i = 0; i < aliases->nelts; i++) {
            complete(temp_pool, s, APR_ARRAY_IDX(aliases, i, const struct pyw_alias *));
        }
    }
    for (int i = 0; i < groups->nelts; i++) {
        const struct pyw_group_conf *group =
            APR_ARRAY_IDX(groups, i, struct pyw_group_conf *);

        if (group->options.is_preload && group->preloads->nelts == 0) {
            PYW_LOG(pyw_log_server, group->server, PRELOAD_NOTHING, group->name);
        }
    }
}
