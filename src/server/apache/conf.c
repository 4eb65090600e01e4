#include "apache/conf.h"

#include <apr_strings.h>
#include <http_core.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

#include "apache/log.h"
#include "apache/module.h"

/* Lives as long as the configuration pool; set anew by pyw_conf_reset. */
static struct pyw_global_conf *global_conf;

/* --- the per-directory fields --- */

/* How a field inherits: one row a field of struct pyw_dir_conf. */
enum field_kind {
    FIELD_TEXT,    /* const char *; NULL is unset */
    FIELD_DECIDER, /* const struct pyw_decider *; NULL is unset */
    FIELD_FLAG,    /* int, enum pyw_flag; PYW_UNSET is unset */
    FIELD_LIST,    /* apr_array_header_t *; NULL is unset; an inner list replaces */
    FIELD_TABLE /* apr_hash_t *; NULL is unset; an inner entry replaces its namesake */
};

struct field {
    enum field_kind kind;
    size_t offset;
};

#define TEXT(name)                                                                     \
    {                                                                                  \
        FIELD_TEXT, offsetof(struct pyw_dir_conf, name)                                \
    }
#define DECIDER(name)                                                                  \
    {                                                                                  \
        FIELD_DECIDER, offsetof(struct pyw_dir_conf, name)                             \
    }
#define FLAG(name)                                                                     \
    {                                                                                  \
        FIELD_FLAG, offsetof(struct pyw_dir_conf, name)                                \
    }
#define LIST(name)                                                                     \
    {                                                                                  \
        FIELD_LIST, offsetof(struct pyw_dir_conf, name)                                \
    }

#define TABLE(name)                                                                    \
    {                                                                                  \
        FIELD_TABLE, offsetof(struct pyw_dir_conf, name)                               \
    }

static const struct field fields[] = {
    /* routing */
    TEXT(process_group),
    TEXT(application_group),
    TEXT(callable),
    TABLE(handlers),
    LIST(restrict_process),

    /* requests */
    FLAG(pass_authorization),
    FLAG(chunked_request),
    FLAG(script_reloading),
    FLAG(ignore_activity),
    FLAG(error_override),
    FLAG(map_head),
    FLAG(enable_sendfile),
    FLAG(early_hints),
    FLAG(pass_apache_request),
    LIST(proxy_headers),
    LIST(trusted_proxies),

    /* scripts that decide */
    DECIDER(dispatch_script),
    DECIDER(access_script),
    DECIDER(user_script),
    DECIDER(group_script),
};

#define FIELD_COUNT (sizeof(fields) / sizeof(fields[0]))

static void *field_of(const struct pyw_dir_conf *conf, const struct field *field)
{
    return (char *)(uintptr_t)conf + field->offset;
}

static bool is_set(const struct pyw_dir_conf *conf, const struct field *field)
{
    const void *at = field_of(conf, field);

    return field->kind == FIELD_FLAG ? *(const int *)at != PYW_UNSET
                                     : *(const void *const *)at != NULL;
}

static void copy_field(struct pyw_dir_conf *to, const struct pyw_dir_conf *from,
                       const struct field *field)
{
    memcpy(field_of(to, field), field_of(from, field),
           field->kind == FIELD_FLAG ? sizeof(int) : sizeof(void *));
}

void *pyw_conf_create_dir(apr_pool_t *pool, char *dir)
{
    struct pyw_dir_conf *conf = apr_pcalloc(pool, sizeof(*conf));

    (void)dir;
    for (size_t i = 0; i < FIELD_COUNT; i++) {
        if (fields[i].kind == FIELD_FLAG) {
            *(int *)field_of(conf, &fields[i]) = PYW_UNSET;
        }
    }
    return conf;
}

static void overlay(apr_pool_t *pool, struct pyw_dir_conf *to,
                    const struct pyw_dir_conf *base, const struct pyw_dir_conf *add,
                    const struct field *field)
{
    apr_hash_t **table = field_of(to, field);

    *table = apr_hash_overlay(pool, *(apr_hash_t *const *)field_of(add, field),
                              *(apr_hash_t *const *)field_of(base, field));
}

void *pyw_conf_merge_dir(apr_pool_t *pool, void *base, void *add)
{
    struct pyw_dir_conf *conf = apr_palloc(pool, sizeof(*conf));

    for (size_t i = 0; i < FIELD_COUNT; i++) {
        const struct field *field = &fields[i];

        if (field->kind == FIELD_TABLE && is_set(add, field) && is_set(base, field)) {
            overlay(pool, conf, base, add, field);
        } else {
            copy_field(conf, is_set(add, field) ? add : base, field);
        }
    }
    return conf;
}

/* --- per virtual host --- */

void *pyw_conf_create_server(apr_pool_t *pool, server_rec *s)
{
    struct pyw_server_conf *conf = apr_pcalloc(pool, sizeof(*conf));

    (void)s;
    conf->aliases = apr_array_make(pool, 4, sizeof(const struct pyw_alias *));
    conf->keep_alive_linger_ms = PYW_UNSET;
    return conf;
}

void *pyw_conf_merge_server(apr_pool_t *pool, void *base_conf, void *add_conf)
{
    const struct pyw_server_conf *base = base_conf;
    const struct pyw_server_conf *add = add_conf;
    struct pyw_server_conf *conf = apr_pcalloc(pool, sizeof(*conf));

    /* The virtual host's own come first, and the first match wins. */
    conf->aliases = apr_array_append(pool, add->aliases, base->aliases);
    conf->keep_alive_linger_ms = add->keep_alive_linger_ms == PYW_UNSET
                                     ? base->keep_alive_linger_ms
                                     : add->keep_alive_linger_ms;
    return conf;
}

/* --- once --- */

void pyw_conf_reset(apr_pool_t *pool)
{
    global_conf = apr_pcalloc(pool, sizeof(*global_conf));
    global_conf->groups = apr_array_make(pool, 4, sizeof(struct pyw_group_conf *));
    global_conf->groups_by_name = apr_hash_make(pool);
    global_conf->notices = apr_array_make(pool, 2, sizeof(struct pyw_notice));
    global_conf->socket_rotation = PYW_UNSET;
    global_conf->embedded_preloads =
        apr_array_make(pool, 2, sizeof(struct pyw_preload));
    global_conf->restrict_embedded = PYW_UNSET;
    global_conf->case_sensitivity = PYW_UNSET;
    global_conf->python = apr_pcalloc(pool, sizeof(*global_conf->python));
    pyw_python_options_init(global_conf->python);
    pyw_python_settings_init(&global_conf->python_settings);
    global_conf->python_sections = apr_array_make(pool, 2, sizeof(void *));
    global_conf->server_metrics = PYW_UNSET;
}

struct pyw_global_conf *pyw_conf_global(void)
{
    return global_conf;
}

void pyw_conf_notice(cmd_parms *cmd, enum pyw_level level, const char *format, ...)
{
    struct pyw_notice *notice;
    const char *text;
    va_list arguments;

    va_start(arguments, format);
    text = apr_pvsprintf(cmd->pool, format, arguments);
    va_end(arguments);
    if (ap_state_query(AP_SQ_RUN_MODE) == AP_SQ_RM_CONFIG_TEST) {
        pyw_log_server(cmd->server, level, "%s", text);
        return;
    }
    notice = apr_array_push(global_conf->notices);
    *notice = (struct pyw_notice){cmd->server, level, text};
}

const struct pyw_dir_conf *pyw_conf_dir(const request_rec *r)
{
    return ap_get_module_config(r->per_dir_config, pyw_module);
}

const struct pyw_server_conf *pyw_conf_server(const server_rec *s)
{
    return ap_get_module_config(s->module_config, pyw_module);
}

void pyw_conf_fill_preloads(struct pyw_setup *setup, const apr_array_header_t *preloads)
{
    for (int i = 0; i < preloads->nelts && i < PYW_SETUP_MAX_PRELOADS; i++) {
        setup->preloads[setup->preload_count++] =
            APR_ARRAY_IDX(preloads, i, struct pyw_preload);
    }
}

void pyw_conf_add_group(struct pyw_group_conf *group)
{
    APR_ARRAY_PUSH(global_conf->groups, struct pyw_group_conf *) = group;
    apr_hash_set(global_conf->groups_by_name, group->name, APR_HASH_KEY_STRING, group);
}

struct pyw_group_conf *pyw_conf_find_group(const char *name)
{
    return apr_hash_get(global_conf->groups_by_name, name, APR_HASH_KEY_STRING);
}

#define NOT_ACCESSIBLE                                                                 \
    "WSGI process group not accessible. It belongs to a virtual host of another "      \
    "ServerName: put its WSGIDaemonProcess outside of virtual hosts, or in this one."
#define NOT_MATCHABLE                                                                  \
    "WSGI process group not matchable. It belongs to another virtual host: give both " \
    "the same ServerName, or put its WSGIDaemonProcess outside of virtual hosts."

const char *pyw_conf_refuse_group(const struct pyw_group_conf *group,
                                  const server_rec *s)
{
    const server_rec *owner = group->server;

    if (owner == s || !owner->is_virtual) {
        return NULL;
    }
    if (owner->server_hostname == NULL || s->server_hostname == NULL) {
        return s->is_virtual ? NOT_MATCHABLE : NOT_ACCESSIBLE;
    }
    return strcasecmp(owner->server_hostname, s->server_hostname) == 0 ? NULL
                                                                       : NOT_ACCESSIBLE;
}

const char *pyw_conf_refuse_service(cmd_parms *cmd, const char *name)
{
    const struct pyw_group_conf *group = pyw_conf_find_group(name);

    return group == NULL || group->options.threads > 0
               ? NULL
               : apr_psprintf(cmd->pool,
                              "WSGI process group '%s' has threads=0: it runs programs "
                              "and serves no requests. Name another group in %s.",
                              name, cmd->cmd->name);
}

const char *pyw_conf_need_group(cmd_parms *cmd, const char *name,
                                struct pyw_group_conf **group)
{
    *group = pyw_conf_find_group(name);
    if (*group == NULL) {
        return apr_psprintf(
            cmd->pool,
            "WSGI process group not yet configured: put the WSGIDaemonProcess line "
            "of '%s' above %s.",
            name, cmd->cmd->name);
    }
    return pyw_conf_refuse_group(*group, cmd->server);
}
