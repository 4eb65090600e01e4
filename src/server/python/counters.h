/* counters.h: what the requests of this process cost, counted per thread. A thread
 * writes its own counters without locks; whoever reads sums up those of all threads.
 *
 * Readers are independent of each other: sums only grow, so that each keeps what it saw
 * last; the smallest and largest values are kept once per reader and begin anew when it
 * has read them.
 *
 * **GIL:** not needed.
 */
#ifndef PYW_PYTHON_COUNTERS_H
#define PYW_PYTHON_COUNTERS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/histogram.h"

/* Durations of a request. */
enum pyw_span_of_time {
    PYW_TIME_SERVER,      /* Apache accepted it: until a process was looked for */
    PYW_TIME_QUEUE,       /* ... until a thread took it; daemon mode only */
    PYW_TIME_DAEMON,      /* ... until the application was called; likewise */
    PYW_TIME_APPLICATION, /* ... until close() returned */
    PYW_TIME_REQUEST,     /* the whole */
    PYW_TIME_GIL,         /* waiting for the GIL, where the server knows */
    PYW_TIME_INPUT,       /* waiting for body */
    PYW_TIME_OUTPUT,      /* sending */
    PYW_TIME_COUNT
};

enum pyw_total {
    PYW_TOTAL_REQUESTS,
    PYW_TOTAL_INPUT_BYTES,
    PYW_TOTAL_INPUT_READS,
    PYW_TOTAL_OUTPUT_BYTES,
    PYW_TOTAL_OUTPUT_WRITES,
    PYW_TOTAL_GIL_WAITS,
    PYW_TOTAL_BUSY_US, /* with what is under way */
    PYW_TOTAL_CPU_US,
    PYW_TOTAL_1XX, /* statuses, in order */
    PYW_TOTAL_2XX,
    PYW_TOTAL_3XX,
    PYW_TOTAL_4XX,
    PYW_TOTAL_5XX,
    PYW_TOTAL_COUNT
};

/* Readers that may have smallest and largest values. */
#define PYW_COUNTERS_READERS 16

/* A request that has ended. */
struct pyw_sample {
    uint64_t totals[PYW_TOTAL_COUNT];
    int64_t us[PYW_TIME_COUNT]; /* -1: this request has no such time */
};

struct pyw_extremes {
    uint64_t low[PYW_TIME_COUNT];  /* UINT64_MAX: none */
    uint64_t high[PYW_TIME_COUNT]; /* 0 likewise */
};

/* One thread, or all of them. */
struct pyw_counts {
    uint64_t totals[PYW_TOTAL_COUNT];
    uint64_t sums_us[PYW_TIME_COUNT];
    uint64_t numbers[PYW_TIME_COUNT]; /* of requests that have this time */
    uint64_t buckets[PYW_TIME_COUNT][PYW_HISTOGRAM_BUCKETS];
};

struct pyw_counters; /* of one thread */

/* Counting begins, from the next request on; it never ends. Idempotent. */
void pyw_counters_start(void);
/* When it began: microseconds since the epoch; 0: it has not. */
int64_t pyw_counters_since_us(void);

/* The calling thread begins a request; it ends, with what is to be counted. In pairs.
 */
void pyw_counters_begin(int64_t now_us);
void pyw_counters_end(const struct pyw_sample *sample);

/* A place for smallest and largest values. @return -1: there is none left. */
int pyw_counters_new_reader(void);

/* Walks the threads that have served; NULL: the first; NULL: no more. */
const struct pyw_counters *pyw_counters_next(const struct pyw_counters *after);
/* In order of their first request: 0, 1, ... */
unsigned pyw_counters_index(const struct pyw_counters *counters);
/* The thread's number as Python code sees it. */
unsigned pyw_counters_thread(const struct pyw_counters *counters);
/* Adds the thread's counts at the moment `now_us` to `counts`. */
void pyw_counters_add(const struct pyw_counters *counters, int64_t now_us,
                      struct pyw_counts *counts);
/* How long its request has been going on; -1: none is. */
int64_t pyw_counters_elapsed(const struct pyw_counters *counters, int64_t now_us);

/* Widens `extremes` by what the thread had since this reader turned its page. */
void pyw_counters_widen(const struct pyw_counters *counters, int reader,
                        struct pyw_extremes *extremes);
/* The reader has read: smallest and largest values begin anew. */
void pyw_counters_turn(int reader);

#endif
