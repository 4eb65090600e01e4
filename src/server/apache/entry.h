/* entry.h: entries of applications in Apache's error log: one record per line, and the
 * lines of one entry together.
 *
 * Apache writes each record by itself, so that records of other threads and processes
 * would come between. An entry of several lines is therefore laid out first and written
 * at once: to a file with one system call, which is atomic. To a pipe, a socket or a
 * terminal, where it may not be, with whole records a time, under a lock that all
 * entries of all our processes take; only records that are not of applications may then
 * come between. To syslog each line is a message.
 *
 * Apache children and supervisor; any thread.
 */
#ifndef PYW_APACHE_ENTRY_H
#define PYW_APACHE_ENTRY_H

#include <httpd.h>

#include "base/codes.h"

/* The text is written as it is but for what Apache escapes, and empty lines. */
void pyw_entry_request(request_rec *r, enum pyw_level level, const char *text,
                       size_t len);
void pyw_entry_server(server_rec *s, enum pyw_level level, const char *text,
                      size_t len);

#endif
