#include "apache/hints.h"

#include <http_protocol.h>

#include "apache/conf.h"
#include "base/head.h"

bool pyw_hints_are_wanted(const request_rec *r)
{
    int own = pyw_conf_dir(r)->early_hints;

    if (r->main != NULL || r->proto_num < HTTP_VERSION(1, 1)) {
        return false;
    }
    return own == PYW_UNSET ? r->proto_num >= HTTP_VERSION(2, 0) : own == PYW_ON;
}

void pyw_hints_send(request_rec *r, apr_table_t *headers)
{
    apr_table_t *kept_headers = r->headers_out;
    const char *kept_line = r->status_line;
    int kept_status = r->status;
    unsigned kept_expectation = r->expecting_100;

    r->headers_out = headers;
    r->status = PYW_HEAD_EARLY_HINTS;
    r->status_line = NULL;
    ap_send_interim_response(r, 1);
    r->headers_out = kept_headers;
    r->status = kept_status;
    r->status_line = kept_line;
    r->expecting_100 = kept_expectation; /* Apache takes any interim response for it */
}
