#include "apache/decide.h"

#include <apr_file_info.h>
#include <apr_strings.h>
#include <http_core.h>
#include <string.h>

#include "apache/alias.h"
#include "apache/bridge.h"
#include "apache/cgi_env.h"
#include "apache/daemon_process.h"
#include "apache/group_rules.h"
#include "apache/launch.h"
#include "apache/log.h"
#include "apache/relay.h"
#include "apache/ssl_vars.h"
#include "apache/target.h"

#define EXTRA_PAIRS 4

/* --- directives --- */

/* As for a script alias: the group must be declared above, and be usable from here. */
static const char *check_group(cmd_parms *cmd, const char *name)
{
    struct pyw_group_conf *group;
    const char *error;

    if (ap_check_cmd_context(cmd, NOT_IN_HTACCESS) != NULL) {
        return apr_psprintf(cmd->pool,
                            "process-group= of %s is not allowed in .htaccess files.",
                            cmd->cmd->name);
    }
    if (*name == '\0') {
        return NULL;
    }
    error = pyw_conf_need_group(cmd, name, &group);
    return error != NULL ? error : pyw_conf_refuse_service(cmd, name);
}

static const char *set_option(cmd_parms *cmd, struct pyw_decider *decider,
                              const char *name, const char *value)
{
    if (strcmp(value, "%{GLOBAL}") == 0) {
        value = "";
    }
    if (strcmp(name, "application-group") == 0) {
        decider->application_group = value;
        return NULL;
    }
    if (strcmp(name, "process-group") == 0) {
        decider->process_group = value;
        return check_group(cmd, value);
    }
    return apr_psprintf(cmd->pool,
                        "Invalid option to %s: %s. It takes application-group= and "
                        "process-group=.",
                        cmd->cmd->name, name);
}

const char *pyw_decide_set(cmd_parms *cmd, void *dir_conf, const char *arguments)
{
    struct pyw_decider *decider = apr_pcalloc(cmd->pool, sizeof(*decider));
    const char *path = ap_getword_conf(cmd->pool, &arguments);
    const char *error = NULL;
    const char *name;

    decider->path = ap_server_root_relative(cmd->pool, path);
    if (*path == '\0' || decider->path == NULL) {
        return apr_psprintf(cmd->pool, "Location of %s script not supplied.",
                            cmd->cmd->name);
    }
    decider->process_group = "";
    decider->application_group = "";
    do {
        const char *value;

        error = pyw_daemon_process_next_option(
            cmd, &arguments, cmd->cmd->name + strlen("WSGI"), &name, &value);
        if (error == NULL && name != NULL) {
            error = set_option(cmd, decider, name, value);
        }
    } while (error == NULL && name != NULL);
    if (error == NULL) {
        *(const struct pyw_decider **)(void *)((char *)dir_conf + (size_t)cmd->info) =
            decider;
    }
    return error;
}

/* --- the question --- */

static struct pyw_span span_of(const char *text)
{
    return (struct pyw_span){text, strlen(text)};
}

static void add(apr_array_header_t *pairs, uint8_t key, const char *name,
                const char *value)
{
    if (value != NULL) {
        APR_ARRAY_PUSH(pairs, struct pyw_pair) = (struct pyw_pair){
            .key = key,
            .name = key != 0 ? pyw_head_key_name(key) : span_of(name),
            .value = span_of(value),
        };
    }
}

/* What these scripts find in environ beside the variables of CGI. */
static apr_array_header_t *extra_pairs(request_rec *r,
                                       const struct pyw_question *question,
                                       const char *application_group)
{
    apr_array_header_t *pairs =
        apr_array_make(r->pool, EXTRA_PAIRS, sizeof(struct pyw_pair));

    add(pairs, PYW_KEY_OWN_PROCESS_GROUP, NULL, question->script->process_group);
    add(pairs, PYW_KEY_OWN_APPLICATION_GROUP, NULL, application_group);
    if (question->role != PYW_ROLE_DISPATCH) {
        add(pairs, 0, "SERVER_SIGNATURE", ap_psignature("", r));
        add(pairs, 0, "REMOTE_HOST", ap_get_useragent_host(r, REMOTE_HOST, NULL));
        pyw_ssl_vars_add(r, pairs); /* the last: they are no part of environ */
    }
    return pairs;
}

static int64_t modification_time(request_rec *r, const char *path)
{
    apr_finfo_t about;

    return apr_stat(&about, path, APR_FINFO_MTIME, r->pool) == APR_SUCCESS
               ? (int64_t)about.mtime
               : 0;
}

/* @return whether the question can be put; why not is in the log. */
static bool fill_head(request_rec *r, const struct pyw_question *question,
                      struct pyw_request_head *head)
{
    const char *group =
        pyw_target_expand_decider(r, question->script->application_group);
    struct pyw_target target;

    if (r->main != NULL) {
        pyw_alias_set_path_info(r);
    }
    pyw_target_resolve(r, NULL, &target);
    target.script = question->script->path;
    target.handler_script = question->handler_script;
    pyw_target_set_group(&target, question->script->process_group);
    target.application_group = group;
    if (pyw_group_rules_apply(r, &target) != OK) {
        return false;
    }
    *head = (struct pyw_request_head){
        .arrival_us = (int64_t)r->request_time,
        .script = span_of(target.script),
        .callable = PYW_SPAN(""),
        .application_group = span_of(group),
        .role = (uint8_t)question->role,
    };
    head->flags = target.is_ignored ? PYW_REQUEST_IGNORE : 0;
    if (target.is_reloading) {
        head->flags |= PYW_REQUEST_RELOAD;
        head->script_mtime = modification_time(r, question->script->path);
    }
    while (head->argument_count < PYW_HEAD_MAX_ARGUMENTS &&
           question->arguments[head->argument_count] != NULL) {
        head->arguments[head->argument_count] =
            span_of(question->arguments[head->argument_count]);
        head->argument_count++;
    }
    if (pyw_cgi_env_build_reduced(r, &target, question->role,
                                  extra_pairs(r, question, group), head) != 0) {
        PYW_LOG(pyw_log_request, r, HEAD_TOO_LARGE);
        return false;
    }
    return true;
}

/* Has the question answered, where its script says; what comes of it is in the capture.
 */
static void put_question(request_rec *r, const struct pyw_decider *script,
                         struct pyw_request_head *head, struct pyw_capture *capture)
{
    struct pyw_pool *pool;

    if (script->process_group[0] == '\0') {
        pyw_bridge_ask(r, head, capture);
        return;
    }
    pool = pyw_launch_pool(script->process_group);
    if (pool == NULL) {
        PYW_LOG(pyw_log_request, r, DECIDER_GROUP, script->process_group, script->path);
        return;
    }
    pyw_relay_ask(r, pool, head, capture);
}

/* Reads the answer of a script that may run in a hostile process. */
static enum pyw_asked read_answer(request_rec *r, const struct pyw_question *question,
                                  const struct pyw_capture *capture,
                                  struct pyw_decision *decision)
{
    const struct pyw_writer *body = &capture->body;
    struct pyw_span packed = {apr_pmemdup(r->pool, body->data, body->len), body->len};

    switch (capture->outcome) {
    case PYW_OUTCOME_OK:
    case PYW_OUTCOME_SHORT:
        if (capture->is_complete &&
            pyw_decision_get(packed, (uint8_t)question->role, decision) == 0) {
            return PYW_ASKED_ANSWERED;
        }
        PYW_LOG(pyw_log_request, r, DECIDER_ANSWER, question->script->path,
                question->script->process_group);
        return PYW_ASKED_NOBODY;
    case PYW_OUTCOME_ERROR:
        return PYW_ASKED_FAILED;
    default: /* whoever ended it has said why */
        return PYW_ASKED_NOBODY;
    }
}

enum pyw_asked pyw_decide_ask(request_rec *r, const struct pyw_question *question,
                              struct pyw_decision *decision)
{
    struct pyw_capture capture = {.max = PYW_DECISION_MAX_SIZE, .outcome = -1};
    enum pyw_asked asked;
    struct pyw_request_head head;

    if (!fill_head(r, question, &head)) {
        return PYW_ASKED_NOBODY;
    }
    pyw_bytes_init(&capture.body);
    put_question(r, question->script, &head, &capture);
    asked = read_answer(r, question, &capture, decision);
    pyw_bytes_free(&capture.body);
    return asked;
}

const char *pyw_decide_next_text(request_rec *r, struct pyw_decision *decision)
{
    struct pyw_span text;

    if (!pyw_decision_next(decision, &text) || text.data == NULL) {
        return NULL;
    }
    return apr_pstrmemdup(r->pool, text.data, text.len);
}
