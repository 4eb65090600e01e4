/* store.h: what a request leaves for the next one, so that it need not be made anew:
 * objects that the application let go of (wsgi/kit), the dicts that environs are copied
 * from (wsgi/environ). One per interpreter; in a free-threaded build of Python one per
 * thread of it, so that no request waits for another, or shares a reference count with
 * it.
 *
 * **GIL:** held; a store belongs to whoever holds it, or to the one thread.
 */
#ifndef PYW_WSGI_STORE_H
#define PYW_WSGI_STORE_H

#include <Python.h>

struct pyw_kit;
struct pyw_template;

/* How many environ templates are kept, by the names that requests have (wsgi/environ).
 */
#define PYW_STORE_TEMPLATES 32

struct pyw_store {
    struct pyw_template *templates[PYW_STORE_TEMPLATES];
    struct pyw_kit *kits;
};

/* The calling thread's store, borrowed: `of_interpreter`, where that is enough. It
 * lives as long as the thread enters the interpreter. NULL with an exception. */
struct pyw_store *pyw_store_own(struct pyw_store *of_interpreter);

/* Frees what is in it. */
void pyw_store_clear(struct pyw_store *store);

#endif
