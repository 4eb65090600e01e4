/* cells.h: how many requests of a group nobody has begun to answer, counted by each
 * Apache child in a cell of its own, in the group table's shared memory.
 *
 * A cell has one owner, the child whose process id stands in it beside the count, and
 * that child alone writes it; so what a killed child had counted is known, and goes
 * with its cell, by whoever looks next: a child that takes a cell, or is about to
 * refuse a request, or the supervisor when it asks for the sum. (A process that is dead
 * but not waited for yet still counts; Apache's parent looks once a second.)
 *
 * Apache children, any worker thread; the sum: anybody. Daemons can write here too, so
 * nothing is believed: counts are capped, and process ids are used for nothing but to
 * ask whether they exist.
 */
#ifndef PYW_CHANNEL_CELLS_H
#define PYW_CHANNEL_CELLS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The largest ServerLimit that any MPM allows. */
#define PYW_CELLS_MAX 200000

/* Shared memory: fixed-width atomics, no pointers. */
struct pyw_cells {
    _Alignas(64) _Atomic int32_t locked_by; /* process id; 0: nobody */
    _Atomic int64_t swept_ms;
    _Atomic uint32_t used; /* cells below have had an owner */
    struct {
        _Alignas(64) _Atomic uint64_t word; /* process id << 32 | count; 0: free */
    } cell[];
};

/* A child's place among the cells of a table. */
struct pyw_seat {
    uint32_t cell;
    int32_t pid; /* 0: it has none, and its requests are not counted */
};

size_t pyw_cells_size(uint32_t count);

/* Frees what dead children have left, then takes a cell. @return 0; -ENOSPC: none is
 * free, `seat` says so. */
int pyw_cells_take(struct pyw_cells *cells, uint32_t count, int32_t pid,
                   struct pyw_seat *seat);
/* Gives the cell back with all that it counts. Idempotent. */
void pyw_cells_give(struct pyw_cells *cells, struct pyw_seat *seat);

/* One request more or less; without effect in a cell that is not the seat's. */
void pyw_cells_add(struct pyw_cells *cells, const struct pyw_seat *seat);
void pyw_cells_subtract(struct pyw_cells *cells, const struct pyw_seat *seat);

/* Over all cells. */
uint64_t pyw_cells_sum(const struct pyw_cells *cells, uint32_t count);

/* Frees the cells of dead children, a few times a second at most. */
void pyw_cells_sweep(struct pyw_cells *cells, uint32_t count);

/* One thread at a time, over all children, decides that a request is refused: of
 * several that compete for the last place one shall get it. Held for microseconds; a
 * holder that was killed, or is not seen to let go, loses it. */
void pyw_cells_lock(struct pyw_cells *cells, const struct pyw_seat *seat);
void pyw_cells_unlock(struct pyw_cells *cells, const struct pyw_seat *seat);

#endif
