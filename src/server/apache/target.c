#include "apache/target.h"

#include <apr_strings.h>
#include <http_core.h>
#include <http_protocol.h>
#include <util_filter.h>
#include <util_script.h>

#include "apache/alias.h"
#include "apache/places.h"

#define DEFAULT_CALLABLE "application"
#define HANDLER_CALLABLE "handle_request"
/* A result that is itself a token is expanded once more. */
#define EXPANSIONS_MAX 2

/* "/a//b" -> "/a/b"; the text itself when there is nothing to do. */
static const char *collapse_slashes(apr_pool_t *pool, const char *text)
{
    char *copy;

    if (strstr(text, "//") == NULL) {
        return text;
    }
    copy = apr_pstrdup(pool, text);
    ap_no2slash(copy);
    return copy;
}

/* The canonical port of the request. With UseCanonicalName Off that is what the client
 * wrote into Host: one that is none of the server's would make an interpreter of its
 * own, and so would the next. */
static apr_port_t known_port(const request_rec *r)
{
    apr_port_t port = ap_get_server_port(r);
    apr_port_t own = r->server->port != 0 ? r->server->port : ap_default_port(r);

    return port == r->connection->local_addr->port || port == ap_default_port(r) ? port
                                                                                 : own;
}

/* ":port" unless it is the usual one. */
static const char *port_suffix(request_rec *r)
{
    apr_port_t port = known_port(r);

    return port == 80 || port == 443 ? "" : apr_psprintf(r->pool, ":%u", port);
}

static const char *expand_server(request_rec *r)
{
    return apr_pstrcat(r->pool, r->server->server_hostname, port_suffix(r), NULL);
}

static const char *expand_host(request_rec *r)
{
    if (r->hostname == NULL || *r->hostname == '\0') {
        return expand_server(r);
    }
    return apr_pstrcat(r->pool, r->hostname, port_suffix(r), NULL);
}

static const char *expand_resource(request_rec *r, const struct pyw_target *target)
{
    char *name = apr_pstrdup(r->pool, target->script_name);

    if (pyw_conf_global()->case_sensitivity == PYW_OFF) {
        ap_str_tolower(name);
    }
    return apr_pstrcat(r->pool, r->server->server_hostname, port_suffix(r), "|", name,
                       NULL);
}

/* %{ENV:name}: request notes, then SetEnv and its kin, then the server's environment.
 */
static const char *expand_env(request_rec *r, const char *token)
{
    static const char prefix[] = "%{ENV:";
    size_t len = strlen(token);
    const char *name;
    const char *value;

    if (strncmp(token, prefix, sizeof(prefix) - 1) != 0 || token[len - 1] != '}') {
        return NULL;
    }
    name = apr_pstrmemdup(r->pool, token + sizeof(prefix) - 1, len - sizeof(prefix));
    value = apr_table_get(r->notes, name);
    if (value == NULL) {
        value = apr_table_get(r->subprocess_env, name);
    }
    return value != NULL ? value : pyw_places_env(name);
}

/* One round; NULL when it is no token, or an unknown one. */
static const char *expand_once(request_rec *r, const struct pyw_target *target,
                               const char *text)
{
    if (strcmp(text, "%{GLOBAL}") == 0) {
        return "";
    }
    if (strcmp(text, "%{RESOURCE}") == 0) {
        return expand_resource(r, target);
    }
    if (strcmp(text, "%{SERVER}") == 0) {
        return expand_server(r);
    }
    if (strcmp(text, "%{HOST}") == 0) {
        return expand_host(r);
    }
    return expand_env(r, text);
}

/* A group name; what cannot be expanded stays as it is. */
static const char *expand_group(request_rec *r, const struct pyw_target *target,
                                const char *text)
{
    for (int i = 0; i < EXPANSIONS_MAX && *text == '%'; i++) {
        const char *expanded;

        if (i > 0 && strncmp(text, "%{ENV:", 6) == 0) {
            return text;
        }
        expanded = expand_once(r, target, text);
        if (expanded == NULL) {
            return text;
        }
        text = expanded;
    }
    return text;
}

static const char *expand_callable(request_rec *r, const char *text)
{
    const char *value;

    if (*text != '%') {
        return text;
    }
    value = expand_env(r, text);
    return value != NULL ? value : DEFAULT_CALLABLE;
}

/* The alias' option, else the directive, else the default. */
static const char *first_text(const char *option, const char *directive,
                              const char *fallback)
{
    if (option != NULL) {
        return option;
    }
    return directive != NULL ? directive : fallback;
}

static int first_flag(int option, int directive, int fallback)
{
    if (option != PYW_UNSET) {
        return option;
    }
    return directive != PYW_UNSET ? directive : fallback;
}

void pyw_target_set_group(struct pyw_target *target, const char *process_group)
{
    target->process_group = process_group;
    target->group = *process_group != '\0' ? pyw_conf_find_group(process_group) : NULL;
}

/* What is usual in the group: an interpreter for each script, or one for all. */
static const char *default_application_group(const struct pyw_target *target)
{
    return target->group != NULL && target->group->options.is_single_application
               ? ""
               : "%{RESOURCE}";
}

static void split_url(request_rec *r, struct pyw_target *target)
{
    const char *path_info = r->path_info != NULL ? r->path_info : "";
    const char *script_name = r->uri; /* whole: a directory's last slash is its own */

    if (*path_info != '\0') {
        int len = ap_find_path_info(r->uri, path_info);

        script_name = apr_pstrmemdup(r->pool, r->uri, (apr_size_t)len);
    }
    target->script_name = collapse_slashes(r->pool, script_name);
    target->path_info = collapse_slashes(r->pool, path_info);
}

/* Auto: where a filter works on the content, such as DEFLATE, its headers depend on
 * it. */
static bool maps_head(const request_rec *r, const struct pyw_dir_conf *conf)
{
    if (!r->header_only || r->method_number != M_GET || conf->map_head == PYW_OFF) {
        return false;
    }
    return conf->map_head == PYW_ON ||
           (r->output_filters != NULL &&
            r->output_filters->frec->ftype < AP_FTYPE_PROTOCOL);
}

void pyw_target_reroute(request_rec *r, struct pyw_target *target,
                        const char *process_group, const char *application_group,
                        const char *callable)
{
    if (process_group != NULL) {
        pyw_target_set_group(target, expand_group(r, target, process_group));
        if (target->is_default_application && application_group == NULL) {
            application_group = default_application_group(target);
        }
    }
    if (application_group != NULL) {
        target->application_group = expand_group(r, target, application_group);
    }
    if (callable != NULL) {
        target->callable = expand_callable(r, callable);
    }
}

const char *pyw_target_expand_decider(request_rec *r, const char *text)
{
    if (strcmp(text, "%{GLOBAL}") == 0) {
        return "";
    }
    if (strcmp(text, "%{SERVER}") == 0) {
        return expand_server(r);
    }
    return strcmp(text, "%{HOST}") == 0 ? expand_host(r) : text;
}

/* The options of the handler script or of the alias; the handler script's name beats
 * the URL. */
static const struct pyw_script_options *options_of(request_rec *r,
                                                   const struct pyw_handler *handler)
{
    static const struct pyw_script_options none = {.pass_authorization = PYW_UNSET};
    const struct pyw_alias *alias = pyw_alias_of(r);

    if (handler != NULL) {
        return &handler->options;
    }
    return alias != NULL ? &alias->options : &none;
}

static void set_script(request_rec *r, const struct pyw_handler *handler,
                       struct pyw_target *target)
{
    apr_finfo_t about;

    if (handler == NULL) {
        target->script = r->filename;
        target->handler_script = "";
        target->script_mtime = r->finfo.mtime;
        return;
    }
    target->script = target->handler_script = handler->script;
    target->script_mtime =
        apr_stat(&about, handler->script, APR_FINFO_MTIME, r->pool) == APR_SUCCESS
            ? about.mtime
            : 0;
}

static const char *callable_of(request_rec *r, const struct pyw_handler *handler,
                               const struct pyw_script_options *options)
{
    if (handler != NULL) {
        return HANDLER_CALLABLE;
    }
    return expand_callable(
        r, first_text(options->callable, pyw_conf_dir(r)->callable, DEFAULT_CALLABLE));
}

/* The script's option, else the directive, else what is usual in the process group. */
static void set_application_group(request_rec *r,
                                  const struct pyw_script_options *options,
                                  struct pyw_target *target)
{
    const char *chosen = first_text(options->application_group,
                                    pyw_conf_dir(r)->application_group, NULL);

    target->is_default_application = chosen == NULL;
    if (chosen == NULL) {
        chosen = default_application_group(target);
    }
    target->application_group = expand_group(r, target, chosen);
}

void pyw_target_resolve(request_rec *r, const struct pyw_handler *handler,
                        struct pyw_target *target)
{
    const struct pyw_dir_conf *conf = pyw_conf_dir(r);
    const struct pyw_script_options *options = options_of(r, handler);

    split_url(r, target);
    set_script(r, handler, target);
    target->filename = r->filename;
    pyw_target_set_group(target, expand_group(r, target,
                                              first_text(options->process_group,
                                                         conf->process_group, "")));
    set_application_group(r, options, target);
    target->callable = callable_of(r, handler, options);
    target->pass_authorization =
        first_flag(options->pass_authorization, conf->pass_authorization, PYW_OFF) ==
        PYW_ON;
    target->may_be_chunked =
        first_flag(PYW_UNSET, conf->chunked_request, PYW_ON) == PYW_ON;
    target->is_reloading =
        first_flag(PYW_UNSET, conf->script_reloading, PYW_ON) == PYW_ON;
    target->is_ignored =
        first_flag(PYW_UNSET, conf->ignore_activity, PYW_OFF) == PYW_ON;
    target->maps_head = maps_head(r, conf);
}
