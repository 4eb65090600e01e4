/* logpipe.h: what a daemon process writes to its standard output and error, cut into
 * entries for the server's log. A leading `<0>` to `<7>` is the level of a line, as for
 * systemd; else it is an error. `<0+>` to `<7+>`: the next line with a mark is of the
 * same entry. Each line is given out with the id of the process in front.
 *
 * Supervisor process, its only thread.
 */
#ifndef PYW_SUPERVISOR_LOGPIPE_H
#define PYW_SUPERVISOR_LOGPIPE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/bytes.h"
#include "base/frame.h"

#define PYW_LOGPIPE_LINE 8192
/* An entry that grows longer is given out in parts. */
#define PYW_LOGPIPE_ENTRY (512u * 1024)

/* Line breaks within the text are between the lines of one entry. */
typedef void pyw_logpipe_sink(void *context, enum pyw_level level, const char *text,
                              size_t len);

struct pyw_logpipe {
    int fd; /* owned; -1 once the process has closed its end */
    char who[16];
    struct pyw_writer entry; /* the lines so far of one that is not complete */
    enum pyw_level entry_level;
    size_t len;
    char line[PYW_LOGPIPE_LINE];
};

void pyw_logpipe_init(struct pyw_logpipe *pipe, int fd, pid_t pid);
/* Whose it is, where that was not known. */
void pyw_logpipe_set_pid(struct pyw_logpipe *pipe, pid_t pid);

/* Reads what is there and gives each whole entry to the sink; longer lines are split.
 * @return false once the pipe is closed, and then the rest has been given out. */
bool pyw_logpipe_pump(struct pyw_logpipe *pipe, pyw_logpipe_sink *sink, void *context);

/* Closes, whatever is left. Idempotent. */
void pyw_logpipe_drop(struct pyw_logpipe *pipe);
/* Gives out the rest and closes. Idempotent. */
void pyw_logpipe_close(struct pyw_logpipe *pipe, pyw_logpipe_sink *sink, void *context);

#endif
