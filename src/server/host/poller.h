/* poller.h: the channels of the process on one epoll set, and the claims by which each
 * has one owner.
 *
 * Workers wait on the set, edge-triggered; an event goes to one of them. Between
 * requests a channel is idle; whoever turns its claim from idle to busy owns it and
 * hands it back with `release`. An event for a busy channel only leaves a mark, which
 * makes the owner's `release` fail and the owner look again: so a request costs no
 * epoll_ctl. The claim carries the channel's generation, so an event that was on its
 * way when the channel closed cannot claim its successor.
 *
 * Thread: `add`, `claim`, `hand_on` and `stop`: monitor; `next` and `release`: workers;
 * `mute` and `close`: the owner; the rest any.
 */
#ifndef PYW_HOST_POLLER_H
#define PYW_HOST_POLLER_H

#include <stdbool.h>
#include <stdint.h>

#include "host/channel.h"

#define PYW_POLLER_CHANNELS_MAX 65536

struct pyw_poller;

/* @return 0 or -errno. */
int pyw_poller_open(struct pyw_poller **poller);
/* Closes all channels; no other thread may use the poller any more. NULL is fine. */
void pyw_poller_free(struct pyw_poller *poller);

/* Takes over a connection. @return 0; -ENFILE: too many; -errno: `fd` is still the
 * caller's. */
int pyw_poller_add(struct pyw_poller *poller, int fd);

/* Waits for a channel with something to read and claims it. @return NULL after `stop`.
 */
struct pyw_channel *pyw_poller_next(struct pyw_poller *poller);

/* Whether `next` would find something now, or a worker is about to take it. Any thread.
 */
bool pyw_poller_has_some(const struct pyw_poller *poller);

/* No events for a claimed channel until it is released, while its owner reads it
 * anyway. */
void pyw_poller_mute(struct pyw_poller *poller, struct pyw_channel *channel);

/* Hands a claimed channel back. @return false: something has arrived meanwhile, it is
 * still claimed. */
bool pyw_poller_release(struct pyw_poller *poller, struct pyw_channel *channel);

/* Hands a claimed channel back to whichever worker is free: what has arrived meanwhile
 * makes an event. */
void pyw_poller_hand_on(struct pyw_poller *poller, struct pyw_channel *channel);

/* True when something has arrived since the channel was claimed; a hint. Owner. */
bool pyw_poller_is_marked(const struct pyw_channel *channel);

/* Closes a claimed channel. */
void pyw_poller_close(struct pyw_poller *poller, struct pyw_channel *channel);

/* The channel at an index below pyw_poller_used; NULL when it was never used. It may be
 * closed. */
struct pyw_channel *pyw_poller_at(struct pyw_poller *poller, uint32_t index);
uint32_t pyw_poller_used(const struct pyw_poller *poller);
/* Claims it if it is open and idle. */
bool pyw_poller_claim(struct pyw_channel *channel);

/* Channels that are open. */
uint32_t pyw_poller_count(const struct pyw_poller *poller);

/* Makes every `next`, now and later, return NULL. */
void pyw_poller_stop(struct pyw_poller *poller);

/* After fork(), in the child process, which has no other thread: lets go of all
 * descriptors. */
void pyw_poller_abandon(struct pyw_poller *poller);

#endif
