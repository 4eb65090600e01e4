#include "wsgi/native.h"

#include "wsgi/request.h"

#define NAME "apache.request_rec"
/* PyCapsule_GetPointer compares names: under this one nobody asks. */
#define NAME_AFTERWARDS "apache.request_rec (of a request that is over)"

int pyw_native_put(struct pyw_request *request, PyObject *environ)
{
    if (request->exchange->native == NULL) {
        return 0;
    }
    request->native = PyCapsule_New(request->exchange->native, NAME, NULL);
    return request->native != NULL
               ? PyDict_SetItemString(environ, NAME, request->native)
               : -1;
}

void pyw_native_sever(struct pyw_request *request)
{
    static char nothing;

    if (request->native == NULL) {
        return;
    }
    /* A capsule's pointer is never NULL: it points to a byte that means nothing. */
    if (PyCapsule_SetPointer(request->native, &nothing) != 0 ||
        PyCapsule_SetName(request->native, NAME_AFTERWARDS) != 0) {
        PyErr_Clear();
    }
    Py_CLEAR(request->native);
}
