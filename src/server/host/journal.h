/* journal.h: the process log, for what belongs to no request: lines on descriptor 2,
 * which the supervisor puts into the server's log. Each line starts with its level as
 * `<0>` to `<7>`, or `<0+>` to `<7+>` where the next one is of the same entry.
 *
 * Daemon, any thread. **GIL:** not held; blocks while the pipe to the supervisor is
 * full.
 */
#ifndef PYW_HOST_JOURNAL_H
#define PYW_HOST_JOURNAL_H

#include <stddef.h>

#include "base/codes.h"

/* One entry; line breaks in it make several lines of the same level, which stay
 * together. A pyw_process_log. */
void pyw_journal_text(enum pyw_level level, const char *text, size_t len);

/* For PYW_LOG(pyw_journal_line, NULL, CODE, ...); the first argument is not used. */
void pyw_journal_line(const void *where, enum pyw_level level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
