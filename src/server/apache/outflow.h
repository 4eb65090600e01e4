/* outflow.h: what a client does not take yet of its response. A filter of the
 * connection, the last one before Apache writes to the socket, that a relay sets to
 * work for one response: it has Apache write without waiting, and keeps in a spool what
 * the client has no room for. So neither the relay nor the process behind it waits for
 * a slow client, whatever filters are between them.
 *
 * Apache worker threads; one for each connection that ever needed it, of the
 * connection's pool.
 */
#ifndef PYW_APACHE_OUTFLOW_H
#define PYW_APACHE_OUTFLOW_H

#include <httpd.h>
#include <stdbool.h>
#include <stdint.h>

struct pyw_outflow;

void pyw_outflow_register_hooks(apr_pool_t *pool);

/* From here on what passes waits in the spool, `max` bytes and a little, where the
 * client does not take it. @return NULL: the request has no connection of its own
 * (HTTP/2 streams), or another is passing already, within which it runs. */
struct pyw_outflow *pyw_outflow_begin(request_rec *r, size_t max);

/* NULL is an outflow that holds nothing. */

/* Something waits for the client's socket to take more: then `move` is due. */
bool pyw_outflow_is_held(const struct pyw_outflow *outflow);
/* More may be passed without waiting for the client. */
bool pyw_outflow_has_room(const struct pyw_outflow *outflow);
/* When the client has taken nothing for as long as a write to its socket may take:
 * PYW_CLOCK_NEVER where nothing is held. */
int64_t pyw_outflow_deadline_ms(const struct pyw_outflow *outflow);
/* Writes what the client takes now. @return 0; -EPIPE: it has gone. */
int pyw_outflow_move(struct pyw_outflow *outflow);

/* All that is held goes to Apache, which sends it on as it does the end of any
 * response; what passes now, follows. Idempotent. @return 0; -EIO: it could not, and
 * the response has a gap (logged). */
int pyw_outflow_end(struct pyw_outflow *outflow);

#endif
