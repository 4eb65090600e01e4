/* dispatch.h: WSGIDispatchScript: a script says where a request goes (compat 4.6).
 *
 * Apache worker threads.
 */
#ifndef PYW_APACHE_DISPATCH_H
#define PYW_APACHE_DISPATCH_H

#include "apache/target.h"

/* Asks the dispatch script that applies, if any, and puts what it says into the target,
 * whatever directives and alias say. @return OK, or an HTTP status. */
int pyw_dispatch_ask(request_rec *r, struct pyw_target *target);

#endif
