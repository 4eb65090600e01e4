#include "base/seats.h"

#include <stdlib.h>

struct pyw_seat *pyw_seats_own(struct pyw_seats *seats, struct pyw_seat **own)
{
    struct pyw_seat *seat = *own;

    if (seat != NULL) {
        return seat;
    }
    seat = calloc(1, sizeof(*seat));
    if (seat == NULL || pthread_mutex_init(&seat->lock, NULL) != 0) {
        free(seat);
        return NULL;
    }
    seat->next = atomic_load(&seats->first);
    while (!atomic_compare_exchange_weak(&seats->first, &seat->next, seat)) {
    }
    *own = seat;
    return seat;
}

struct pyw_seat *pyw_seats_next(const struct pyw_seats *seats,
                                const struct pyw_seat *after)
{
    return after != NULL ? after->next : atomic_load(&seats->first);
}
