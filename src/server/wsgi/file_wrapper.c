#include "wsgi/file_wrapper.h"

#include <string.h>
#include <sys/stat.h>

#include "python/guard.h"

struct wrapper {
    PyObject_HEAD PyObject *filelike; /* strong */
    Py_ssize_t blksize;
};

/* New reference to the file; NULL: there is none. */
static PyObject *filelike_of(PyObject *object)
{
    PyObject *filelike;

    PYW_GUARD_BEGIN(object);
    filelike = Py_XNewRef(((struct wrapper *)object)->filelike);
    PYW_GUARD_END();
    return filelike;
}

static int wrapper_init(PyObject *object, PyObject *arguments, PyObject *keywords)
{
    static char filelike_name[] = "filelike";
    static char blksize_name[] = "blksize";
    static char *names[] = {filelike_name, blksize_name, NULL};
    struct wrapper *self = (struct wrapper *)object;
    PyObject *filelike;
    Py_ssize_t blksize = 8192;

    if (!PyArg_ParseTupleAndKeywords(arguments, keywords, "O|n:FileWrapper", names,
                                     &filelike, &blksize)) {
        return -1;
    }
    if (blksize < 0) {
        PyErr_SetString(PyExc_ValueError, "blksize must not be negative");
        return -1;
    }
    PYW_GUARD_BEGIN(object);
    Py_XSETREF(self->filelike, Py_NewRef(filelike));
    self->blksize = blksize;
    PYW_GUARD_END();
    return 0;
}

static PyObject *wrapper_next(PyObject *object)
{
    PyObject *filelike = filelike_of(object);
    PyObject *block;
    int has_more;

    if (filelike == NULL) {
        return NULL;
    }
    block =
        PyObject_CallMethod(filelike, "read", "n", ((struct wrapper *)object)->blksize);
    Py_DECREF(filelike);
    has_more = block != NULL ? PyObject_IsTrue(block) : 0;
    if (has_more <= 0) {
        Py_CLEAR(block);
    }
    return block;
}

static PyObject *wrapper_close(PyObject *object, PyObject *unused)
{
    PyObject *filelike = filelike_of(object);
    PyObject *close;
    PyObject *result;

    (void)unused;
    if (filelike == NULL) {
        Py_RETURN_NONE;
    }
    close = PyObject_GetAttrString(filelike, "close");
    Py_DECREF(filelike);
    if (close == NULL) {
        if (!PyErr_ExceptionMatches(PyExc_AttributeError)) {
            return NULL;
        }
        PyErr_Clear();
        Py_RETURN_NONE;
    }
    result = PyObject_CallNoArgs(close);
    Py_DECREF(close);
    return result;
}

static PyObject *get_filelike(PyObject *object, void *unused)
{
    PyObject *filelike = filelike_of(object);

    (void)unused;
    return filelike != NULL ? filelike : Py_NewRef(Py_None);
}

static PyObject *get_blksize(PyObject *object, void *unused)
{
    (void)unused;
    return PyLong_FromSsize_t(((struct wrapper *)object)->blksize);
}

static int wrapper_traverse(PyObject *object, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(object));
    Py_VISIT(((struct wrapper *)object)->filelike);
    return 0;
}

static int wrapper_clear(PyObject *object)
{
    Py_CLEAR(((struct wrapper *)object)->filelike);
    return 0;
}

static void wrapper_dealloc(PyObject *object)
{
    PyTypeObject *type = Py_TYPE(object);

    PyObject_GC_UnTrack(object);
    (void)wrapper_clear(object);
    type->tp_free(object);
    Py_DECREF(type);
}

static PyMethodDef methods[] = {
    {"close", wrapper_close, METH_NOARGS, "Closes the file."},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef getset[] = {
    {"filelike", get_filelike, NULL, "The file.", NULL},
    {"blksize", get_blksize, NULL, "How many bytes a block has.", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyType_Slot slots[] = {
    {Py_tp_doc,
     (char[]){
         "FileWrapper(filelike, blksize=8192)\n--\n\nA file as the body of a response."}},
    {Py_tp_init, wrapper_init},
    {Py_tp_dealloc, wrapper_dealloc},
    {Py_tp_traverse, wrapper_traverse},
    {Py_tp_clear, wrapper_clear},
    {Py_tp_iter, PyObject_SelfIter},
    {Py_tp_iternext, wrapper_next},
    {Py_tp_methods, methods},
    {Py_tp_getset, getset},
    {0, NULL},
};

static PyType_Spec spec = {
    .name = "mod_wsgi.FileWrapper",
    .basicsize = sizeof(struct wrapper),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC,
    .slots = slots,
};

PyObject *pyw_file_wrapper_new_type(PyObject *module)
{
    return PyType_FromModuleAndSpec(module, &spec, NULL);
}

/* True for the exact type `name` of the module io. */
static bool is_io_type(PyObject *object, const char *name)
{
    PyObject *io = PyImport_ImportModule("io");
    PyObject *type = io != NULL ? PyObject_GetAttrString(io, name) : NULL;
    bool is_same = type != NULL && (PyObject *)Py_TYPE(object) == type;

    Py_XDECREF(io);
    Py_XDECREF(type);
    return is_same;
}

/* True for what open() gives. The bytes of one in text mode, which cannot be iterated
 * over as a response, are the file's. */
static bool is_plain_stream(PyObject *stream)
{
    PyObject *buffer = is_io_type(stream, "TextIOWrapper")
                           ? PyObject_GetAttrString(stream, "buffer")
                           : Py_NewRef(stream);
    PyObject *raw = NULL;
    bool is_plain;

    if (buffer != NULL && (is_io_type(buffer, "BufferedReader") ||
                           is_io_type(buffer, "BufferedRandom"))) {
        raw = PyObject_GetAttrString(buffer, "raw");
    } else {
        raw = Py_XNewRef(buffer);
    }
    is_plain = raw != NULL && is_io_type(raw, "FileIO");
    Py_XDECREF(buffer);
    Py_XDECREF(raw);
    return is_plain;
}

/* A stream of the io family may well have a file descriptor and yet give other bytes
 * than the file (gzip, a codec): of these only plain files are trusted. Other objects
 * that have fileno() and tell() mean it. */
static bool is_plain(PyObject *filelike)
{
    PyObject *io = PyImport_ImportModule("io");
    PyObject *base = io != NULL ? PyObject_GetAttrString(io, "IOBase") : NULL;
    int is_stream = base != NULL ? PyObject_IsInstance(filelike, base) : -1;

    Py_XDECREF(io);
    Py_XDECREF(base);
    return is_stream == 0 || (is_stream == 1 && is_plain_stream(filelike));
}

/* What a method without arguments gives as a number; -1: nothing of the kind. */
static long long ask(PyObject *object, const char *method)
{
    PyObject *answer = PyObject_CallMethod(object, method, NULL);
    long long value =
        answer != NULL && PyLong_Check(answer) ? PyLong_AsLongLong(answer) : -1;

    Py_XDECREF(answer);
    return value;
}

static bool get_extent(PyObject *filelike, struct pyw_file_extent *extent)
{
    long long fd = is_plain(filelike) ? ask(filelike, "fileno") : -1;
    long long offset = fd >= 0 && fd <= INT_MAX ? ask(filelike, "tell") : -1;
    struct stat info;

    if (offset < 0 || fstat((int)fd, &info) != 0 || !S_ISREG(info.st_mode)) {
        return false;
    }
    extent->fd = (int)fd;
    extent->offset = (uint64_t)offset;
    extent->length = info.st_size > offset ? (uint64_t)(info.st_size - offset) : 0;
    return true;
}

bool pyw_file_wrapper_is_file(PyObject *type, PyObject *object,
                              struct pyw_file_extent *extent)
{
    PyObject *filelike;
    bool is_file;

    /* A subclass that iterates in a way of its own wants its way. */
    if (!PyObject_TypeCheck(object, (PyTypeObject *)type) ||
        Py_TYPE(object)->tp_iternext != wrapper_next ||
        Py_TYPE(object)->tp_iter != PyObject_SelfIter) {
        return false;
    }
    filelike = filelike_of(object);
    if (filelike == NULL) {
        return false;
    }
    is_file = get_extent(filelike, extent);
    Py_DECREF(filelike);
    PyErr_Clear();
    return is_file;
}
