/* timeout_page.h: the page of a 504, which names the request's id in the error log
 * (`%L` of ErrorLogFormat), so that who sees it can say which request it was.
 *
 * Apache worker threads.
 */
#ifndef PYW_APACHE_TIMEOUT_PAGE_H
#define PYW_APACHE_TIMEOUT_PAGE_H

#include <httpd.h>

/* Before the request is answered 504. An ErrorDocument for it is left alone. */
void pyw_timeout_page_set(request_rec *r);

#endif
