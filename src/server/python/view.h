/* view.h: the counters of all threads (python/counters) and the process at one moment,
 * and readers that look again and again: each sees the interval since it looked before.
 *
 * **GIL:** not needed.
 */
#ifndef PYW_PYTHON_VIEW_H
#define PYW_PYTHON_VIEW_H

#include <stdbool.h>

#include "python/counters.h"

/* A thread at one moment. */
struct pyw_view_thread {
    uint64_t requests;
    uint64_t busy_us;
    uint64_t cpu_us;
    int64_t elapsed_us; /* -1: idle */
    uint64_t longest_us;
};

/* Everything at one moment. */
struct pyw_view {
    int64_t epoch_us;
    int64_t now_us;
    int64_t user_us;
    int64_t system_us;
    struct pyw_counts all;
    struct pyw_extremes extremes;
    unsigned active;
    unsigned capacity;
    unsigned threads;
    struct pyw_view_thread *each; /* by index */
};

struct pyw_view_reader;

/* Looks now; `place` is that of a reader, or -1. `view` begins as zeros, and its `each`
 * is the caller's to free. @return false: out of memory. */
bool pyw_view_look(struct pyw_view *view, int place);

/* Its first interval begins with the counting. Where that is a while ago, the CPU time
 * and the extremes of then are not known. @return NULL: out of memory. */
struct pyw_view_reader *pyw_view_make_reader(void);
void pyw_view_free_reader(struct pyw_view_reader *reader); /* NULL is fine */

/* Copies of the two moments that the interval lies between; their `each` are the
 * caller's to free. Any thread. @return false: out of memory. */
bool pyw_view_read_interval(struct pyw_view_reader *reader, struct pyw_view *from,
                            struct pyw_view *to);

/* Bytes of memory of this process; 0: not known. */
long pyw_view_memory_rss(void);
long pyw_view_memory_max_rss(void);

#endif
