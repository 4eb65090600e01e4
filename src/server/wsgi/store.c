#include "wsgi/store.h"

#include "python/pyw_gil.h"
#include "wsgi/environ.h"
#include "wsgi/kit.h"

void pyw_store_clear(struct pyw_store *store)
{
    pyw_kit_clear(store);
    pyw_environ_clear(store);
}

#ifdef Py_GIL_DISABLED
#define NAME "_mod_pywsgi_store"

/* The thread state goes, on its own thread. */
static void free_store(PyObject *capsule)
{
    struct pyw_store *store = PyCapsule_GetPointer(capsule, NAME);

    pyw_store_clear(store);
    PyMem_Free(store);
}

/* Puts a new store into the dict of the thread state. NULL with an exception. */
static struct pyw_store *make(PyObject *dict)
{
    struct pyw_store *store = PyMem_Calloc(1, sizeof(*store));
    PyObject *capsule;
    int result;

    if (store == NULL) {
        PyErr_NoMemory();
        return NULL;
    }
    capsule = PyCapsule_New(store, NAME, free_store);
    if (capsule == NULL) {
        PyMem_Free(store);
        return NULL;
    }
    result = PyDict_SetItemString(dict, NAME, capsule);
    Py_DECREF(capsule);
    return result == 0 ? store : NULL;
}

struct pyw_store *pyw_store_own(struct pyw_store *of_interpreter)
{
    PyObject *dict = pyw_gil_thread_dict();
    PyObject *capsule = NULL;
    struct pyw_store *store = NULL;

    (void)of_interpreter;
    if (dict == NULL || PyDict_GetItemStringRef(dict, NAME, &capsule) < 0) {
        return NULL;
    }
    if (capsule == NULL) {
        return make(dict);
    }
    store = PyCapsule_GetPointer(capsule, NAME);
    Py_DECREF(capsule); /* the dict has it */
    return store;
}
#else
struct pyw_store *pyw_store_own(struct pyw_store *of_interpreter)
{
    return of_interpreter;
}
#endif
