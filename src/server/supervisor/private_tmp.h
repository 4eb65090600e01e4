/* private_tmp.h: the /tmp of a process group with private-tmp=On: a mount namespace in
 * which /tmp and /var/tmp are empty file systems in memory, that the group's processes
 * share and nobody else sees.
 *
 * Made in the Apache parent, one for each group and generation of the configuration,
 * and entered by each process at its birth. Nothing has to be deleted: the kernel drops
 * it with the last process and the last descriptor.
 */
#ifndef PYW_SUPERVISOR_PRIVATE_TMP_H
#define PYW_SUPERVISOR_PRIVATE_TMP_H

#include <stddef.h>

/* Makes the namespace, for processes that are locked into `root` (NULL: that see all).
 * Forks and waits for a moment; needs CAP_SYS_ADMIN. @return a descriptor that keeps
 * it, close-on-exec, or -errno with half a sentence in `why`. */
int pyw_private_tmp_open(const char *root, char *why, size_t why_size);

/* The calling process, which must be single-threaded, sees that /tmp from now on; its
 * working directory is the root. @return 0 or -errno. */
int pyw_private_tmp_enter(int fd);

#endif
