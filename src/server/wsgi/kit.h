/* kit.h: the Python objects that a request needs, beside its environ. Making them costs
 * more than all the rest of the server's work in Python, so that a kit whose objects
 * the application has let go of serves again; one that it kept is severed for good and
 * left to it.
 */
#ifndef PYW_WSGI_KIT_H
#define PYW_WSGI_KIT_H

#include "wsgi/module.h"

/* The objects of one request, kept for the next when the application let go of them. */
struct pyw_kit {
    struct pyw_kit *next;
    PyObject *input;
    PyObject *start;
    PyObject *log;
    PyObject *errors; /* text stream over `log` */
};

struct pyw_request;

/* A kit bound to the request; NULL with an exception. */
struct pyw_kit *pyw_kit_take(const struct pyw_builtin *builtin,
                             struct pyw_request *request);
/* From now on it serves no request; a thread of the application's may still be inside
 * of one of its objects. */
void pyw_kit_sever(struct pyw_kit *kit);
/* Once no thread is inside an operation of the exchange: keeps or frees it. */
void pyw_kit_give_back(struct pyw_store *store, struct pyw_kit *kit);
/* Frees those that are kept. */
void pyw_kit_clear(struct pyw_store *store);

#endif
