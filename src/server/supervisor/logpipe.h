/* logpipe.h: what a daemon process writes to its standard output and error, cut into
 * lines for the server's log. A leading `<0>` to `<7>` is the level of a line, as for
 * systemd; else it is an error.
 *
 * Supervisor process, its only thread.
 */
#ifndef PYW_SUPERVISOR_LOGPIPE_H
#define PYW_SUPERVISOR_LOGPIPE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/frame.h"

#define PYW_LOGPIPE_LINE 8192

typedef void pyw_logpipe_sink(void *context, enum pyw_level level, const char *line,
                              size_t len);

struct pyw_logpipe {
    int fd; /* owned; -1 once the process has closed its end */
    size_t len;
    char line[PYW_LOGPIPE_LINE];
};

void pyw_logpipe_init(struct pyw_logpipe *pipe, int fd);

/* Reads what is there and gives each whole line to the sink; longer lines are split.
 * @return false once the pipe is closed, and then the rest has been given out. */
bool pyw_logpipe_pump(struct pyw_logpipe *pipe, pyw_logpipe_sink *sink, void *context);

/* Gives out the rest and closes. Idempotent. */
void pyw_logpipe_close(struct pyw_logpipe *pipe, pyw_logpipe_sink *sink, void *context);

#endif
