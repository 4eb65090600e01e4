/* policy.h: what must hold before a request reaches Python (compat 1.13): a script that
 * exists and may be executed, a body that can be framed, a size that is allowed.
 *
 * Apache worker threads.
 */
#ifndef PYW_APACHE_POLICY_H
#define PYW_APACHE_POLICY_H

#include <httpd.h>

#include "apache/target.h"

/* @return OK, or the HTTP status to answer with; the reason has been logged. */
int pyw_policy_check_script(request_rec *r);
int pyw_policy_check_path_info(request_rec *r);
int pyw_policy_check_body(request_rec *r, const struct pyw_target *target);

/* WSGIRestrictProcess. @return false: the process group is not allowed (logged). */
bool pyw_policy_may_choose(request_rec *r, const struct pyw_target *target);

/* True when the request has a body to be read. Valid after pyw_policy_check_body. */
bool pyw_policy_has_body(const request_rec *r);

#endif
