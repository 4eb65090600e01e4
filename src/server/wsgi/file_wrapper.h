/* file_wrapper.h: wsgi.file_wrapper, the type `mod_wsgi.FileWrapper`: iterates over a
 * file in blocks, or lets the server send it without reading it.
 */
#ifndef PYW_WSGI_FILE_WRAPPER_H
#define PYW_WSGI_FILE_WRAPPER_H

#include <Python.h>

#include <stdbool.h>
#include <stdint.h>

/* The part of a regular file that a wrapper stands for: from tell() to the end. */
struct pyw_file_extent {
    int fd;
    uint64_t offset;
    uint64_t length;
};

/* New reference to the type, a part of `module`'s state. */
PyObject *pyw_file_wrapper_new_type(PyObject *module);

/* True when `object` is a wrapper of a regular file whose bytes are what iterating
 * would give; no exception is pending in either case. */
bool pyw_file_wrapper_is_file(PyObject *type, PyObject *object,
                              struct pyw_file_extent *extent);

#endif
