#include "apache/policy.h"

#include <http_core.h>
#include <http_protocol.h>
#include <http_request.h>

#include "apache/alias.h"
#include "apache/log.h"

int pyw_policy_check_path_info(request_rec *r)
{
    if (r->used_path_info == AP_REQ_REJECT_PATH_INFO && r->path_info != NULL &&
        *r->path_info != '\0') {
        PYW_LOG(pyw_log_request, r, PATH_INFO_REFUSED, r->filename, r->path_info);
        return HTTP_NOT_FOUND;
    }
    return OK;
}

int pyw_policy_check_script(request_rec *r)
{
    if (pyw_alias_of(r) == NULL && (ap_allow_options(r) & OPT_EXECCGI) == 0) {
        PYW_LOG(pyw_log_request, r, EXECCGI_OFF, r->filename);
        return HTTP_FORBIDDEN;
    }
    if (r->finfo.filetype == APR_NOFILE) {
        PYW_LOG(pyw_log_request, r, SCRIPT_MISSING, r->filename);
        return HTTP_NOT_FOUND;
    }
    if (r->finfo.filetype == APR_DIR) {
        PYW_LOG(pyw_log_request, r, SCRIPT_IS_DIRECTORY, r->filename);
        return HTTP_FORBIDDEN;
    }
    return pyw_policy_check_path_info(r);
}

int pyw_policy_check_body(request_rec *r, const struct pyw_target *target)
{
    apr_off_t limit = ap_get_limit_req_body(r);
    int status = ap_setup_client_block(
        r, target->may_be_chunked ? REQUEST_CHUNKED_DECHUNK : REQUEST_CHUNKED_ERROR);

    if (status != OK) {
        /* Apache has logged 400 and 501 itself. */
        if (status == HTTP_LENGTH_REQUIRED) {
            PYW_LOG(pyw_log_request, r, CHUNKED_OFF);
        }
        return status;
    }
    if (limit > 0 && r->remaining > limit) {
        PYW_LOG(pyw_log_request, r, BODY_TOO_LARGE, (long long)r->remaining,
                (long long)limit);
        return HTTP_REQUEST_ENTITY_TOO_LARGE;
    }
    return OK;
}

bool pyw_policy_may_choose(request_rec *r, const struct pyw_target *target)
{
    const apr_array_header_t *allowed = pyw_conf_dir(r)->restrict_process;

    if (allowed == NULL || ap_array_str_contains(allowed, target->process_group)) {
        return true;
    }
    PYW_LOG(pyw_log_request, r, GROUP_RESTRICTED,
            target->process_group[0] != '\0' ? target->process_group : "%{GLOBAL}");
    return false;
}

bool pyw_policy_has_body(const request_rec *r)
{
    return r->read_chunked || r->remaining > 0;
}
