/* vitals.h: the signs of life of a supervisor, in memory that it shares with the Apache
 * parent and its children, and with nobody else: no process that runs an application
 * maps it.
 *
 * The parent creates it, once for each configuration, before it forks. The supervisor
 * beats; the parent says when it has ended; a child reads, any thread.
 */
#ifndef PYW_CHANNEL_VITALS_H
#define PYW_CHANNEL_VITALS_H

#include <stdbool.h>
#include <stdint.h>

/* How often a supervisor beats at least, and how old its last beat may be. */
#define PYW_VITALS_BEAT_MS 1000
#define PYW_VITALS_STALE_MS 5000

struct pyw_vitals; /* shared memory */

/* Parent. NULL: no memory. */
struct pyw_vitals *pyw_vitals_create(void);
void pyw_vitals_close(struct pyw_vitals *vitals); /* NULL is fine */
/* Parent: it has ended, or is about to be started. */
void pyw_vitals_clear(struct pyw_vitals *vitals);

/* Supervisor; clock.h milliseconds. NULL is fine. `is_stopping`: its groups are told to
 * end. */
void pyw_vitals_beat(struct pyw_vitals *vitals, int64_t now_ms, bool is_stopping);

/* Child. */
bool pyw_vitals_is_alive(const struct pyw_vitals *vitals, int64_t now_ms);
bool pyw_vitals_is_stopping(const struct pyw_vitals *vitals);

#endif
