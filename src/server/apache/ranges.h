/* ranges.h: who answers a Range header. Apache's own filter does, for a file that is a
 * whole 200 response to GET: it takes out of the file what is asked for. Anything else
 * is the application's to divide, or goes out whole: the filter would take a part of
 * whatever body happens to be at hand in one piece.
 *
 * Apache worker threads; part of reply.
 */
#ifndef PYW_APACHE_RANGES_H
#define PYW_APACHE_RANGES_H

#include <httpd.h>

#include <stdbool.h>

/* Once for a response, before any of it is passed on: its head is set. `is_file`: the
 * body is a stretch of one file and comes in one brigade with its end. */
void pyw_ranges_settle(request_rec *r, bool is_file);

#endif
