#include "apache/request.h"

#include <httpd.h>

#include <http_config.h>
#include <http_core.h>
#include <http_protocol.h>
#include <http_request.h>

#include "apache/alias.h"
#include "apache/bridge.h"
#include "apache/cgi_env.h"
#include "apache/conf.h"
#include "apache/dispatch.h"
#include "apache/group_rules.h"
#include "apache/handler.h"
#include "apache/hints.h"
#include "apache/launch.h"
#include "apache/linger.h"
#include "apache/log.h"
#include "apache/policy.h"
#include "apache/relay.h"
#include "apache/target.h"

static struct pyw_span span_of(const char *text)
{
    return (struct pyw_span){text, strlen(text)};
}

/* May the response be one that says that the client has it already (RFC 9110 13)? Not
 * where it is a part of a page, or the page of an error. */
static bool is_conditional(const request_rec *r)
{
    static const char *const names[] = {"If-None-Match", "If-Modified-Since",
                                        "If-Match", "If-Unmodified-Since"};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (apr_table_get(r->headers_in, names[i]) != NULL) {
            return r->method_number == M_GET && r->main == NULL && !r->no_local_copy &&
                   (r->prev == NULL || !ap_is_HTTP_ERROR(r->prev->status));
        }
    }
    return false;
}

static uint16_t request_flags(const request_rec *r, const struct pyw_target *target)
{
    unsigned flags = 0;

    flags |= pyw_policy_has_body(r) ? PYW_REQUEST_HAS_BODY : 0;
    flags |= r->expecting_100 && pyw_policy_has_body(r) ? PYW_REQUEST_EXPECT : 0;
    flags |= target->is_reloading ? PYW_REQUEST_RELOAD : 0;
    flags |= r->header_only && !target->maps_head ? PYW_REQUEST_HEAD : 0;
    flags |= target->is_ignored ? PYW_REQUEST_IGNORE : 0;
    flags |= is_conditional(r) ? PYW_REQUEST_CONDITIONAL : 0;
    flags |= pyw_hints_are_wanted(r) ? PYW_REQUEST_HINTS : 0;
    return (uint16_t)flags;
}

static void fill_head(request_rec *r, const struct pyw_target *target,
                      struct pyw_request_head *head)
{
    *head = (struct pyw_request_head){
        .flags = request_flags(r, target),
        .arrival_us = (int64_t)r->request_time,
        .content_length = r->read_chunked ? -1 : (int64_t)r->remaining,
        .script_mtime = (int64_t)target->script_mtime,
        .script = span_of(target->script),
        .callable = span_of(target->callable),
        .application_group = span_of(target->application_group),
        .role = PYW_ROLE_APPLICATION,
    };
}

/* Sends the request where its process group says. */
static int dispatch(request_rec *r, const struct pyw_target *target,
                    struct pyw_request_head *head)
{
    struct pyw_pool *pool;

    if (!pyw_policy_may_choose(r, target)) {
        return HTTP_INTERNAL_SERVER_ERROR;
    }
    if (target->process_group[0] == '\0') {
        return pyw_bridge_run(r, head, pyw_policy_has_body(r));
    }
    if (target->group != NULL && target->group->options.threads == 0) {
        PYW_LOG(pyw_log_request, r, SERVICE_REQUEST, target->process_group);
        return HTTP_INTERNAL_SERVER_ERROR;
    }
    pool = pyw_launch_pool(target->process_group);
    if (pool == NULL || target->group == NULL) {
        PYW_LOG(pyw_log_request, r, GROUP_UNKNOWN, target->process_group);
        return HTTP_INTERNAL_SERVER_ERROR;
    }
    if (pyw_conf_refuse_group(target->group, r->server) != NULL) {
        PYW_LOG(pyw_log_request, r, GROUP_OF_OTHER_HOST, target->process_group);
        return HTTP_INTERNAL_SERVER_ERROR;
    }
    return pyw_relay_run(r, pool, head, pyw_policy_has_body(r));
}

static int handle(request_rec *r)
{
    const struct pyw_handler *handler = pyw_handler_of(r);
    struct pyw_target target;
    struct pyw_request_head head;
    int status;

    if (handler == NULL && (r->handler == NULL || !pyw_alias_is_handler(r->handler))) {
        return DECLINED;
    }
    status =
        handler != NULL ? pyw_policy_check_path_info(r) : pyw_policy_check_script(r);
    if (status != OK) {
        return status;
    }
    pyw_linger_note_request(r);
    pyw_target_resolve(r, handler, &target);
    status = pyw_policy_check_body(r, &target);
    if (status != OK) {
        return status;
    }
    status = pyw_dispatch_ask(r, &target);
    if (status == OK) {
        status = pyw_group_rules_apply(r, &target);
    }
    if (status != OK) {
        return status;
    }
    fill_head(r, &target, &head);
    if (pyw_cgi_env_build(r, &target, &head) != 0) {
        PYW_LOG(pyw_log_request, r, HEAD_TOO_LARGE);
        return HTTP_REQUEST_HEADER_FIELDS_TOO_LARGE;
    }
    return dispatch(r, &target, &head);
}

void pyw_request_register_hooks(apr_pool_t *pool)
{
    (void)pool;
    ap_hook_handler(handle, NULL, NULL, APR_HOOK_MIDDLE);
}
