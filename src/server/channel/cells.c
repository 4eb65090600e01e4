#include "channel/cells.h"

#include <errno.h>
#include <signal.h>
#include <unistd.h>

#include "base/clock.h"

/* More than any child has threads: a larger count was not written by one. */
#define CELL_MOST 65536u
#define SWEEP_EVERY_MS 100
#define LOCK_TRIES 200
#define LOCK_NAP_US 50

static int32_t owner_of(uint64_t word)
{
    return (int32_t)(uint32_t)(word >> 32);
}

static uint32_t count_of(uint64_t word)
{
    return (uint32_t)word;
}

static uint64_t empty_of(int32_t pid)
{
    return (uint64_t)(uint32_t)pid << 32;
}

size_t pyw_cells_size(uint32_t count)
{
    const struct pyw_cells *none = NULL;

    return sizeof(*none) + count * sizeof(none->cell[0]);
}

/* All children of a server run as one user: a process that may not be signalled is
 * somebody else's, who was given the number of one that has ended. */
static bool is_dead(int32_t pid)
{
    return pid <= 0 || kill(pid, 0) != 0;
}

static uint32_t used_of(const struct pyw_cells *cells, uint32_t count)
{
    uint32_t used = atomic_load(&cells->used);

    return used < count ? used : count;
}

/* Frees the cells of dead owners, and of one that had the number of `successor`. */
static void free_dead(struct pyw_cells *cells, uint32_t count, int32_t successor)
{
    for (uint32_t i = 0; i < used_of(cells, count); i++) {
        uint64_t seen = atomic_load(&cells->cell[i].word);

        if (seen != 0 && (owner_of(seen) == successor || is_dead(owner_of(seen)))) {
            /* Where it fails somebody else has freed it. */
            (void)atomic_compare_exchange_strong(&cells->cell[i].word, &seen, 0);
        }
    }
}

void pyw_cells_sweep(struct pyw_cells *cells, uint32_t count)
{
    int64_t now_ms = pyw_clock_now_ms();
    int64_t last_ms = atomic_load(&cells->swept_ms);

    if (last_ms > 0 && now_ms >= last_ms && now_ms - last_ms < SWEEP_EVERY_MS) {
        return;
    }
    if (atomic_compare_exchange_strong(&cells->swept_ms, &last_ms, now_ms)) {
        free_dead(cells, count, 0);
    }
}

/* Before anything is counted in the cell, so that every sum covers it. */
static void cover(struct pyw_cells *cells, uint32_t cell)
{
    uint32_t used = atomic_load(&cells->used);

    while (used <= cell &&
           !atomic_compare_exchange_weak(&cells->used, &used, cell + 1)) {
    }
}

int pyw_cells_take(struct pyw_cells *cells, uint32_t count, int32_t pid,
                   struct pyw_seat *seat)
{
    free_dead(cells, count, pid);
    for (uint32_t i = 0; i < count; i++) {
        uint64_t seen = 0;

        cover(cells, i);
        if (atomic_compare_exchange_strong(&cells->cell[i].word, &seen,
                                           empty_of(pid))) {
            *seat = (struct pyw_seat){i, pid};
            return 0;
        }
    }
    *seat = (struct pyw_seat){0, 0};
    return -ENOSPC;
}

void pyw_cells_give(struct pyw_cells *cells, struct pyw_seat *seat)
{
    uint64_t seen;

    if (seat->pid == 0) {
        return;
    }
    seen = atomic_load(&cells->cell[seat->cell].word);
    while (owner_of(seen) == seat->pid &&
           !atomic_compare_exchange_weak(&cells->cell[seat->cell].word, &seen, 0)) {
    }
    seat->pid = 0;
}

void pyw_cells_add(struct pyw_cells *cells, const struct pyw_seat *seat)
{
    uint64_t seen;

    if (seat->pid == 0) {
        return;
    }
    seen = atomic_load(&cells->cell[seat->cell].word);
    while (
        owner_of(seen) == seat->pid && count_of(seen) < CELL_MOST &&
        !atomic_compare_exchange_weak(&cells->cell[seat->cell].word, &seen, seen + 1)) {
    }
}

void pyw_cells_subtract(struct pyw_cells *cells, const struct pyw_seat *seat)
{
    uint64_t seen;

    if (seat->pid == 0) {
        return;
    }
    seen = atomic_load(&cells->cell[seat->cell].word);
    while (
        owner_of(seen) == seat->pid && count_of(seen) > 0 &&
        !atomic_compare_exchange_weak(&cells->cell[seat->cell].word, &seen, seen - 1)) {
    }
}

uint64_t pyw_cells_sum(const struct pyw_cells *cells, uint32_t count)
{
    uint64_t sum = 0;

    for (uint32_t i = 0; i < used_of(cells, count); i++) {
        uint64_t seen = atomic_load(&cells->cell[i].word);

        if (owner_of(seen) > 0) {
            sum += count_of(seen) < CELL_MOST ? count_of(seen) : CELL_MOST;
        }
    }
    return sum;
}

void pyw_cells_lock(struct pyw_cells *cells, const struct pyw_seat *seat)
{
    for (int i = 0; i < LOCK_TRIES; i++) {
        int32_t holder = 0;

        if (atomic_compare_exchange_strong(&cells->locked_by, &holder, seat->pid)) {
            return;
        }
        if (is_dead(holder) &&
            atomic_compare_exchange_strong(&cells->locked_by, &holder, seat->pid)) {
            return;
        }
        (void)usleep(LOCK_NAP_US);
    }
    /* Its holder is stopped, or a daemon scribbled: who goes on without it may refuse
     * one request too many. */
    atomic_store(&cells->locked_by, seat->pid);
}

void pyw_cells_unlock(struct pyw_cells *cells, const struct pyw_seat *seat)
{
    int32_t holder = seat->pid;

    (void)atomic_compare_exchange_strong(&cells->locked_by, &holder, 0);
}
