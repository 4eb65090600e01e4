/* tally.h: which running requests of this process have begun to be answered, for the
 * queue of the group (channel/admission): their children count them there no longer,
 * and their threads are not free for those that wait.
 *
 * Thread: whoever holds the channel's lock.
 */
#ifndef PYW_HOST_TALLY_H
#define PYW_HOST_TALLY_H

#include "host/channel.h"
#include "host/host.h"

/* Bytes of an answer are about to leave; with the last of them `is_over`. */
void pyw_tally_answer(const struct pyw_host *host, struct pyw_channel *channel,
                      bool is_over);
/* The request is ended from the outside. Its thread may take longer: the capacity of
 * the process says so (host/timeouts). */
void pyw_tally_cut(struct pyw_host *host, struct pyw_channel *channel);
/* The thread is done with it. */
void pyw_tally_finish(const struct pyw_host *host, struct pyw_channel *channel);

#endif
