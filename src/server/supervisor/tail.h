/* tail.h: the last lines that a process said, for whoever asks later why it did not
 * start.
 *
 * Supervisor process, its only thread.
 */
#ifndef PYW_SUPERVISOR_TAIL_H
#define PYW_SUPERVISOR_TAIL_H

#include <stddef.h>
#include <sys/types.h>

#define PYW_TAIL_SIZE 4096

struct pyw_tail {
    pid_t pid; /* whose lines they are */
    size_t len;
    char text[PYW_TAIL_SIZE]; /* each line with its end */
};

/* Keeps what a process says, one line or several, for as long as no other does. */
void pyw_tail_add(struct pyw_tail *tail, pid_t pid, const char *text, size_t len);

#endif
