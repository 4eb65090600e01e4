#include "python/dicts.h"

int pyw_dicts_put(PyObject *dict, const char *name, PyObject *value)
{
    int result = value != NULL ? PyDict_SetItemString(dict, name, value) : -1;

    Py_XDECREF(value);
    return result;
}

int pyw_dicts_put_count(PyObject *dict, const char *name, uint64_t value)
{
    return pyw_dicts_put(dict, name, PyLong_FromUnsignedLongLong(value));
}

int pyw_dicts_put_float(PyObject *dict, const char *name, double value)
{
    return pyw_dicts_put(dict, name, PyFloat_FromDouble(value));
}
