/* clock.h: time. Deadlines are on the monotonic clock, in milliseconds; times that
 * people see are microseconds since the epoch.
 */
#ifndef PYW_BASE_CLOCK_H
#define PYW_BASE_CLOCK_H

#include <stdint.h>

#define PYW_CLOCK_NEVER INT64_MAX

int64_t pyw_clock_now_ms(void);   /* monotonic */
int64_t pyw_clock_now_us(void);   /* monotonic */
int64_t pyw_clock_epoch_us(void); /* wall clock */
int64_t pyw_clock_cpu_us(void);   /* CPU time of the calling thread */

/* A time of the wall clock that has passed, on the monotonic clock: what is counted
 * from it afterwards does not change when somebody sets the wall clock. Now, where it
 * seems to lie ahead. */
int64_t pyw_clock_of_epoch_us(int64_t epoch_us);

/* Milliseconds from now to a deadline as poll() takes them: 0 when past, -1 for NEVER.
 */
int pyw_clock_until(int64_t deadline_ms);

/* The start-up back-off: 100 ms doubling to 10 s. `failures` >= 1. */
int pyw_clock_backoff_ms(unsigned failures);

#endif
