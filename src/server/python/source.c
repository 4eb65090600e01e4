#include "python/source.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SCRIPT_MAX_SIZE (64 * 1024 * 1024)

int64_t pyw_source_mtime(const struct stat *info)
{
    return (int64_t)info->st_mtim.tv_sec * 1000000 + info->st_mtim.tv_nsec / 1000;
}

char *pyw_source_read(const char *path, int64_t *mtime)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat info;
    char *text = NULL;
    size_t len = 0;
    ssize_t got = 1;

    if (fd < 0) {
        return NULL;
    }
    if (fstat(fd, &info) != 0 || info.st_size > SCRIPT_MAX_SIZE) {
        errno = EFBIG;
    } else {
        *mtime = pyw_source_mtime(&info);
        text = malloc((size_t)info.st_size + 1);
    }
    while (text != NULL && len < (size_t)info.st_size && got > 0) {
        got = read(fd, text + len, (size_t)info.st_size - len);
        len += got > 0 ? (size_t)got : 0;
    }
    if (text != NULL && (got < 0 || memchr(text, '\0', len) != NULL)) {
        errno = got < 0 ? errno : ENOEXEC;
        free(text);
        text = NULL;
    }
    if (text != NULL) {
        text[len] = '\0';
    }
    (void)close(fd);
    return text;
}

/* New reference to the function md5, of the small module rather than of the one that
 * loads OpenSSL. */
static PyObject *find_md5(void)
{
    PyObject *module = PyImport_ImportModule("_md5");
    PyObject *md5;

    if (module == NULL && PyErr_ExceptionMatches(PyExc_ImportError)) {
        PyErr_Clear();
        module = PyImport_ImportModule("hashlib");
    }
    md5 = module != NULL ? PyObject_GetAttrString(module, "md5") : NULL;
    Py_XDECREF(module);
    return md5;
}

/* New reference to `_mod_wsgi_<md5 of path>`. */
static PyObject *make_name(PyObject *path)
{
    PyObject *md5 = find_md5();
    PyObject *bytes = PyUnicode_EncodeFSDefault(path);
    PyObject *arguments = md5 != NULL && bytes != NULL ? PyTuple_Pack(1, bytes) : NULL;
    PyObject *keywords =
        arguments != NULL ? Py_BuildValue("{s:O}", "usedforsecurity", Py_False) : NULL;
    PyObject *hash = keywords != NULL ? PyObject_Call(md5, arguments, keywords) : NULL;
    PyObject *digest =
        hash != NULL ? PyObject_CallMethod(hash, "hexdigest", NULL) : NULL;
    PyObject *name =
        digest != NULL ? PyUnicode_FromFormat("_mod_wsgi_%U", digest) : NULL;

    Py_XDECREF(md5);
    Py_XDECREF(bytes);
    Py_XDECREF(arguments);
    Py_XDECREF(keywords);
    Py_XDECREF(hash);
    Py_XDECREF(digest);
    return name;
}

/* Takes the module of an earlier load out of sys.modules. */
static int drop(PyObject *name)
{
    PyObject *modules = PyImport_GetModuleDict();

    if (PyDict_GetItemWithError(modules, name) == NULL) {
        return PyErr_Occurred() ? -1 : 0;
    }
    return PyDict_DelItem(modules, name);
}

PyObject *pyw_source_execute(const char *text, PyObject *path, int64_t mtime)
{
    PyObject *name = make_name(path);
    PyObject *code = NULL;
    PyObject *module = NULL;
    PyObject *seconds = NULL;

    if (name != NULL && drop(name) == 0) {
        code = Py_CompileStringObject(text, path, Py_file_input, NULL, -1);
    }
    if (code != NULL) {
        module = PyImport_ExecCodeModuleObject(name, code, path, NULL);
    }
    if (module != NULL) {
        seconds = PyFloat_FromDouble((double)mtime / 1e6);
        if (seconds == NULL ||
            PyObject_SetAttrString(module, "__mtime__", seconds) != 0) {
            Py_CLEAR(module);
        }
    }
    Py_XDECREF(name);
    Py_XDECREF(code);
    Py_XDECREF(seconds);
    return module;
}
