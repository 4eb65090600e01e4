/* environment.h: what the administrator puts into a daemon's environment: env= and
 * env-file= of WSGIDaemonProcess.
 *
 * Parent: checks env= while it reads the configuration. Daemon: sets both, as the
 * group's user, before there is a second thread.
 */
#ifndef PYW_BASE_ENVIRONMENT_H
#define PYW_BASE_ENVIRONMENT_H

#include <stdbool.h>
#include <stddef.h>

/* Whether a text is NAME=value with a name of letters, digits and '_'. */
bool pyw_environment_is_pair(const char *text);

/* Sets one such pair. @return 0 or -errno. */
int pyw_environment_set(const char *pair);

/* Sets what a file says: lines of NAME=value, blanks around both left out, the value in
 * single or double quotes or bare; empty lines and those that begin with '#' say
 * nothing.
 * @return 0, or -errno with a sentence in `why` that names file and line. */
int pyw_environment_read(const char *path, char *why, size_t why_size);

#endif
