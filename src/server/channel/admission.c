#include "channel/admission.h"

#include <errno.h>

int pyw_admission_take_seat(struct pyw_table *table, int32_t pid, struct pyw_seat *seat)
{
    uint32_t count;
    struct pyw_cells *cells = pyw_table_cells(table, &count);

    return pyw_cells_take(cells, count, pid, seat);
}

void pyw_admission_give_seat(struct pyw_table *table, struct pyw_seat *seat)
{
    uint32_t count;
    struct pyw_cells *cells = pyw_table_cells(table, &count);

    pyw_cells_give(cells, seat);
}

static uint32_t at_most(uint32_t count, uint32_t limit)
{
    return count < limit ? count : limit;
}

/* Threads of a process whose request is in the queue no more. */
static uint32_t count_answering(const struct pyw_table *table, uint32_t slot)
{
    return at_most(pyw_table_answering(table, slot), pyw_table_capacity(table, slot));
}

/* Requests of the queue that a process runs, or would at once. */
static uint32_t count_served(const struct pyw_table *table, uint32_t slot)
{
    uint32_t capacity = pyw_table_capacity(table, slot);
    uint32_t answering = count_answering(table, slot);
    uint32_t active = at_most(pyw_table_active(table, slot), capacity);

    switch (pyw_table_state(table, slot)) {
    case PYW_STATE_READY:
        return capacity - answering;
    case PYW_STATE_DRAINING:
        return active - at_most(answering, active);
    default:
        return 0;
    }
}

/* Threads of processes that the group is to have and has not. One that sleeps will have
 * one. */
static uint64_t count_coming(const struct pyw_table *table)
{
    uint32_t ready = pyw_table_count(table, PYW_STATE_READY);
    uint32_t target = pyw_table_target(table);

    if (pyw_table_failures(table) > 0) {
        return 0;
    }
    if (ready == 0 && target == 0) {
        target = 1;
    }
    return target > ready ? (uint64_t)(target - ready) * pyw_table_threads(table) : 0;
}

static uint64_t count_queue(const struct pyw_table *table)
{
    uint32_t count;
    const struct pyw_cells *cells = pyw_table_cells(table, &count);

    return pyw_cells_sum(cells, count);
}

static uint64_t count_waiting(const struct pyw_table *table)
{
    uint64_t queued = count_queue(table);
    uint64_t served = 0;

    for (uint32_t slot = 0; slot < pyw_table_slots(table); slot++) {
        served += count_served(table, slot);
    }
    return queued > served ? queued - served : 0;
}

static void forget_dead(struct pyw_table *table)
{
    uint32_t count;
    struct pyw_cells *cells = pyw_table_cells(table, &count);

    pyw_cells_sweep(cells, count);
}

uint64_t pyw_admission_waiting(struct pyw_table *table)
{
    forget_dead(table);
    return count_waiting(table);
}

uint64_t pyw_admission_in_flight(struct pyw_table *table)
{
    uint64_t sum;

    forget_dead(table);
    sum = count_queue(table);
    for (uint32_t slot = 0; slot < pyw_table_slots(table); slot++) {
        enum pyw_state state = pyw_table_state(table, slot);

        if (state == PYW_STATE_READY || state == PYW_STATE_DRAINING) {
            sum += count_answering(table, slot);
        }
    }
    return sum;
}

/* Counts the request in, and out again if too many wait with it. */
static bool try_to_enter(struct pyw_table *table, struct pyw_cells *cells,
                         const struct pyw_seat *seat, uint64_t most)
{
    pyw_cells_add(cells, seat);
    if (most == 0 || count_waiting(table) <= most + count_coming(table)) {
        return true;
    }
    pyw_cells_subtract(cells, seat);
    return false;
}

int pyw_admission_enter(struct pyw_table *table, const struct pyw_seat *seat,
                        uint64_t most)
{
    uint32_t count;
    struct pyw_cells *cells = pyw_table_cells(table, &count);
    bool is_in;

    /* Two that count themselves in at the same time may both see one too many, but
     * never both too few: of those refused here one may have a place, and gets it by
     * the second look. */
    if (seat->pid == 0 || try_to_enter(table, cells, seat, most)) {
        return 0;
    }
    pyw_cells_lock(cells, seat);
    pyw_cells_sweep(cells, count);
    is_in = try_to_enter(table, cells, seat, most);
    pyw_cells_unlock(cells, seat);
    return is_in ? 0 : -EBUSY;
}

void pyw_admission_leave(struct pyw_table *table, const struct pyw_seat *seat)
{
    uint32_t count;
    struct pyw_cells *cells = pyw_table_cells(table, &count);

    pyw_cells_subtract(cells, seat);
}
