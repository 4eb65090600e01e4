/* memory.h: how much memory a process holds, as the kernel counts it.
 *
 * Supervisor process, its only thread.
 */
#ifndef PYW_SUPERVISOR_MEMORY_H
#define PYW_SUPERVISOR_MEMORY_H

#include <stdint.h>
#include <sys/types.h>

struct pyw_memory {
    int64_t rss; /* bytes that are resident; -1: not to be had, as with the next */
    int64_t pss; /* the same, with a share only of what several processes hold */
};

/* Takes the kernel a millisecond for each GiB or so. */
struct pyw_memory pyw_memory_of(pid_t pid);

#endif
