/* pacing.h: how many of a lane's workers are let out of the gate, learned from what was
 * seen.
 *
 * Pure: no clock, no thread, no lock; host/watcher looks, asks here, and tells the
 * gate. What counts is whether threads wait for the GIL (then there are too many), and
 * whether requests wait while no thread has anything to compute (then there are too
 * few).
 */
#ifndef PYW_HOST_PACING_H
#define PYW_HOST_PACING_H

#include <stdbool.h>
#include <stdint.h>

/* Looks that make a window. */
#define PYW_PACING_LOOKS 8

/* What is known of a lane. */
struct pyw_pacing {
    uint32_t threads; /* constant: the most that may be out */
    uint32_t limit;   /* as many are let out */
    /* A step that proved wrong is tried again later and later: windows until it may
     * be, and how many they are the next time. */
    uint32_t trial_in;
    uint32_t trial_pause;
    uint32_t cut_in;
    uint32_t cut_pause;
    bool was_cut;      /* the last step was down, without proof that it does no harm */
    uint32_t held_for; /* windows in which nothing is lowered */
};

/* What a window of looks found. Held is a lane where requests wait and nobody who is
 * out is free to take one. */
struct pyw_pacing_window {
    uint32_t held;      /* looks that found it held */
    uint32_t idle;      /* of those, looks that found nobody who computes */
    uint32_t wanting;   /* threads that waited for the GIL, summed over the looks */
    uint32_t elsewhere; /* looks at which threads waited for the GIL, and none of those
                           who are out computed: a thread of the application has it */
    uint32_t lasting;   /* requests that were there at the look before, summed */
    uint32_t spare;     /* the least number that were out and free */
    bool is_coarse;     /* the looks were far apart */
};

/* All are let out. */
void pyw_pacing_init(struct pyw_pacing *pacing, uint32_t threads);

/* After a window. Sets the limit. */
void pyw_pacing_step(struct pyw_pacing *pacing, const struct pyw_pacing_window *seen);

/* Within a window: it is held, nobody has taken a request since the last look, and
 * nobody computes. Sets the limit. */
void pyw_pacing_stalled(struct pyw_pacing *pacing);

/* Within a window: it is held, and a request has computed for longer than Python's
 * switch interval, by which Python shares the GIL among those who wait for it: the more
 * do, the better for the short ones. Lets all out. */
void pyw_pacing_has_long(struct pyw_pacing *pacing);

/* Whether it could be that fewer are needed: worth looking more closely than that. */
bool pyw_pacing_is_ample(const struct pyw_pacing *pacing,
                         const struct pyw_pacing_window *seen);

#endif
