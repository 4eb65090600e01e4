/* decide.h: scripts that decide (compat 4): their directives, and how the server asks
 * one. A question is an exchange like that of a request without a body, by the bridge
 * or by the relay; the answer comes back to the server instead of going to the client.
 *
 * Directives: Apache parent, or a child for a .htaccess file. Questions: Apache worker
 * threads. Pool: the request's.
 */
#ifndef PYW_APACHE_DECIDE_H
#define PYW_APACHE_DECIDE_H

#include <httpd.h>

#include <http_config.h>

#include "apache/conf.h"
#include "base/decision.h"
#include "base/head.h"

/* SCRIPT [application-group=] [process-group=]; `cmd->info` is the offset of the field
 * of struct pyw_dir_conf. */
const char *pyw_decide_set(cmd_parms *cmd, void *dir_conf, const char *arguments);

struct pyw_question {
    enum pyw_role role;
    const struct pyw_decider *script;
    const char
        *handler_script; /* of the request's route; NULL where there is none yet */
    /* Without those of the client, up to the first NULL. */
    const char *arguments[PYW_HEAD_MAX_ARGUMENTS];
};

/* What became of a question; nobody is let in but by an ANSWERED. All else has been
 * logged. */
enum pyw_asked {
    PYW_ASKED_ANSWERED,
    PYW_ASKED_FAILED, /* the script is broken, raised an exception, returned nonsense */
    PYW_ASKED_NOBODY, /* it could not be asked: no process, a crash, a timeout */
};

/* Asks; the texts of the decision live as long as the request. */
enum pyw_asked pyw_decide_ask(request_rec *r, const struct pyw_question *question,
                              struct pyw_decision *decision);

/* The next text of a decision as a string of the request's pool; NULL where it is
 * absent or there is none. */
const char *pyw_decide_next_text(request_rec *r, struct pyw_decision *decision);

#endif
