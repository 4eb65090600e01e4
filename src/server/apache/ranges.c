#include "apache/ranges.h"

#include <http_core.h>
#include <http_protocol.h>
#include <mod_core.h>
#include <strings.h>
#include <util_filter.h>

static void remove_filter(request_rec *r)
{
    ap_filter_t *filter = r->output_filters;

    while (filter != NULL && filter->frec != ap_byterange_filter_handle) {
        filter = filter->next;
    }
    if (filter != NULL && r->main == NULL) { /* else it is the main request's */
        ap_remove_output_filter(filter);
    }
}

void pyw_ranges_settle(request_rec *r, bool is_file)
{
    const char *accepts = apr_table_get(r->headers_out, "Accept-Ranges");
    bool is_refused = accepts != NULL && strcasecmp(accepts, "none") == 0;

    if (accepts != NULL && !is_refused && r->status == HTTP_OK) {
        ap_set_accept_ranges(r); /* "none" with MaxRanges none */
    }
    if (apr_table_get(r->headers_in, "Range") != NULL &&
        (!is_file || is_refused || r->method_number != M_GET || r->header_only)) {
        remove_filter(r);
    }
}
