/* roster.h: the scripts that the processes of a group have loaded so far, in the
 * group's shared memory: what a successor imports before it takes requests, so that it
 * is known to work and its first request waits for nothing.
 *
 * Daemons of one group write and read; their parent only makes room, and carries the
 * bytes over to the next configuration. Whoever reads believes nothing: texts are
 * copied out and have to end.
 */
#ifndef PYW_CHANNEL_ROSTER_H
#define PYW_CHANNEL_ROSTER_H

#include <stdbool.h>
#include <stddef.h>

#define PYW_ROSTER_ENTRIES 64
#define PYW_ROSTER_SCRIPT 4096
#define PYW_ROSTER_GROUP 512

struct pyw_roster; /* shared memory, all zero when new */

struct pyw_roster_entry {
    char script[PYW_ROSTER_SCRIPT];
    char application_group[PYW_ROSTER_GROUP];
};

size_t pyw_roster_size(void);

/* Any thread of a daemon. One that is there already, too long, or one too many is left
 * out: a successor then loads it with its first request. */
void pyw_roster_add(struct pyw_roster *roster, const char *script,
                    const char *application_group);

bool pyw_roster_has(const struct pyw_roster *roster, const char *script,
                    const char *application_group);

/* Entry number `index`, up to PYW_ROSTER_ENTRIES. @return false: there is none. */
bool pyw_roster_get(const struct pyw_roster *roster, size_t index,
                    struct pyw_roster_entry *entry);

/* Parent: what an earlier configuration's processes had loaded. */
void pyw_roster_copy(struct pyw_roster *to, const struct pyw_roster *from);

#endif
