#include "apache/dispatch.h"

#include "apache/decide.h"

int pyw_dispatch_ask(request_rec *r, struct pyw_target *target)
{
    struct pyw_question question = {.role = PYW_ROLE_DISPATCH,
                                    .script = pyw_conf_dir(r)->dispatch_script,
                                    .handler_script = target->handler_script};
    const char *routes[PYW_ROUTE_COUNT];
    struct pyw_decision decision;

    if (question.script == NULL) {
        return OK;
    }
    if (pyw_decide_ask(r, &question, &decision) != PYW_ASKED_ANSWERED) {
        return HTTP_INTERNAL_SERVER_ERROR;
    }
    for (int i = 0; i < PYW_ROUTE_COUNT; i++) {
        routes[i] = pyw_decide_next_text(r, &decision);
    }
    pyw_target_reroute(r, target, routes[PYW_ROUTE_PROCESS_GROUP],
                       routes[PYW_ROUTE_APPLICATION_GROUP], routes[PYW_ROUTE_CALLABLE]);
    return OK;
}
