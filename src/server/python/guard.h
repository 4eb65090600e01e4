/* guard.h: what the GIL does for an object of ours, also where there is none: between
 * BEGIN and END no other thread is in such a place for the same object, unless the
 * thread that is there waits for something (as when it gives up the GIL). Where there
 * is a GIL the two do nothing.
 *
 * They are a block: no return, goto or break out of it. Not twice for one object.
 * **GIL:** held, or attached.
 */
#ifndef PYW_PYTHON_GUARD_H
#define PYW_PYTHON_GUARD_H

#include <Python.h>

#include <stdbool.h>

#if PY_VERSION_HEX >= 0x030D0000
#define PYW_GUARD_BEGIN(object) Py_BEGIN_CRITICAL_SECTION(object)
#define PYW_GUARD_END() Py_END_CRITICAL_SECTION()
#else
#define PYW_GUARD_BEGIN(object)                                                        \
    {                                                                                  \
        (void)(object);
#define PYW_GUARD_END() }
#endif

/* New reference to a list or tuple that nobody changes meanwhile: a copy where another
 * thread could. NULL with an exception. */
static inline PyObject *pyw_guard_sequence(PyObject *sequence)
{
#ifdef Py_GIL_DISABLED
    return PySequence_Tuple(sequence);
#else
    return Py_NewRef(sequence);
#endif
}

/* Whether the object has so many references, and all of them are the caller's. One that
 * other threads have seen may be denied where there is no GIL: never the other way
 * round. */
static inline bool pyw_guard_has_references(PyObject *object, unsigned count)
{
#ifdef Py_GIL_DISABLED
    return _Py_IsOwnedByCurrentThread(object) &&
           __atomic_load_n(&object->ob_ref_local, __ATOMIC_RELAXED) == count &&
           __atomic_load_n(&object->ob_ref_shared, __ATOMIC_ACQUIRE) == 0;
#else
    return Py_REFCNT(object) == (Py_ssize_t)count;
#endif
}

/* New reference to a value of a dict; NULL: there is none, or with an exception. */
static inline PyObject *pyw_guard_item(PyObject *dict, PyObject *key)
{
    PyObject *value = NULL;

#if PY_VERSION_HEX >= 0x030D0000
    (void)PyDict_GetItemRef(dict, key, &value);
#else
    value = Py_XNewRef(PyDict_GetItemWithError(dict, key));
#endif
    return value;
}

/* Likewise, by name; an exception is none. */
static inline PyObject *pyw_guard_named(PyObject *dict, const char *name)
{
    PyObject *value = NULL;

#if PY_VERSION_HEX >= 0x030D0000
    if (PyDict_GetItemStringRef(dict, name, &value) < 0) {
        PyErr_Clear();
    }
#else
    value = Py_XNewRef(PyDict_GetItemString(dict, name));
#endif
    return value;
}

#endif
