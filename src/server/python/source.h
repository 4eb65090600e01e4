/* source.h: a script's text, and the module that it makes. Which script, and when, is
 * python/loader's to say.
 */
#ifndef PYW_PYTHON_SOURCE_H
#define PYW_PYTHON_SOURCE_H

#include <Python.h>

#include <stdint.h>
#include <sys/stat.h>

/* The modification time, cut to microseconds as Apache's own times are: it is compared
 * with what a request brings. **GIL:** not needed. */
int64_t pyw_source_mtime(const struct stat *info);

/* Reads the whole file. @return the text, which the caller frees, or NULL with errno.
 * **GIL:** not needed. */
char *pyw_source_read(const char *path, int64_t *mtime);

/* New reference to the module that the text makes, `_mod_wsgi_<md5 of path>`, which
 * takes the place of an earlier one in sys.modules; NULL with an exception. **GIL:**
 * held. */
PyObject *pyw_source_execute(const char *text, PyObject *path, int64_t mtime);

#endif
