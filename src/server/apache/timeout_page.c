#include "apache/timeout_page.h"

#include <apr_strings.h>
#include <http_core.h>
#include <http_log.h>
#include <http_protocol.h>
#include <http_request.h>
#include <stdbool.h>

/* The id under which Apache logs everything of the request: of a subrequest that is its
 * main request's, made by the first record or now. */
static const char *log_id(request_rec *r)
{
    while (r->main != NULL) {
        r = r->main;
    }
    if (r->log_id == NULL) {
        (void)ap_run_generate_log_id(r->connection, r, &r->log_id);
    }
    return r->log_id;
}

/* An ErrorDocument, or what another module has set. */
static bool has_page(const request_rec *r)
{
    const core_dir_config *dir = ap_get_core_module_config(r->per_dir_config);
    const core_request_config *own = ap_get_core_module_config(r->request_config);
    int index = ap_index_of_response(HTTP_GATEWAY_TIME_OUT);

    return (own->response_code_strings != NULL &&
            own->response_code_strings[index] != NULL) ||
           (dir->response_code_exprs != NULL &&
            apr_hash_get(dir->response_code_exprs, &index, sizeof(index)) != NULL);
}

void pyw_timeout_page_set(request_rec *r)
{
    const char *id = log_id(r);

    if (id == NULL || has_page(r)) {
        return;
    }
    ap_custom_response(
        r, HTTP_GATEWAY_TIME_OUT,
        apr_pstrcat(r->pool,
                    "<!DOCTYPE HTML PUBLIC \"-//IETF//DTD HTML 2.0//EN\">\n"
                    "<html><head>\n<title>504 Gateway Timeout</title>\n</head><body>\n"
                    "<h1>Gateway Timeout</h1>\n"
                    "<p>The application did not answer in time.</p>\n"
                    "<p>The server's error log has this request as <code>",
                    ap_escape_html(r->pool, id), "</code>.</p>\n</body></html>\n",
                    NULL));
}
