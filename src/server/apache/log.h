/* log.h: our records in Apache's error log, under the name of whichever module record
 * is loaded.
 *
 * Apache parent, children and supervisor; any thread.
 */
#ifndef PYW_APACHE_LOG_H
#define PYW_APACHE_LOG_H

#include <httpd.h>

#include "base/codes.h"

/* Use through PYW_LOG with a code, or directly for levels below warning. */
void pyw_log_server(server_rec *s, enum pyw_level level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void pyw_log_request(request_rec *r, enum pyw_level level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Text from an application, as it is but for what Apache escapes: one record per line.
 */
void pyw_log_request_text(request_rec *r, enum pyw_level level, const char *text,
                          size_t len);
void pyw_log_server_text(server_rec *s, enum pyw_level level, const char *text,
                         size_t len);

#endif
