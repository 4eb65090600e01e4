#include "apache/auth.h"

#include <httpd.h>
#include <ap_provider.h>
#include <apr_strings.h>
#include <http_config.h>
#include <http_core.h>
#include <http_request.h>
#include <mod_auth.h>
#include <string.h>

#include "apache/decide.h"
#include "apache/log.h"
#include "apache/ssl_vars.h"

/* Asks the script of a directive; one that was not set is a mistake in the
 * configuration. */
static enum pyw_asked ask(request_rec *r, const struct pyw_question *question,
                          const char *user_of_it, const char *directive,
                          struct pyw_decision *decision)
{
    if (question->script == NULL) {
        PYW_LOG(pyw_log_request, r, DECIDER_NOT_SET, user_of_it, directive);
        return PYW_ASKED_NOBODY;
    }
    return pyw_decide_ask(r, question, decision);
}

/* --- users --- */

static authn_status check_password(request_rec *r, const char *user,
                                   const char *password)
{
    struct pyw_question question = {.role = PYW_ROLE_PASSWORD,
                                    .script = pyw_conf_dir(r)->user_script,
                                    .arguments = {user, password}};
    struct pyw_decision decision;
    const char *name;

    if (ask(r, &question, "AuthBasicProvider wsgi", "WSGIAuthUserScript", &decision) !=
        PYW_ASKED_ANSWERED) {
        return AUTH_GENERAL_ERROR;
    }
    switch (decision.verdict) {
    case PYW_VERDICT_GRANTED:
        return AUTH_GRANTED;
    case PYW_VERDICT_NAMED:
        name = pyw_decide_next_text(r, &decision);
        r->user = apr_pstrdup(r->pool, name);
        return name != NULL ? AUTH_GRANTED : AUTH_GENERAL_ERROR;
    case PYW_VERDICT_UNKNOWN:
        return AUTH_USER_NOT_FOUND;
    default:
        return AUTH_DENIED;
    }
}

static authn_status get_realm_hash(request_rec *r, const char *user, const char *realm,
                                   char **hash)
{
    struct pyw_question question = {.role = PYW_ROLE_REALM_HASH,
                                    .script = pyw_conf_dir(r)->user_script,
                                    .arguments = {user, realm}};
    struct pyw_decision decision;

    if (ask(r, &question, "AuthDigestProvider wsgi", "WSGIAuthUserScript", &decision) !=
        PYW_ASKED_ANSWERED) {
        return AUTH_GENERAL_ERROR;
    }
    if (decision.verdict != PYW_VERDICT_HASH) {
        return AUTH_USER_NOT_FOUND;
    }
    *hash = apr_pstrdup(r->pool, pyw_decide_next_text(r, &decision));
    return *hash != NULL ? AUTH_USER_FOUND : AUTH_GENERAL_ERROR;
}

static const authn_provider user_provider = {check_password, get_realm_hash};

/* --- groups --- */

/* A `Require wsgi-group` line. */
struct requirement {
    apr_array_header_t *names; /* const char * */
    bool is_plain; /* else it may be negated, and no membership may let somebody in */
};

/* Whether a line counts for itself: neither `not`, nor in <RequireNone>, nor in a
 * <AuthzProviderAlias>, which may be used anywhere. */
static bool is_plain_require(cmd_parms *cmd)
{
    const ap_directive_t *directive = cmd->directive;
    const char *args = directive->args;

    if (strcasecmp(directive->directive, "Require") != 0 ||
        strcasecmp(ap_getword_conf(cmd->temp_pool, &args), "not") == 0) {
        return false;
    }
    for (directive = directive->parent; directive != NULL;
         directive = directive->parent) {
        if (strcasecmp(directive->directive, "<RequireNone") == 0) {
            return false;
        }
    }
    return true;
}

static const char *parse_groups(cmd_parms *cmd, const char *line, const void **parsed)
{
    struct requirement *requirement = apr_palloc(cmd->pool, sizeof(*requirement));
    const char *name;

    requirement->names = apr_array_make(cmd->pool, 2, sizeof(const char *));
    requirement->is_plain = is_plain_require(cmd);
    while (*(name = ap_getword_conf(cmd->pool, &line)) != '\0') {
        APR_ARRAY_PUSH(requirement->names, const char *) = name;
    }
    if (requirement->names->nelts == 0) {
        return "Require wsgi-group takes one or more names of groups.";
    }
    *parsed = requirement;
    return NULL;
}

static bool is_required(const struct requirement *requirement, struct pyw_span group)
{
    for (int i = 0; i < requirement->names->nelts; i++) {
        if (pyw_bytes_is_equal(group,
                               APR_ARRAY_IDX(requirement->names, i, const char *))) {
            return true;
        }
    }
    return false;
}

static authz_status check_groups(request_rec *r, const char *line, const void *parsed)
{
    const struct requirement *requirement = parsed;
    struct pyw_question question = {.role = PYW_ROLE_GROUPS,
                                    .script = pyw_conf_dir(r)->group_script,
                                    .arguments = {r->user}};
    struct pyw_decision decision;
    struct pyw_span group;

    (void)line;
    if (r->user == NULL) {
        return AUTHZ_DENIED_NO_USER;
    }
    switch (ask(r, &question, "Require wsgi-group", "WSGIAuthGroupScript", &decision)) {
    case PYW_ASKED_ANSWERED:
        break;
    case PYW_ASKED_FAILED:
        return requirement->is_plain ? AUTHZ_DENIED : AUTHZ_GENERAL_ERROR;
    default:
        return AUTHZ_GENERAL_ERROR;
    }
    while (pyw_decision_next(&decision, &group)) {
        if (is_required(requirement, group)) {
            return AUTHZ_GRANTED;
        }
    }
    return AUTHZ_DENIED;
}

static const authz_provider group_provider = {check_groups, parse_groups};

/* --- access --- */

/* Only a server that lets in who satisfies either of two conditions has not made up its
 * mind here; then it is not worth a line. */
static int deny(request_rec *r, const struct pyw_decider *script, const char *why)
{
    if (ap_satisfies(r) != SATISFY_ANY) {
        PYW_LOG(pyw_log_request, r, ACCESS_DENIED, script->path, why);
    }
    return HTTP_FORBIDDEN;
}

static int check_access(request_rec *r)
{
    struct pyw_question question = {.role = PYW_ROLE_ACCESS,
                                    .script = pyw_conf_dir(r)->access_script};
    struct pyw_decision decision;

    if (question.script == NULL) {
        return DECLINED;
    }
    question.arguments[0] = ap_get_useragent_host(r, REMOTE_NAME, NULL);
    switch (pyw_decide_ask(r, &question, &decision)) {
    case PYW_ASKED_ANSWERED:
        break;
    case PYW_ASKED_FAILED:
        return deny(r, question.script, "it is broken, as the lines above say");
    default:
        return HTTP_INTERNAL_SERVER_ERROR;
    }
    switch (decision.verdict) {
    case PYW_VERDICT_GRANTED:
        return OK;
    case PYW_VERDICT_UNKNOWN:
        return DECLINED;
    default:
        return deny(r, question.script, "allow_access() returned False");
    }
}

void pyw_auth_register_hooks(apr_pool_t *pool)
{
    static const char *const after[] = {"mod_ssl.c", NULL};
    static const char *const before[] = {"mod_authz_host.c", NULL};

    ap_hook_optional_fn_retrieve(pyw_ssl_vars_find, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_check_access(check_access, after, before, APR_HOOK_MIDDLE,
                         AP_AUTH_INTERNAL_PER_CONF);
    ap_register_auth_provider(pool, AUTHN_PROVIDER_GROUP, "wsgi",
                              AUTHN_PROVIDER_VERSION, &user_provider,
                              AP_AUTH_INTERNAL_PER_CONF);
    ap_register_auth_provider(pool, AUTHZ_PROVIDER_GROUP, "wsgi-group",
                              AUTHZ_PROVIDER_VERSION, &group_provider,
                              AP_AUTH_INTERNAL_PER_CONF);
}
