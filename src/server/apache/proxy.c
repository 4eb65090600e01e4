#include "apache/proxy.h"

#include <apr_network_io.h>
#include <apr_strings.h>
#include <arpa/inet.h>
#include <http_core.h>
#include <http_protocol.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "apache/log.h"
#include "apache/module.h"

/* --- the headers --- */

/* What the text of a header makes of its category's value; NULL: it means nothing, and
 * is treated as if it had not been sent. */
typedef const char *read_text(request_rec *r, const char *text);

struct header {
    const char *name;
    const char *environ_name;
    enum pyw_proxy_category category;
    read_text *read;
};

static const char *read_word(request_rec *r, const char *text)
{
    (void)r;
    return *text != '\0' ? text : NULL;
}

/* The root of a site is the empty name. */
static const char *read_any(request_rec *r, const char *text)
{
    (void)r;
    return text;
}

static const char *read_port(request_rec *r, const char *text)
{
    size_t len = strlen(text);

    (void)r;
    return len > 0 && len <= 5 && strspn(text, "0123456789") == len &&
                   atoi(text) <= UINT16_MAX
               ? text
               : NULL;
}

static const char *one_of(const char *text, const char *const *https,
                          const char *const *http)
{
    for (; *https != NULL; https++, http++) {
        if (strcasecmp(text, *https) == 0) {
            return "https";
        }
        if (strcasecmp(text, *http) == 0) {
            return "http";
        }
    }
    return NULL;
}

static const char *read_scheme(request_rec *r, const char *text)
{
    static const char *const https[] = {"https", NULL};
    static const char *const http[] = {"http", NULL};

    (void)r;
    return one_of(text, https, http);
}

static const char *read_switch(request_rec *r, const char *text)
{
    static const char *const https[] = {"on", "true", "1", NULL};
    static const char *const http[] = {"off", "false", "0", NULL};

    (void)r;
    return one_of(text, https, http);
}

#define FORWARDED_FOR 0 /* its row */

static read_text read_chain;

static const struct header headers[] = {
    {"X-Forwarded-For", "HTTP_X_FORWARDED_FOR", PYW_PROXY_CLIENT, read_chain},
    {"X-Client-IP", "HTTP_X_CLIENT_IP", PYW_PROXY_CLIENT, read_word},
    {"X-Real-IP", "HTTP_X_REAL_IP", PYW_PROXY_CLIENT, read_word},
    {"X-Forwarded-Host", "HTTP_X_FORWARDED_HOST", PYW_PROXY_HOST, read_word},
    {"X-Host", "HTTP_X_HOST", PYW_PROXY_HOST, read_word},
    {"X-Forwarded-Server", "HTTP_X_FORWARDED_SERVER", PYW_PROXY_SERVER, read_word},
    {"X-Forwarded-Port", "HTTP_X_FORWARDED_PORT", PYW_PROXY_PORT, read_port},
    {"X-Script-Name", "HTTP_X_SCRIPT_NAME", PYW_PROXY_SCRIPT_NAME, read_any},
    {"X-Forwarded-Script-Name", "HTTP_X_FORWARDED_SCRIPT_NAME", PYW_PROXY_SCRIPT_NAME,
     read_any},
    {"X-Forwarded-Proto", "HTTP_X_FORWARDED_PROTO", PYW_PROXY_SCHEME, read_scheme},
    {"X-Forwarded-Scheme", "HTTP_X_FORWARDED_SCHEME", PYW_PROXY_SCHEME, read_scheme},
    {"X-Scheme", "HTTP_X_SCHEME", PYW_PROXY_SCHEME, read_scheme},
    {"X-Forwarded-HTTPS", "HTTP_X_FORWARDED_HTTPS", PYW_PROXY_SCHEME, read_switch},
    {"X-Forwarded-SSL", "HTTP_X_FORWARDED_SSL", PYW_PROXY_SCHEME, read_switch},
    {"X-HTTPS", "HTTP_X_HTTPS", PYW_PROXY_SCHEME, read_switch},
};

#define HEADER_COUNT (sizeof(headers) / sizeof(headers[0]))

static const struct header *find_header(const char *name)
{
    for (size_t i = 0; i < HEADER_COUNT; i++) {
        if (strcasecmp(headers[i].name, name) == 0) {
            return &headers[i];
        }
    }
    return NULL;
}

static unsigned bit_of(const struct header *header)
{
    return 1u << (header - headers);
}

/* --- directives --- */

static const char *list_names(apr_pool_t *pool)
{
    const char *list = headers[0].name;

    for (size_t i = 1; i < HEADER_COUNT; i++) {
        list = apr_pstrcat(pool, list, ", ", headers[i].name, NULL);
    }
    return list;
}

static bool is_in_htaccess(const cmd_parms *cmd)
{
    return (cmd->override & (RSRC_CONF | ACCESS_CONF)) == 0;
}

/* mod_wsgi says nothing at all. An .htaccess file is read on each request, and must not
 * fill the log. */
static void note_unknown(cmd_parms *cmd, const char *name)
{
    if (is_in_htaccess(cmd)) {
        pyw_log_server(
            cmd->server, PYW_LEVEL_INFO,
            "WSGITrustedProxyHeaders in '%s' names '%s', which it does not know.",
            cmd->directive->filename, name);
        return;
    }
    PYW_LOG(pyw_conf_notice, cmd, PROXY_HEADER_UNKNOWN, name,
            list_names(cmd->temp_pool));
}

const char *pyw_proxy_set_header(cmd_parms *cmd, void *dir_conf, const char *name)
{
    struct pyw_dir_conf *conf = dir_conf;
    const struct header *header = find_header(name);

    if (conf->proxy_headers == NULL) {
        conf->proxy_headers = apr_array_make(cmd->pool, 4, sizeof(header));
    }
    if (header == NULL) {
        note_unknown(cmd, name);
    } else {
        APR_ARRAY_PUSH(conf->proxy_headers, const struct header *) = header;
    }
    return NULL;
}

const char *pyw_proxy_set_trusted(cmd_parms *cmd, void *dir_conf, const char *address)
{
    struct pyw_dir_conf *conf = dir_conf;
    char *text = apr_pstrdup(cmd->temp_pool, address);
    char *mask = strchr(text, '/');
    struct in6_addr parsed;
    apr_ipsubnet_t *network;

    if (mask != NULL) {
        *mask++ = '\0';
    }
    if (inet_pton(AF_INET6, text, &parsed) == 1 && IN6_IS_ADDR_V4MAPPED(&parsed)) {
        return apr_psprintf(
            cmd->pool,
            "WSGITrustedProxies: write '%s' as the IPv4 address that it "
            "stands for; that matches both forms.",
            address);
    }
    if (mask != NULL && strcmp(mask, "0") == 0) {
        return apr_psprintf(
            cmd->pool,
            "WSGITrustedProxies: '%s' is everybody: leave the directive out "
            "where every peer is to be trusted.",
            address);
    }
    if (apr_ipsubnet_create(&network, text, mask, cmd->pool) != APR_SUCCESS) {
        return apr_psprintf(
            cmd->pool,
            "WSGITrustedProxies: '%s' is no IP address and no network such as "
            "10.0.0.0/8 or 2001:db8::/32; names of hosts are not looked up.",
            address);
    }
    if (conf->trusted_proxies == NULL) {
        conf->trusted_proxies = apr_array_make(cmd->pool, 4, sizeof(network));
    }
    APR_ARRAY_PUSH(conf->trusted_proxies, apr_ipsubnet_t *) = network;
    return NULL;
}

/* --- trust --- */

static bool is_listed(const apr_array_header_t *networks, apr_sockaddr_t *address)
{
    for (int i = 0; i < networks->nelts; i++) {
        if (apr_ipsubnet_test(APR_ARRAY_IDX(networks, i, apr_ipsubnet_t *), address)) {
            return true;
        }
    }
    return false;
}

/* The same for an address that a header holds: whatever is there, no resolver is asked
 * for it. */
static bool is_listed_text(const apr_array_header_t *networks, const char *text)
{
    apr_sockaddr_t address = {.family = APR_INET};

    address.ipaddr_ptr = &address.sa.sin.sin_addr;
    if (inet_pton(AF_INET, text, &address.sa.sin.sin_addr) == 1) {
        return is_listed(networks, &address);
    }
    address.family = APR_INET6;
    address.ipaddr_ptr = &address.sa.sin6.sin6_addr;
    return inet_pton(AF_INET6, text, &address.sa.sin6.sin6_addr) == 1 &&
           is_listed(networks, &address);
}

/* --- X-Forwarded-For --- */

static char *trim(char *text)
{
    size_t len;

    text += strspn(text, " \t");
    len = strlen(text);
    while (len > 0 && (text[len - 1] == ' ' || text[len - 1] == '\t')) {
        text[--len] = '\0';
    }
    return text;
}

/* "a, , b" -> a, b */
static apr_array_header_t *split(apr_pool_t *pool, const char *text)
{
    apr_array_header_t *elements = apr_array_make(pool, 4, sizeof(const char *));
    char *state = NULL;
    char *element = apr_strtok(apr_pstrdup(pool, text), ",", &state);

    for (; element != NULL; element = apr_strtok(NULL, ",", &state)) {
        element = trim(element);
        if (*element != '\0') {
            APR_ARRAY_PUSH(elements, const char *) = element;
        }
    }
    return elements;
}

/* Which element is the client: the first one from the right that no trusted proxy
 * added, or the leftmost. */
static int find_client(const apr_array_header_t *elements,
                       const apr_array_header_t *trusted)
{
    int at = trusted != NULL ? elements->nelts - 1 : 0;

    while (at > 0 &&
           is_listed_text(trusted, APR_ARRAY_IDX(elements, at, const char *))) {
        at--;
    }
    return at;
}

static const char *read_chain(request_rec *r, const char *text)
{
    apr_array_header_t *elements = split(r->pool, text);

    if (elements->nelts == 0) {
        return NULL;
    }
    return APR_ARRAY_IDX(elements,
                         find_client(elements, pyw_conf_dir(r)->trusted_proxies),
                         const char *);
}

/* The chain from the client on. */
static const char *shorten_chain(request_rec *r, const apr_array_header_t *trusted)
{
    apr_array_header_t *elements =
        split(r->pool, apr_table_get(r->headers_in, headers[FORWARDED_FOR].name));
    int at = find_client(elements, trusted);
    const char *chain = APR_ARRAY_IDX(elements, at, const char *);

    while (++at < elements->nelts) {
        chain = apr_pstrcat(r->pool, chain, ", ",
                            APR_ARRAY_IDX(elements, at, const char *), NULL);
    }
    return chain;
}

/* --- reading --- */

/* Marks all synonyms of the headers that are configured. */
static unsigned synonyms_of(const apr_array_header_t *configured)
{
    unsigned categories = 0;
    unsigned bits = 0;

    for (int i = 0; i < configured->nelts; i++) {
        categories |=
            1u << APR_ARRAY_IDX(configured, i, const struct header *)->category;
    }
    for (size_t i = 0; i < HEADER_COUNT; i++) {
        if ((categories & (1u << headers[i].category)) != 0) {
            bits |= bit_of(&headers[i]);
        }
    }
    return bits;
}

void pyw_proxy_read(request_rec *r, struct pyw_proxy_view *view)
{
    const struct pyw_dir_conf *conf = pyw_conf_dir(r);
    const struct header *applied[PYW_PROXY_CATEGORIES] = {NULL};

    memset(view, 0, sizeof(*view));
    if (conf->proxy_headers == NULL) {
        return;
    }
    view->dropped = synonyms_of(conf->proxy_headers);
    if (conf->trusted_proxies != NULL &&
        !is_listed(conf->trusted_proxies, r->connection->client_addr)) {
        return;
    }
    for (int i = 0; i < conf->proxy_headers->nelts; i++) {
        const struct header *header =
            APR_ARRAY_IDX(conf->proxy_headers, i, const struct header *);
        const char *text = apr_table_get(r->headers_in, header->name);
        const char *value = text != NULL ? header->read(r, text) : NULL;

        if (value != NULL) {
            view->values[header->category] = value;
            applied[header->category] = header;
        }
    }
    for (size_t i = 0; i < PYW_PROXY_CATEGORIES; i++) {
        view->dropped &= applied[i] != NULL ? ~bit_of(applied[i]) : ~0u;
    }
    if (applied[PYW_PROXY_CLIENT] == &headers[FORWARDED_FOR] &&
        conf->trusted_proxies != NULL) {
        view->forwarded_for = shorten_chain(r, conf->trusted_proxies);
    }
}

bool pyw_proxy_is_dropped(const struct pyw_proxy_view *view, const char *name)
{
    if (view->dropped == 0 || strncmp(name, "HTTP_X_", 7) != 0) {
        return false;
    }
    for (size_t i = 0; i < HEADER_COUNT; i++) {
        if ((view->dropped & bit_of(&headers[i])) != 0 &&
            strcmp(headers[i].environ_name, name) == 0) {
            return true;
        }
    }
    return false;
}
