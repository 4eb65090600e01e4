/* gate.h: where a worker passes before it waits for a request, and where those stay who
 * would only wait for the GIL.
 *
 * A worker is out (it waits for a request, or serves one) or parked. Of each lane, the
 * workers that share a GIL, at most `limit` go out; host/watcher sets it. Who is out
 * goes on from request to request without meeting anybody: a lock is taken only to park
 * and to be let out.
 *
 * What holds, and why nobody waits for ever:
 *   - at least one of a lane is out: limit >= 1, and who parks has seen more than
 *     `limit` out under the lane's lock;
 *   - a worker that is parked is let out when the limit allows: both change under the
 *     same lock, and raising wakes all;
 *   - the limit rises, up to all threads, as long as a request waits and none of those
 *     who are out takes it (host/watcher): it does not matter what holds them up;
 *   - the watcher looks while as many are busy as are let out: a worker counts itself
 * as busy, then looks whether it is watched; the watcher says that it does not watch,
 *     then looks who is busy (both sequentially consistent);
 *   - a lane without a watcher is open, and so are all from `open` on.
 *
 * Thread: `join`, `pass`, `take`, `done`: workers, by their index; the rest as it says.
 */
#ifndef PYW_HOST_GATE_H
#define PYW_HOST_GATE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#define PYW_GATE_LINE 64

enum pyw_gate_phase {
    PYW_GATE_PARKED = 0, /* or not there yet */
    PYW_GATE_FREE = 1,   /* waits for a request */
    PYW_GATE_BUSY = 2
};

/* A line of the processor's cache for each: nobody else writes there. */
struct pyw_gate_worker {
    _Alignas(PYW_GATE_LINE) _Atomic uint32_t phase; /* enum pyw_gate_phase */
    _Atomic uint32_t taken;                         /* requests, or what came instead */
    atomic_bool wants_gil;                          /* waits for the GIL */
    atomic_bool is_here; /* the thread runs: what follows is set */
    pid_t tid;
    clockid_t clock; /* its CPU time */
};

struct pyw_gate;

/* All workers may go out. Worker i belongs to lane i % lanes. @return 0 or -errno. */
int pyw_gate_init(struct pyw_gate **gate, uint32_t lanes, uint32_t threads);
/* No thread uses it any more. NULL is fine. */
void pyw_gate_free(struct pyw_gate *gate);

/* The calling thread is worker `index`, and out. */
void pyw_gate_join(struct pyw_gate *gate, uint32_t index);
/* Before the worker waits for a request; may park it. */
void pyw_gate_pass(struct pyw_gate *gate, uint32_t index);
/* It has something to do, until it has `done` it. */
void pyw_gate_take(struct pyw_gate *gate, uint32_t index);
void pyw_gate_done(struct pyw_gate *gate, uint32_t index);

/* There will be a watcher, who is to know how many are busy. Before the first worker
 * joins. */
void pyw_gate_count(struct pyw_gate *gate);

/* Watcher. */
uint32_t pyw_gate_lanes(const struct pyw_gate *gate);
uint32_t pyw_gate_threads(const struct pyw_gate *gate);
const struct pyw_gate_worker *pyw_gate_worker(const struct pyw_gate *gate,
                                              uint32_t index);
/* How many of a lane are let out, from now on. */
void pyw_gate_set_limit(struct pyw_gate *gate, uint32_t lane, uint32_t limit);
/* Whether it matters how the workers of a lane fare: two are busy, or all that are let
 * out. */
bool pyw_gate_is_used(const struct pyw_gate *gate, uint32_t lane);
/* Returns once a lane is used, or when the time is over unless that is NEVER. @return
 * false: it is over. */
bool pyw_gate_sleep(struct pyw_gate *gate, int64_t until_ms);

/* Lets all out, and parks nobody any more. Any thread. */
void pyw_gate_open(struct pyw_gate *gate);
bool pyw_gate_is_open(const struct pyw_gate *gate);

/* How many workers may be busy now, in all lanes. Any thread. */
uint32_t pyw_gate_limit(const struct pyw_gate *gate);

/* After fork(), in the child process: nobody is parked, and no lock is taken. */
void pyw_gate_abandon(struct pyw_gate *gate);

#endif
