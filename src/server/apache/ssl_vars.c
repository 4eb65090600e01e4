#include "apache/ssl_vars.h"

#include <apr_optional.h>
#include <apr_strings.h>
#include <string.h>

#include "base/decision.h"
#include "base/head.h"

/* What mod_ssl offers to other modules. */
APR_DECLARE_OPTIONAL_FN(int, ssl_is_https, (conn_rec *));
APR_DECLARE_OPTIONAL_FN(char *, ssl_var_lookup,
                        (apr_pool_t *, server_rec *, conn_rec *, request_rec *,
                         char *));

/* Lists in a certificate are fetched up to this many elements. */
#define ELEMENTS 8

/* Set anew for each configuration (parent), read-only afterwards; NULL: no mod_ssl. */
static APR_OPTIONAL_FN_TYPE(ssl_is_https) * ssl_is_https;
static APR_OPTIONAL_FN_TYPE(ssl_var_lookup) * ssl_var_lookup;

static const char *const names[] = {
    "SSL_PROTOCOL",
    "SSL_SESSION_ID",
    "SSL_SESSION_RESUMED",
    "SSL_SECURE_RENEG",
    "SSL_CIPHER",
    "SSL_CIPHER_EXPORT",
    "SSL_CIPHER_USEKEYSIZE",
    "SSL_CIPHER_ALGKEYSIZE",
    "SSL_COMPRESS_METHOD",
    "SSL_VERSION_INTERFACE",
    "SSL_VERSION_LIBRARY",
    "SSL_TLS_SNI",
    "SSL_SRP_USER",
    "SSL_SRP_USERINFO",
    "SSL_CLIENT_VERIFY",
    "SSL_CLIENT_V_REMAIN",
    "SSL_CLIENT_CERT_RFC4523_CEA",
};

/* Of both certificates: SSL_CLIENT_ and SSL_SERVER_ go in front. */
static const char *const certificate[] = {
    "M_VERSION", "M_SERIAL", "S_DN",  "I_DN", "V_START",
    "V_END",     "A_SIG",    "A_KEY", "CERT",
};

/* Behind S_DN_ and I_DN_. */
static const char *const components[] = {"C", "ST", "L", "O", "OU",  "CN",   "T",
                                         "I", "G",  "S", "D", "UID", "Email"};

/* A number goes behind; the list ends at the first that has no value. */
static const char *const client_lists[] = {
    "SSL_CLIENT_CERT_CHAIN_", "SSL_CLIENT_SAN_Email_", "SSL_CLIENT_SAN_DNS_",
    "SSL_CLIENT_SAN_OTHER_msUPN_"};
static const char *const server_lists[] = {
    "SSL_SERVER_SAN_Email_", "SSL_SERVER_SAN_DNS_", "SSL_SERVER_SAN_OTHER_dnsSRV_"};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

void pyw_ssl_vars_find(void)
{
    ssl_is_https = APR_RETRIEVE_OPTIONAL_FN(ssl_is_https);
    ssl_var_lookup = APR_RETRIEVE_OPTIONAL_FN(ssl_var_lookup);
}

static void add(request_rec *r, apr_array_header_t *pairs, const char *name,
                const char *value)
{
    const char *full = apr_pstrcat(r->pool, PYW_DECISION_SSL_PREFIX, name, NULL);

    APR_ARRAY_PUSH(pairs, struct pyw_pair) = (struct pyw_pair){
        .name = {full, strlen(full)}, .value = {value, strlen(value)}};
}

/* @return false: it has no value. */
static bool fetch(request_rec *r, apr_array_header_t *pairs, const char *name)
{
    const char *value = ssl_var_lookup(r->pool, r->server, r->connection, r,
                                       apr_pstrdup(r->pool, name));

    if (value == NULL || *value == '\0') {
        return false;
    }
    add(r, pairs, name, value);
    return true;
}

static void fetch_names(request_rec *r, apr_array_header_t *pairs, const char *prefix,
                        const char *const *list, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        (void)fetch(r, pairs, apr_pstrcat(r->pool, prefix, list[i], NULL));
    }
}

static void fetch_certificate(request_rec *r, apr_array_header_t *pairs,
                              const char *prefix)
{
    fetch_names(r, pairs, prefix, certificate, COUNT(certificate));
    fetch_names(r, pairs, apr_pstrcat(r->pool, prefix, "S_DN_", NULL), components,
                COUNT(components));
    fetch_names(r, pairs, apr_pstrcat(r->pool, prefix, "I_DN_", NULL), components,
                COUNT(components));
}

static void fetch_lists(request_rec *r, apr_array_header_t *pairs,
                        const char *const *lists, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        int at = 0;

        while (at < ELEMENTS &&
               fetch(r, pairs, apr_psprintf(r->pool, "%s%d", lists[i], at))) {
            at++;
        }
    }
}

void pyw_ssl_vars_add(request_rec *r, apr_array_header_t *pairs)
{
    if (ssl_is_https == NULL || ssl_var_lookup == NULL) {
        return;
    }
    if (!ssl_is_https(r->connection)) {
        /* "off" of mod_ssl; nothing of Apache itself, which has the functions too. */
        (void)fetch(r, pairs, "HTTPS");
        return;
    }
    add(r, pairs, "HTTPS", "on");
    fetch_names(r, pairs, "", names, COUNT(names));
    fetch_certificate(r, pairs, "SSL_SERVER_");
    fetch_lists(r, pairs, server_lists, COUNT(server_lists));
    if (fetch(r, pairs, "SSL_CLIENT_M_VERSION")) { /* it has sent a certificate */
        (void)apr_array_pop(pairs);
        fetch_certificate(r, pairs, "SSL_CLIENT_");
        fetch_lists(r, pairs, client_lists, COUNT(client_lists));
    }
}
