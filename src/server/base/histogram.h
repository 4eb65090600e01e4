/* histogram.h: the buckets of a histogram of durations: 16 octaves from 1 ms on, four
 * buckets each, and one for all that is longer (65.5 s). What takes less than 1 ms
 * belongs to the first.
 */
#ifndef PYW_BASE_HISTOGRAM_H
#define PYW_BASE_HISTOGRAM_H

#include <stdint.h>

#define PYW_HISTOGRAM_BUCKETS 65

/* The bucket of a duration in microseconds. */
unsigned pyw_histogram_bucket(uint64_t us);

#endif
