#include "python/restricted.h"

struct restricted {
    PyObject_HEAD PyObject *name; /* strong; str */
};

static PyObject *get_attribute(PyObject *object, PyObject *unused)
{
    (void)unused;
    PyErr_Format(PyExc_OSError, "%U access restricted by mod_wsgi",
                 ((struct restricted *)object)->name);
    return NULL;
}

static int set_attribute(PyObject *object, PyObject *name, PyObject *unused)
{
    (void)unused;
    (void)get_attribute(object, name);
    return -1;
}

static void dealloc(PyObject *object)
{
    PyTypeObject *type = Py_TYPE(object);

    Py_XDECREF(((struct restricted *)object)->name);
    type->tp_free(object);
    Py_DECREF(type);
}

static PyType_Slot slots[] = {
    {Py_tp_getattro, get_attribute},
    {Py_tp_setattro, set_attribute},
    {Py_tp_dealloc, dealloc},
    {0, NULL},
};

static PyType_Spec spec = {
    .name = "mod_wsgi.Restricted",
    .basicsize = sizeof(struct restricted),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .slots = slots,
};

PyObject *pyw_restricted_new(PyObject *module, const char *name)
{
    PyObject *type = PyType_FromModuleAndSpec(module, &spec, NULL);
    PyObject *object =
        type != NULL ? ((PyTypeObject *)type)->tp_alloc((PyTypeObject *)type, 0) : NULL;

    Py_XDECREF(type); /* the object has a reference of its own */
    if (object != NULL) {
        ((struct restricted *)object)->name = PyUnicode_FromString(name);
        if (((struct restricted *)object)->name == NULL) {
            Py_CLEAR(object);
        }
    }
    return object;
}
