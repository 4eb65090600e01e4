/* log.h: our records in Apache's error log, under the name of whichever module record
 * is loaded.
 *
 * Apache parent, children and supervisor; any thread.
 */
#ifndef PYW_APACHE_LOG_H
#define PYW_APACHE_LOG_H

#include <httpd.h>

#include "base/codes.h"

/* Apache cuts a record at MAX_STRING_LEN (8 KiB), its own prefix included. */
#define PYW_RECORD_MAX 7900

/* Use through PYW_LOG with a code, or directly for levels below warning. */
void pyw_log_server(server_rec *s, enum pyw_level level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void pyw_log_connection(conn_rec *c, enum pyw_level level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void pyw_log_request(request_rec *r, enum pyw_level level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
