#include "supervisor/size.h"

#include <stdbool.h>

/* Samples in a row: a burst of a moment starts no process, ... */
#define PRESSED_SAMPLES 2
/* ... and half a minute without need ends one: starting is what costs. */
#define RELAXED_SAMPLES 60
/* Of the threads busy, or of a core used by each process (a process of one GIL can use
 * no more): more are needed. */
#define BUSY_PERCENT 80
/* Of the same, if there were one process fewer: it is not needed. The gap between the
 * two keeps the size from swinging. */
#define IDLE_PERCENT 50

static bool is_above(uint64_t part, uint64_t whole, uint32_t percent)
{
    return part * 100 > whole * percent;
}

static bool is_pressed(const struct pyw_load *load)
{
    bool is_cpu_bound = load->ready < load->cores &&
                        is_above(load->cpu, (uint64_t)load->ready * 100, BUSY_PERCENT);

    return load->waiting > 0 || load->running >= load->threads ||
           is_above(load->running, load->threads, BUSY_PERCENT) || is_cpu_bound;
}

static bool is_relaxed(const struct pyw_load *load)
{
    uint64_t fewer = load->ready > 0 ? load->ready - 1 : 0;
    uint64_t threads = load->ready > 0 ? load->threads * fewer / load->ready : 0;

    return load->waiting == 0 && !is_above(load->running, threads, IDLE_PERCENT) &&
           !is_above(load->cpu, fewer * 100, IDLE_PERCENT);
}

/* One more, or as many as what waits needs threads of. */
static uint32_t step_up(const struct pyw_load *load)
{
    uint32_t each = load->ready > 0 ? load->threads / load->ready : 0;
    uint32_t needed = each > 0 ? (load->waiting + each - 1) / each : 0;

    return needed > 1 ? needed : 1;
}

static uint32_t at_most(uint64_t value, uint32_t most)
{
    return (uint32_t)(value < most ? value : most);
}

/* A group that has dozed off in part is awake again. */
static uint32_t at_least(uint32_t value, uint32_t least)
{
    return value > least ? value : least;
}

uint32_t pyw_size_next(struct pyw_size *size, const struct pyw_load *load,
                       uint32_t target)
{
    bool is_settled = load->starting == 0 && load->ready > 0;

    size->pressed = is_settled && is_pressed(load) ? size->pressed + 1 : 0;
    size->relaxed = is_settled && is_relaxed(load) ? size->relaxed + 1 : 0;
    if (size->pressed >= PRESSED_SAMPLES) {
        size->pressed = 0;
        return at_least(at_most((uint64_t)target + step_up(load), size->most),
                        size->least);
    }
    if (size->relaxed >= RELAXED_SAMPLES && target > size->least) {
        size->relaxed = 0;
        target--;
    }
    return at_most(target, size->most);
}
