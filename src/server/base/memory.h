/* memory.h: how much memory this process has, and how much it may have.
 */
#ifndef PYW_BASE_MEMORY_H
#define PYW_BASE_MEMORY_H

#include <stdint.h>

/* Bytes of resident memory that are the process's own: without files that are mapped
 * and memory that it shares by shm or memfd. @return -errno: /proc is not to be seen,
 * as in a chroot. */
int64_t pyw_memory_resident(void);

/* Bytes that the process may have: the least of the limits of its cgroup and those
 * around it (v2 `memory.max`, v1 `memory.limit_in_bytes`) and of the machine's memory.
 * `root` stands before every path: "", but in tests. */
int64_t pyw_memory_allowed(const char *root);

#endif
