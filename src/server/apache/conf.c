#include "apache/conf.h"

#include <apr_strings.h>
#include <strings.h>

#include "apache/module.h"

/* Lives as long as the configuration pool; set anew by pyw_conf_reset. */
static struct pyw_global_conf *global_conf;

void *pyw_conf_create_dir(apr_pool_t *pool, char *dir)
{
    struct pyw_dir_conf *conf = apr_pcalloc(pool, sizeof(*conf));

    (void)dir;
    conf->pass_authorization = PYW_UNSET;
    conf->chunked_request = PYW_UNSET;
    conf->script_reloading = PYW_UNSET;
    conf->ignore_activity = PYW_UNSET;
    return conf;
}

static const char *inner_text(const char *base, const char *add)
{
    return add != NULL ? add : base;
}

static int inner_flag(int base, int add)
{
    return add != PYW_UNSET ? add : base;
}

void *pyw_conf_merge_dir(apr_pool_t *pool, void *base_conf, void *add_conf)
{
    const struct pyw_dir_conf *base = base_conf;
    const struct pyw_dir_conf *add = add_conf;
    struct pyw_dir_conf *conf = apr_pcalloc(pool, sizeof(*conf));

    conf->process_group = inner_text(base->process_group, add->process_group);
    conf->application_group =
        inner_text(base->application_group, add->application_group);
    conf->callable = inner_text(base->callable, add->callable);
    conf->pass_authorization =
        inner_flag(base->pass_authorization, add->pass_authorization);
    conf->chunked_request = inner_flag(base->chunked_request, add->chunked_request);
    conf->script_reloading = inner_flag(base->script_reloading, add->script_reloading);
    conf->ignore_activity = inner_flag(base->ignore_activity, add->ignore_activity);
    return conf;
}

void *pyw_conf_create_server(apr_pool_t *pool, server_rec *s)
{
    struct pyw_server_conf *conf = apr_pcalloc(pool, sizeof(*conf));

    (void)s;
    conf->aliases = apr_array_make(pool, 4, sizeof(const struct pyw_alias *));
    return conf;
}

void *pyw_conf_merge_server(apr_pool_t *pool, void *base_conf, void *add_conf)
{
    const struct pyw_server_conf *base = base_conf;
    const struct pyw_server_conf *add = add_conf;
    struct pyw_server_conf *conf = apr_pcalloc(pool, sizeof(*conf));

    /* The virtual host's own come first, and the first match wins. */
    conf->aliases = apr_array_append(pool, add->aliases, base->aliases);
    return conf;
}

void pyw_conf_reset(apr_pool_t *pool)
{
    global_conf = apr_pcalloc(pool, sizeof(*global_conf));
    global_conf->groups = apr_array_make(pool, 4, sizeof(struct pyw_group_conf *));
    global_conf->restrict_embedded = PYW_UNSET;
}

struct pyw_global_conf *pyw_conf_global(void)
{
    return global_conf;
}

const struct pyw_dir_conf *pyw_conf_dir(const request_rec *r)
{
    return ap_get_module_config(r->per_dir_config, pyw_module);
}

const struct pyw_server_conf *pyw_conf_server(const server_rec *s)
{
    return ap_get_module_config(s->module_config, pyw_module);
}

struct pyw_group_conf *pyw_conf_find_group(const char *name)
{
    for (int i = 0; i < global_conf->groups->nelts; i++) {
        struct pyw_group_conf *group = APR_ARRAY_IDX(global_conf->groups, i, void *);

        if (strcmp(group->name, name) == 0) {
            return group;
        }
    }
    return NULL;
}

const char *pyw_conf_refuse_group(const struct pyw_group_conf *group,
                                  const server_rec *s)
{
    const server_rec *owner = group->server;

    if (owner == s || !owner->is_virtual) {
        return NULL;
    }
    if (!s->is_virtual) {
        return "WSGI process group not accessible.";
    }
    if (owner->server_hostname == NULL || s->server_hostname == NULL) {
        return "WSGI process group not matchable.";
    }
    return strcasecmp(owner->server_hostname, s->server_hostname) == 0
               ? NULL
               : "WSGI process group not accessible.";
}
