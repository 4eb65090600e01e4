/* log.h: where the Python half's words go: to the request that the calling thread
 * serves, as an entry of its exchange, else to the log of the process.
 *
 * **Thread:** any. **GIL:** must not be held: a log may be a full pipe. Callers inside
 * Python use the `_held` form, which gives the GIL up meanwhile.
 */
#ifndef PYW_PYTHON_LOG_H
#define PYW_PYTHON_LOG_H

#include <stddef.h>

#include "base/codes.h"
#include "base/embed_api.h"
#include "base/pyw_exchange.h"

/* The longest entry; a longer text is several, cut between lines where there are any. A
 * LOG frame holds as much. */
#define PYW_LOG_MAX 65536

/* Once, before anything is logged. */
void pyw_log_init(pyw_process_log *log);

/* From now on the thread serves this exchange; NULL: none any more. */
void pyw_log_bind(struct pyw_exchange *exchange);
struct pyw_exchange *pyw_log_bound(void);

/* On the exchange, or with NULL in the log of the process. */
void pyw_log_text(struct pyw_exchange *exchange, enum pyw_level level, const char *text,
                  size_t len);

/* For PYW_LOG(pyw_log_print, exchange, CODE, ...). */
void pyw_log_print(struct pyw_exchange *exchange, enum pyw_level level,
                   const char *format, ...) __attribute__((format(printf, 3, 4)));
void pyw_log_print_held(struct pyw_exchange *exchange, enum pyw_level level,
                        const char *format, ...) __attribute__((format(printf, 3, 4)));

#endif
