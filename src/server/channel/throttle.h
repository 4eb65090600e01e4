/* throttle.h: one line in the log for many events, over all processes that share the
 * memory it lies in: the first event is told of at once, those that follow are counted
 * and told of together every few seconds, until none has come for as long.
 *
 * Apache children, any thread. Daemons can write here too: they can make their own
 * group's lines wrong, no more.
 */
#ifndef PYW_CHANNEL_THROTTLE_H
#define PYW_CHANNEL_THROTTLE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define PYW_THROTTLE_MS 5000

/* Shared memory. All zero at first. */
struct pyw_throttle {
    _Atomic int64_t said_ms; /* the last line; 0: none yet */
    _Atomic uint32_t unsaid; /* events since */
};

/* Whether the caller is the one to write the next line, where nobody counts the events
 * between. */
bool pyw_throttle_may_say(struct pyw_throttle *throttle);

/* An event. @return true: it is to be told of now, as the first; false: it was counted.
 */
bool pyw_throttle_note(struct pyw_throttle *throttle);

/* Cheap where there is nothing to tell. @return events that are to be told of now; 0.
 */
uint32_t pyw_throttle_due(struct pyw_throttle *throttle);

#endif
