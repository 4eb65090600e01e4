#include "wsgi/conditional.h"

#include "base/conditions.h"
#include "wsgi/request.h"

/* They tell of a body that is not sent. */
static const struct pyw_span of_the_body[] = {
    {"Content-Length", 14},   {"Content-Type", 12},  {"Content-Encoding", 16},
    {"Content-Language", 16}, {"Content-Range", 13}, {"Accept-Ranges", 13},
};
/* And how long it is good. */
static const struct pyw_span of_caching[] = {{"Cache-Control", 13}, {"Expires", 7}};

#define IS_AMONG(names, name)                                                          \
    pyw_bytes_is_among(names, sizeof(names) / sizeof(names[0]), name)

/* Leaves what is not about the body; 304 is about caching, 412 is not. */
static void strip(struct pyw_response *response, unsigned status)
{
    size_t kept = 0;

    for (size_t i = 0; i < response->head.header_count; i++) {
        struct pyw_span name = response->headers[i].name;

        if (!IS_AMONG(of_the_body, name) &&
            (status == 304 || !IS_AMONG(of_caching, name))) {
            response->headers[kept++] = response->headers[i];
        }
    }
    response->head.header_count = kept;
}

static void answer(struct pyw_response *response, unsigned status,
                   struct pyw_span reason)
{
    strip(response, status);
    response->head.status = (uint16_t)status;
    response->head.reason = reason;
    response->length_count = 0;
    response->is_replaced = true;
}

void pyw_conditional_apply(struct pyw_request *request)
{
    struct pyw_response *response = &request->response;
    struct pyw_header *tag = pyw_response_find(response, PYW_SPAN("ETag"));
    const struct pyw_header *modified =
        pyw_response_find(response, PYW_SPAN("Last-Modified"));
    struct pyw_validators validators = {
        .tag = tag != NULL ? tag->value : PYW_SPAN(""),
        .modified = modified != NULL ? modified->value : PYW_SPAN(""),
    };
    struct pyw_conditions conditions;
    struct pyw_span found;

    if (tag == NULL && modified == NULL) {
        return;
    }
    pyw_conditions_find(request->exchange->head, &conditions);
    switch (pyw_conditions_judge(&conditions, &validators, &found)) {
    case PYW_CONDITION_UNNEEDED:
        if (tag != NULL) {
            tag->value = found;
        }
        answer(response, 304, PYW_SPAN("Not Modified"));
        break;
    case PYW_CONDITION_FAILED:
        answer(response, 412, PYW_SPAN("Precondition Failed"));
        break;
    default:
        break;
    }
}
