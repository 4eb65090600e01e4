/* path.h: why a path cannot be used: the first of its components that is missing or
 * that the current user may not pass or read. Errors that end a start are worth naming
 * the very directory.
 */
#ifndef PYW_BASE_PATH_H
#define PYW_BASE_PATH_H

#include <stddef.h>

/* Checks that `path` (absolute) can be reached and accessed with `mode` (access(2)) by
 * the effective user. @return 0; -ENOENT: something is missing, -EACCES: something is
 * closed to the user, -errno; then `why` names the component, the user and the cure. */
int pyw_path_check(const char *path, int mode, char *why, size_t why_size);

#endif
