/* echo.h: remembers what a process group said when a start failed, so that the same
 * words on the next try are not news: a group that cannot start says why once, not
 * every ten seconds.
 *
 * Supervisor process, its only thread.
 */
#ifndef PYW_SUPERVISOR_ECHO_H
#define PYW_SUPERVISOR_ECHO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PYW_ECHO_LINES 256

struct pyw_echo {
    size_t count;
    uint64_t lines[PYW_ECHO_LINES]; /* hashes, digits left out: process ids and times
                                       differ */
};

void pyw_echo_forget(struct pyw_echo *echo);
/* @return true when the line was said before; it is remembered in any case, while there
 * is room. */
bool pyw_echo_is_repeated(struct pyw_echo *echo, const char *line, size_t len);

#endif
