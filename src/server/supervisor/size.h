/* size.h: how many processes a group of adaptive size (`processes=2-8`) is to have:
 * grows by what waits, shrinks after a while without need. Decides only; knows no
 * process.
 *
 * Supervisor process, its only thread.
 */
#ifndef PYW_SUPERVISOR_SIZE_H
#define PYW_SUPERVISOR_SIZE_H

#include <stdint.h>

/* Between two looks at the load. */
#define PYW_SIZE_SAMPLE_MS 500

/* What a group does at the moment. */
struct pyw_load {
    uint32_t starting; /* processes that are to help soon */
    uint32_t ready;    /* processes */
    uint32_t threads;  /* of the ready ones, not stuck */
    uint32_t running;  /* requests */
    uint32_t waiting;  /* requests, for a thread */
    uint32_t cpu;      /* percent of a processor core, of all processes together */
    uint32_t cores;    /* processor cores there are */
};

struct pyw_size {
    uint32_t least;
    uint32_t most;
    unsigned pressed; /* samples in a row that asked for more */
    unsigned relaxed; /* samples in a row that would do with one fewer */
};

/* Takes one sample. @return how many processes the group is to have, given that it is
 * to have `target` now; fewer than the least, where inactivity-timeout= has made it so,
 * until there is need. */
uint32_t pyw_size_next(struct pyw_size *size, const struct pyw_load *load,
                       uint32_t target);

#endif
