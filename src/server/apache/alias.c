#include "apache/alias.h"

#include <apr_hash.h>
#include <apr_strings.h>
#include <http_config.h>
#include <http_protocol.h>
#include <http_request.h>

#include "apache/group_rules.h"
#include "apache/module.h"
#include "apache/script_options.h"

/* --- directives --- */

/* The interpreter of an alias that does not name one is the main one, if its group says
 * so and no directive before it says otherwise. */
static bool is_single_application(cmd_parms *cmd, const struct pyw_group_conf *group)
{
    const struct pyw_dir_conf *conf =
        ap_get_module_config(cmd->server->lookup_defaults, pyw_module);

    return group != NULL && group->options.is_single_application &&
           (conf->application_group == NULL ||
            strcmp(conf->application_group, "%{GLOBAL}") == 0);
}

/* Whether a script of an alias can be known and run before a request has come: an alias
 * to a directory maps many, script-user= looks at the owner in each request, and what
 * lies outside of the chroot= is an error of each request. */
bool pyw_alias_may_preload(apr_pool_t *pool, const struct pyw_alias *alias,
                           const struct pyw_group_conf *group)
{
    apr_finfo_t about;

    if ((alias->pattern != NULL && strchr(alias->target, '$') != NULL) ||
        (apr_stat(&about, alias->target, APR_FINFO_TYPE, pool) == APR_SUCCESS &&
         about.filetype == APR_DIR)) {
        return false;
    }
    return group == NULL || (!pyw_group_rules_have_owner(group) &&
                             pyw_group_rules_sees(group, alias->target));
}

/* A script whose groups are both known now is imported when the process starts, before
 * the first request; of many scripts, the first of them. @return NULL or an error
 * sentence. */
static const char *queue_preload(cmd_parms *cmd, const struct pyw_alias *alias)
{
    struct pyw_script_options options = alias->options;
    const struct pyw_group_conf *group;

    if (options.process_group == NULL || strstr(options.process_group, "%{") != NULL) {
        return NULL;
    }
    group = pyw_conf_find_group(options.process_group);
    if (options.application_group == NULL && is_single_application(cmd, group)) {
        options.application_group = "";
    }
    if (options.application_group == NULL ||
        strstr(options.application_group, "%{") != NULL) {
        return NULL;
    }
    if (!pyw_alias_may_preload(cmd->temp_pool, alias, group)) {
        return group != NULL ? pyw_conf_refuse_group(group, cmd->server) : NULL;
    }
    return pyw_script_options_queue(cmd, alias->target, &options, alias->url, true);
}

/* A plain file behind a URL without a slash at its end: the usual case, in which the
 * URL's part behind the alias is PATH_INFO, whatever it is. */
static bool is_file_alias(apr_pool_t *pool, const struct pyw_alias *alias)
{
    size_t len = strlen(alias->url);
    apr_finfo_t about;

    if (len > 1 && alias->url[len - 1] == '/') {
        return false;
    }
    return apr_stat(&about, alias->target, APR_FINFO_TYPE, pool) == APR_SUCCESS &&
           about.filetype == APR_REG;
}

static const char *add_alias(cmd_parms *cmd, struct pyw_alias *alias,
                             const char *arguments)
{
    struct pyw_server_conf *conf =
        ap_get_module_config(cmd->server->module_config, pyw_module);
    const char *error;

    alias->target = ap_getword_conf(cmd->pool, &arguments);
    if (*alias->target == '\0') {
        return "Location of WSGI script alias script not supplied.";
    }
    if (alias->pattern == NULL) {
        /* Once here rather than on every request; r->uri, which is put behind it, is
         * clean. */
        alias->target = ap_server_root_relative(cmd->pool, alias->target);
        if (alias->target == NULL) {
            return "Location of WSGI script alias script is not a path.";
        }
        alias->is_file = is_file_alias(cmd->temp_pool, alias);
    }
    error = pyw_script_options_read(cmd, &arguments, "script alias",
                                    PYW_SCRIPT_PROCESS_GROUP |
                                        PYW_SCRIPT_APPLICATION_GROUP |
                                        PYW_SCRIPT_CALLABLE | PYW_SCRIPT_AUTHORIZATION,
                                    &alias->options);
    if (error != NULL) {
        return error;
    }
    if (alias->options.process_group != NULL) {
        error = pyw_conf_refuse_service(cmd, alias->options.process_group);
    }
    if (error != NULL) {
        return error;
    }
    APR_ARRAY_PUSH(conf->aliases, const struct pyw_alias *) = alias;
    return queue_preload(cmd, alias);
}

const char *pyw_alias_set(cmd_parms *cmd, void *dir_conf, const char *arguments)
{
    struct pyw_alias *alias = apr_pcalloc(cmd->pool, sizeof(*alias));

    (void)dir_conf;
    alias->url = ap_getword_conf(cmd->pool, &arguments);
    if (alias->url[0] != '/') {
        return "WSGIScriptAlias takes a URL path that begins with '/', and a script.";
    }
    return add_alias(cmd, alias, arguments);
}

const char *pyw_alias_set_match(cmd_parms *cmd, void *dir_conf, const char *arguments)
{
    struct pyw_alias *alias = apr_pcalloc(cmd->pool, sizeof(*alias));
    const char *pattern = ap_getword_conf(cmd->pool, &arguments);

    (void)dir_conf;
    alias->pattern = ap_pregcomp(cmd->pool, pattern, AP_REG_EXTENDED);
    if (alias->pattern == NULL) {
        return apr_psprintf(cmd->pool, "Regular expression could not be compiled: %s.",
                            pattern);
    }
    return add_alias(cmd, alias, arguments);
}

/* --- translation --- */

static const char *skip_slashes(const char *at)
{
    while (*at == '/') {
        at++;
    }
    return at;
}

/* How much of `uri` the alias covers: any run of slashes matches a run of slashes, and
 * the alias must end where a component ends. 0 when it does not match. */
static size_t match_url(const char *uri, const char *alias)
{
    const char *at = uri;

    while (*alias != '\0') {
        if (*alias == '/') {
            if (*at != '/') {
                return 0;
            }
            alias = skip_slashes(alias);
            at = skip_slashes(at);
        } else if (*alias++ != *at++) {
            return 0;
        }
    }
    if (at[-1] != '/' && *at != '\0' && *at != '/') {
        return 0;
    }
    return (size_t)(at - uri);
}

/* --- which aliases a URL may mean ---
 *
 * A plain alias matches whole components, so only those that begin with the URL's first
 * one can, and those without one: "/" and patterns. */

static struct pyw_span first_component(const char *url)
{
    const char *at = skip_slashes(url);

    return (struct pyw_span){at, strcspn(at, "/")};
}

static void add_number(apr_array_header_t *list, int number)
{
    APR_ARRAY_PUSH(list, int) = number;
}

static void add_for_all(apr_pool_t *pool, struct pyw_server_conf *conf, int number)
{
    for (apr_hash_index_t *at = apr_hash_first(pool, conf->alias_lists); at != NULL;
         at = apr_hash_next(at)) {
        add_number(apr_hash_this_val(at), number);
    }
    add_number(conf->alias_others, number);
}

static void add_for_component(apr_pool_t *pool, struct pyw_server_conf *conf,
                              struct pyw_span component, int number)
{
    apr_array_header_t *list =
        apr_hash_get(conf->alias_lists, component.data, (apr_ssize_t)component.len);

    if (list == NULL) {
        list = apr_array_copy(pool, conf->alias_others);
        apr_hash_set(conf->alias_lists, component.data, (apr_ssize_t)component.len,
                     list);
    }
    add_number(list, number);
}

static void make_lists(apr_pool_t *pool, struct pyw_server_conf *conf)
{
    conf->alias_lists = apr_hash_make(pool);
    conf->alias_others = apr_array_make(pool, 4, sizeof(int));
    for (int i = 0; i < conf->aliases->nelts; i++) {
        const struct pyw_alias *alias =
            APR_ARRAY_IDX(conf->aliases, i, const struct pyw_alias *);
        struct pyw_span component =
            alias->pattern == NULL ? first_component(alias->url) : PYW_SPAN("");

        if (component.len == 0) {
            add_for_all(pool, conf, i);
        } else {
            add_for_component(pool, conf, component, i);
        }
    }
}

static int make_all_lists(apr_pool_t *pconf, apr_pool_t *plog, apr_pool_t *ptemp,
                          server_rec *s)
{
    (void)plog;
    (void)ptemp;
    for (; s != NULL; s = s->next) {
        make_lists(pconf, ap_get_module_config(s->module_config, pyw_module));
    }
    return OK;
}

static const apr_array_header_t *candidates(const struct pyw_server_conf *conf,
                                            const char *uri)
{
    struct pyw_span component = first_component(uri);
    const apr_array_header_t *list = NULL;

    if (component.len > 0) {
        list =
            apr_hash_get(conf->alias_lists, component.data, (apr_ssize_t)component.len);
    }
    return list != NULL ? list : conf->alias_others;
}

/* --- mapping --- */

/* What an alias made of a request. */
struct mapping {
    const struct pyw_alias *alias;
    const char *path_info; /* NULL: Apache finds out where the file ends */
};

/* The file for a matched URL, or NULL. */
static char *translate_plain(request_rec *r, const struct pyw_alias *alias,
                             struct mapping *mapping)
{
    size_t len = match_url(r->uri, alias->url);
    const char *rest = r->uri + len;

    if (len == 0) {
        return NULL;
    }
    /* "/" covers everything: the whole URI stays PATH_INFO. */
    if (alias->url[0] == '/' && alias->url[1] == '\0') {
        rest = r->uri;
    }
    if (alias->is_file) {
        /* One stat of the script instead of one for each component of script and rest.
         */
        mapping->path_info = rest;
        return apr_pstrdup(r->pool, alias->target);
    }
    return apr_pstrcat(r->pool, alias->target, rest, NULL);
}

static char *translate_match(request_rec *r, const struct pyw_alias *alias)
{
    ap_regmatch_t matches[AP_MAX_REG_MATCH];
    char *file;

    if (ap_regexec(alias->pattern, r->uri, AP_MAX_REG_MATCH, matches, 0) != 0) {
        return NULL;
    }
    file = ap_pregsub(r->pool, alias->target, r->uri, AP_MAX_REG_MATCH, matches);
    return file != NULL ? ap_server_root_relative(r->pool, file) : NULL;
}

/* mod_dir (DirectoryIndex, FallbackResource) and mod_negotiation let a sub-request find
 * a resource and then make it the request's: filename, handler and notes go over to it,
 * what modules keep in request_config does not. So a sub-request notes its alias, by
 * number, and the file that shows later that the note is about the same resource. */
static const char note_name[] = "mod_pywsgi.alias";

static void note_alias(request_rec *r, int number)
{
    apr_table_setn(r->notes, note_name,
                   apr_psprintf(r->pool, "%d %s", number, r->filename));
}

static const struct pyw_alias *noted_alias(const request_rec *r)
{
    const apr_array_header_t *aliases = pyw_conf_server(r->server)->aliases;
    const char *note = apr_table_get(r->notes, note_name);
    char *file;
    apr_int64_t number;

    if (note == NULL || r->filename == NULL) {
        return NULL;
    }
    number = apr_strtoi64(note, &file, 10);
    if (number < 0 || number >= aliases->nelts || *file != ' ' ||
        strncmp(file + 1, r->filename, strlen(r->filename)) != 0) {
        return NULL;
    }
    return APR_ARRAY_IDX(aliases, (int)number, const struct pyw_alias *);
}

static int translate_name(request_rec *r)
{
    const struct pyw_server_conf *conf = pyw_conf_server(r->server);
    const apr_array_header_t *numbers = candidates(conf, r->uri);
    struct mapping mapping = {NULL, NULL};

    if (r->uri[0] != '/') {
        return DECLINED;
    }
    for (int i = 0; i < numbers->nelts; i++) {
        int number = APR_ARRAY_IDX(numbers, i, int);
        const struct pyw_alias *alias =
            APR_ARRAY_IDX(conf->aliases, number, const struct pyw_alias *);
        char *file = alias->pattern != NULL ? translate_match(r, alias)
                                            : translate_plain(r, alias, &mapping);

        if (file == NULL) {
            continue;
        }
        r->filename = file;
        r->handler = PYW_ALIAS_HANDLER;
        mapping.alias = alias;
        ap_set_module_config(r->request_config, pyw_module,
                             apr_pmemdup(r->pool, &mapping, sizeof(mapping)));
        if (r->main != NULL) {
            note_alias(r, number);
        }
        return OK;
    }
    return DECLINED;
}

/* Apache's walk over the directories has seen a path that ends with the script: what
 * follows in the URL is known from the translation. */
void pyw_alias_set_path_info(request_rec *r)
{
    const struct mapping *mapping = ap_get_module_config(r->request_config, pyw_module);

    if (mapping != NULL && mapping->path_info != NULL) {
        r->path_info = apr_pstrdup(r->pool, mapping->path_info);
    }
}

static int set_path_info(request_rec *r)
{
    pyw_alias_set_path_info(r);
    return DECLINED;
}

bool pyw_alias_is_handler(const char *name)
{
    return strcmp(name, PYW_ALIAS_HANDLER) == 0 ||
           strcmp(name, "application/x-httpd-wsgi") == 0;
}

const struct pyw_alias *pyw_alias_of(const request_rec *r)
{
    const struct mapping *mapping = ap_get_module_config(r->request_config, pyw_module);
    const struct pyw_alias *noted = noted_alias(r);

    if (noted != NULL) {
        return noted; /* the request's own translation was of what came before */
    }
    return mapping != NULL ? mapping->alias : NULL;
}

void pyw_alias_register_hooks(apr_pool_t *pool)
{
    static const char *const after[] = {"mod_alias.c", NULL};
    static const char *const before[] = {"mod_userdir.c", "mod_vhost_alias.c", NULL};

    (void)pool;
    ap_hook_post_config(make_all_lists, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_translate_name(translate_name, after, before, APR_HOOK_MIDDLE);
    /* The first hook after the walk; sub-requests have only the second. */
    ap_hook_header_parser(set_path_info, NULL, NULL, APR_HOOK_REALLY_FIRST);
    ap_hook_fixups(set_path_info, NULL, NULL, APR_HOOK_REALLY_FIRST);
}
