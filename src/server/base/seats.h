/* seats.h: what is under way in the threads of a process, for whoever looks at it from
 * the outside. Each thread has a seat with a lock of its own, so that threads that come
 * and go meet nobody but him.
 *
 * Seats are never freed: one for each thread that ever took one.
 */
#ifndef PYW_BASE_SEATS_H
#define PYW_BASE_SEATS_H

#include <pthread.h>
#include <stdatomic.h>

struct pyw_seat {
    struct pyw_seat *next; /* written once */
    pthread_mutex_t lock;  /* a leaf */
    void *first;           /* under `lock`; the owner's list */
};

struct pyw_seats {
    _Atomic(struct pyw_seat *) first;
};

/* A seat for the calling thread, which remembers it in `*own`. @return NULL: no memory.
 */
struct pyw_seat *pyw_seats_own(struct pyw_seats *seats, struct pyw_seat **own);

/* Walks all seats; NULL: the first; NULL: no more. */
struct pyw_seat *pyw_seats_next(const struct pyw_seats *seats,
                                const struct pyw_seat *after);

#endif
