#include "apache/cgi_env.h"

#include <ap_mpm.h>
#include <apr_lib.h>
#include <apr_strings.h>
#include <errno.h>
#include <http_core.h>
#include <http_log.h>
#include <http_protocol.h>

#include "apache/places.h"
#include "apache/proxy.h"

#define OWN_PAIRS 48

struct env {
    request_rec *r;
    struct pyw_proxy_view proxy;
    struct pyw_pair *pairs;
    size_t count;
    size_t capacity;
};

static void add_named(struct env *env, uint8_t key, const char *name, const char *value)
{
    struct pyw_pair *pair = &env->pairs[env->count];

    if (value == NULL || env->count == env->capacity) {
        return;
    }
    pair->key = key;
    pair->name =
        key != 0 ? pyw_head_key_name(key) : (struct pyw_span){name, strlen(name)};
    pair->value = (struct pyw_span){value, strlen(value)};
    env->count++;
}

static void add(struct env *env, uint8_t key, const char *value)
{
    add_named(env, key, NULL, value);
}

/* What a trusted proxy says, else what Apache knows. */
static void add_or_told(struct env *env, uint8_t key, enum pyw_proxy_category category,
                        const char *value)
{
    const char *told = env->proxy.values[category];

    add(env, key, told != NULL ? told : value);
}

static const char *decimal(apr_pool_t *pool, long number)
{
    return apr_ltoa(pool, number);
}

/* The request target as the client sent it, without scheme and host of an absolute
 * form. */
static const char *original_uri(request_rec *r)
{
    const char *start = r->the_request != NULL ? strchr(r->the_request, ' ') : NULL;
    const char *end;
    const char *scheme;

    if (start == NULL) {
        return r->unparsed_uri != NULL ? r->unparsed_uri : "";
    }
    while (*start == ' ') {
        start++;
    }
    end = start + strcspn(start, " ");
    scheme = strstr(start, "://");
    if (*start != '/' && scheme != NULL && scheme < end) {
        start = scheme + 3;
        start += strcspn(start, "/ ");
        if (start >= end) {
            return "/";
        }
    }
    return apr_pstrmemdup(r->pool, start, (apr_size_t)(end - start));
}

static int keep_value(void *last, const char *name, const char *value)
{
    (void)name;
    *(const char **)last = value;
    return 1;
}

static bool is_https(request_rec *r)
{
    const char *https = NULL;

    /* Of SetEnvIf and SetEnv, the latter stands last and is what environ has. */
    apr_table_do(keep_value, (void *)&https, r->subprocess_env, "HTTPS", NULL);
    if (https != NULL) {
        return strcasecmp(https, "on") == 0 || strcmp(https, "1") == 0;
    }
    return strcmp(ap_http_scheme(r), "https") == 0;
}

/* After ErrorDocument or another redirect within the server: what was asked for before.
 */
static void add_redirect(struct env *env)
{
    request_rec *r = env->r;
    request_rec *before = r->prev;
    const core_dir_config *core = ap_get_core_module_config(r->per_dir_config);

    if (before == NULL) {
        return;
    }
    add(env, PYW_KEY_REDIRECT_URL,
        core->qualify_redirect_url == AP_CORE_CONFIG_ON
            ? ap_construct_url(r->pool, before->uri, before)
            : before->uri);
    add(env, PYW_KEY_REDIRECT_QUERY_STRING, before->args);
    if (r->user == NULL) {
        add_named(env, 0, "REDIRECT_REMOTE_USER", before->user);
    }
}

static void add_request(struct env *env, const struct pyw_target *target)
{
    request_rec *r = env->r;

    add(env, PYW_KEY_REQUEST_METHOD, target->maps_head ? "GET" : r->method);
    add(env, PYW_KEY_REQUEST_URI, original_uri(r));
    add(env, PYW_KEY_QUERY_STRING, r->args != NULL ? r->args : "");
    add_or_told(env, PYW_KEY_SCRIPT_NAME, PYW_PROXY_SCRIPT_NAME, target->script_name);
    add(env, PYW_KEY_PATH_INFO, target->path_info);
    add(env, PYW_KEY_SERVER_PROTOCOL, r->protocol);
    add(env, PYW_KEY_REQUEST_SCHEME, ap_http_scheme(r));
    add_or_told(env, PYW_KEY_URL_SCHEME, PYW_PROXY_SCHEME,
                is_https(r) ? "https" : "http");
    add(env, PYW_KEY_SCRIPT_FILENAME, target->filename);
    add(env, PYW_KEY_CONTENT_TYPE, apr_table_get(r->headers_in, "Content-Type"));
    if (!r->read_chunked) {
        add(env, PYW_KEY_CONTENT_LENGTH,
            apr_table_get(r->headers_in, "Content-Length"));
    }
    add_redirect(env);
}

static void add_server(struct env *env)
{
    request_rec *r = env->r;

    add_or_told(env, PYW_KEY_SERVER_NAME, PYW_PROXY_SERVER,
                ap_escape_html(r->pool, ap_get_server_name_for_url(r)));
    add_or_told(env, PYW_KEY_SERVER_PORT, PYW_PROXY_PORT,
                decimal(r->pool, ap_get_server_port(r)));
    add(env, PYW_KEY_SERVER_ADDR, r->connection->local_ip);
    add(env, PYW_KEY_SERVER_SOFTWARE, ap_get_server_banner());
    add(env, PYW_KEY_SERVER_ADMIN, r->server->server_admin);
    add(env, PYW_KEY_DOCUMENT_ROOT, ap_document_root(r));
    add(env, PYW_KEY_CONTEXT_PREFIX, ap_context_prefix(r));
    add(env, PYW_KEY_CONTEXT_DOCUMENT_ROOT, ap_context_document_root(r));
    add_or_told(env, PYW_KEY_REMOTE_ADDR, PYW_PROXY_CLIENT, r->useragent_ip);
    add(env, PYW_KEY_REMOTE_PORT, decimal(r->pool, r->useragent_addr->port));
}

static void add_user(struct env *env)
{
    if (env->r->user != NULL) {
        add(env, PYW_KEY_REMOTE_USER, env->r->user);
        add(env, PYW_KEY_AUTH_TYPE, env->r->ap_auth_type);
    }
}

static void add_route(struct env *env, const struct pyw_target *target)
{
    add(env, PYW_KEY_OWN_PROCESS_GROUP, target->process_group);
    add(env, PYW_KEY_OWN_APPLICATION_GROUP, target->application_group);
    add(env, PYW_KEY_OWN_CALLABLE_OBJECT, target->callable);
}

/* What is known whatever the route. */
static void add_own(struct env *env, const struct pyw_target *target)
{
    request_rec *r = env->r;

    add(env, PYW_KEY_OWN_REQUEST_HANDLER, r->handler);
    add(env, PYW_KEY_OWN_HANDLER_SCRIPT, target->handler_script);
    add(env, PYW_KEY_OWN_LISTENER_HOST,
        r->connection->local_addr->hostname != NULL
            ? r->connection->local_addr->hostname
            : "");
    add(env, PYW_KEY_OWN_LISTENER_PORT,
        decimal(r->pool, r->connection->local_addr->port));
    add(env, PYW_KEY_OWN_SERVER_PID, pyw_places_pid());
    if (r->log_id == NULL) {
        /* Made on demand; the access log and every record of this request will show the
         * same. */
        ap_run_generate_log_id(r->connection, r, &r->log_id);
    }
    add(env, PYW_KEY_OWN_REQUEST_ID, r->log_id);
    add(env, PYW_KEY_OWN_CONNECTION_ID, r->connection->log_id);
    add(env, PYW_KEY_OWN_SCRIPT_NAME, target->script_name);
    add(env, PYW_KEY_OWN_PATH_INFO, target->path_info);
    add_named(env, 0, "mod_wsgi.mount_point", env->proxy.values[PYW_PROXY_SCRIPT_NAME]);
}

/* "X-Some-Name" -> "HTTP_X_SOME_NAME"; NULL when the name has a character that could
 * make two headers one (RFC 3875 4.1.18 leaves the choice; a spoofed X_Some_Name must
 * not pass for X-Some-Name). */
static const char *environ_name(apr_pool_t *pool, const char *header, size_t *len)
{
    size_t header_len = strlen(header);
    char *name = apr_palloc(pool, header_len + 6);
    char *at = name + 5;

    memcpy(name, "HTTP_", 5);
    for (; *header != '\0'; header++) {
        if (apr_isalnum(*header)) {
            *at++ = (char)apr_toupper(*header);
        } else if (*header == '-') {
            *at++ = '_';
        } else {
            return NULL;
        }
    }
    *at = '\0';
    *len = header_len + 5;
    return name;
}

/* Apache's CGIPassAuth, which is about both kinds of credentials. */
static bool passes_auth(request_rec *r)
{
    const core_dir_config *core = ap_get_core_module_config(r->per_dir_config);

    return core->cgi_pass_auth == AP_CGI_PASS_AUTH_ON;
}

/* Headers that never become HTTP_*. */
static bool is_withheld(const struct env *env, const struct pyw_target *target,
                        const char *name)
{
    switch (apr_tolower(name[0])) {
    case 'c':
        return strcasecmp(name, "Content-Type") == 0 ||
               strcasecmp(name, "Content-Length") == 0;
    case 'p':
        /* httpoxy: HTTP_PROXY means something else to HTTP clients. */
        return strcasecmp(name, "Proxy") == 0 ||
               (strcasecmp(name, "Proxy-Authorization") == 0 && !passes_auth(env->r));
    case 'a':
        return strcasecmp(name, "Authorization") == 0 && !target->pass_authorization &&
               !passes_auth(env->r);
    default:
        return false;
    }
}

/* One header, but for what the proxies say better. */
static void add_header(struct env *env, const char *name, size_t len, const char *value)
{
    uint8_t key = pyw_head_key_of(name, len);

    if (pyw_proxy_is_dropped(&env->proxy, name) ||
        (key == PYW_KEY_HTTP_HOST && env->proxy.values[PYW_PROXY_HOST] != NULL)) {
        return;
    }
    if (key == PYW_KEY_HTTP_X_FORWARDED_FOR && env->proxy.forwarded_for != NULL) {
        value = env->proxy.forwarded_for;
    }
    add_named(env, key, name, value);
}

static void add_headers(struct env *env, const struct pyw_target *target)
{
    const apr_array_header_t *headers = apr_table_elts(env->r->headers_in);
    const apr_table_entry_t *entries =
        (const apr_table_entry_t *)(const void *)headers->elts;

    for (int i = 0; i < headers->nelts; i++) {
        const char *name;
        size_t len;

        if (entries[i].key == NULL || is_withheld(env, target, entries[i].key)) {
            continue;
        }
        name = environ_name(env->r->pool, entries[i].key, &len);
        if (name != NULL) {
            add_header(env, name, len, entries[i].val);
        }
    }
    add(env, PYW_KEY_HTTP_HOST, env->proxy.values[PYW_PROXY_HOST]);
}

/* True when the list already has that name: what Apache computed or the client sent. */
static bool has_pair(const struct env *env, size_t own, uint8_t key, const char *name)
{
    size_t len = strlen(name);

    for (size_t i = 0; i < own; i++) {
        const struct pyw_pair *pair = &env->pairs[i];

        if (key != 0
                ? pair->key == key
                : pair->name.len == len && memcmp(pair->name.data, name, len) == 0) {
            return true;
        }
    }
    return false;
}

/* Names that SetEnv may not make, whether or not this request has them. */
static bool is_reserved(uint8_t key, const char *name)
{
    static const char *const names[] = {
        "HTTPS", /* consumed for the scheme */
        "HTTP_CONTENT_LENGTH",
        "HTTP_CONTENT_TYPE",
        "HTTP_PROXY",
        "apache.request_rec",
        "apache.version",
        "mod_wsgi.application_start",
        "mod_wsgi.daemon_start",
        "mod_wsgi.mount_point",
        "mod_wsgi.queue_start",
        "mod_wsgi.request_start",
        "mod_wsgi.thread_id",
        "mod_wsgi.version",
    };

    if (strncmp(name, "wsgi.", 5) == 0 || strncmp(name, "mod_wsgi.x-", 11) == 0) {
        return true;
    }
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strcasecmp(name, names[i]) == 0) {
            return true;
        }
    }
    return (key >= PYW_KEY_REQUEST_METHOD && key <= PYW_KEY_CONTENT_LENGTH) ||
           (key >= PYW_KEY_URL_SCHEME && key <= PYW_KEY_REDIRECT_QUERY_STRING);
}

static void add_variables(struct env *env)
{
    const apr_array_header_t *variables = apr_table_elts(env->r->subprocess_env);
    const apr_table_entry_t *entries =
        (const apr_table_entry_t *)(const void *)variables->elts;
    size_t own = env->count;

    for (int i = 0; i < variables->nelts; i++) {
        const char *name = entries[i].key;
        uint8_t key;

        if (name == NULL || *name == '\0') {
            continue;
        }
        key = pyw_head_key_of(name, strlen(name));
        /* REMOTE_USER is not Apache's own where nobody was authenticated by it: a
         * module such as mod_auth_* or mod_shib may set it. */
        if (is_reserved(key, name) && key != PYW_KEY_REMOTE_USER &&
            key != PYW_KEY_AUTH_TYPE) {
            continue;
        }
        if (!has_pair(env, own, key, name) &&
            !pyw_proxy_is_dropped(&env->proxy, name)) {
            add_named(env, key, name, entries[i].val);
        }
    }
}

int pyw_cgi_env_build(request_rec *r, const struct pyw_target *target,
                      struct pyw_request_head *head)
{
    struct env env = {.r = r};

    env.capacity = OWN_PAIRS + (size_t)apr_table_elts(r->headers_in)->nelts +
                   (size_t)apr_table_elts(r->subprocess_env)->nelts;
    if (env.capacity > PYW_HEAD_MAX_PAIRS) {
        return -E2BIG;
    }
    env.pairs = apr_palloc(r->pool, env.capacity * sizeof(*env.pairs));
    pyw_proxy_read(r, &env.proxy);
    add_request(&env, target);
    add_server(&env);
    add_user(&env);
    add_route(&env, target);
    add_own(&env, target);
    add_headers(&env, target);
    add_variables(&env);
    head->pairs = env.pairs;
    head->pair_count = env.count;
    return 0;
}

int pyw_cgi_env_build_reduced(request_rec *r, const struct pyw_target *target,
                              enum pyw_role role, const apr_array_header_t *more,
                              struct pyw_request_head *head)
{
    struct env env = {.r = r};

    env.capacity = OWN_PAIRS + (size_t)apr_table_elts(r->headers_in)->nelts +
                   (size_t)apr_table_elts(r->subprocess_env)->nelts +
                   (size_t)more->nelts;
    if (env.capacity > PYW_HEAD_MAX_PAIRS) {
        return -E2BIG;
    }
    env.pairs = apr_palloc(r->pool, env.capacity * sizeof(*env.pairs));
    add_request(&env, target);
    add_server(&env);
    add_headers(&env, target);
    if (role == PYW_ROLE_GROUPS || role == PYW_ROLE_DISPATCH) {
        add_user(&env); /* others are asked before it is known who that is */
    }
    if (role == PYW_ROLE_DISPATCH) {
        add_own(&env, target);
        add_variables(&env);
    }
    for (int i = 0; i < more->nelts; i++) {
        env.pairs[env.count++] = APR_ARRAY_IDX(more, i, struct pyw_pair);
    }
    head->pairs = env.pairs;
    head->pair_count = env.count;
    return 0;
}
