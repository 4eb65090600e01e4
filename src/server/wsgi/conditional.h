/* conditional.h: a 200 response that the client has already becomes 304, and one that
 * it did not want becomes 412, before the head leaves: no body follows, and the
 * application is not asked for more of it. Where the child says that the request is one
 * that may be answered so (PYW_REQUEST_CONDITIONAL).
 *
 * **GIL:** held.
 */
#ifndef PYW_WSGI_CONDITIONAL_H
#define PYW_WSGI_CONDITIONAL_H

struct pyw_request;

/* The head is as it would leave. Changes its status and headers where need be. */
void pyw_conditional_apply(struct pyw_request *request);

#endif
