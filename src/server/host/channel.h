/* channel.h: one accepted connection: its inbox and outbox, the stage it is in, and the
 * lock by which the monitor may end the request that runs on it.
 *
 * A channel belongs to whoever holds its claim (host/poller): a worker from the arrival
 * of bytes to their answer, or the monitor while it closes an idle one. `lock` guards
 * `shared` and every byte that is sent, so that the monitor's last words never land in
 * the middle of a worker's frame.
 *
 * Channels are never freed, only used again: an event that comes late finds memory of
 * the right type, and a claim of another generation.
 */
#ifndef PYW_HOST_CHANNEL_H
#define PYW_HOST_CHANNEL_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/frame.h"
#include "base/setup.h"
#include "channel/inbox.h"
#include "channel/outbox.h"

struct pyw_frames;

/* What the child has to send next. */
enum pyw_stage {
    PYW_STAGE_HELLO = 0,
    PYW_STAGE_REQUEST = 1,
    PYW_STAGE_SKIP = 2 /* the rest of a body that nobody reads */
};

struct pyw_channel {
    uint32_t index;         /* constant */
    _Atomic uint64_t claim; /* host/poller */
    _Atomic bool is_ending; /* the child has closed its side: read on until the end */
    _Atomic int64_t deadline_ms; /* when the request on it times out; PYW_CLOCK_NEVER */
    /* owner of the claim */
    int fd;
    enum pyw_stage stage;
    bool is_muted; /* no events until it is released */
    struct pyw_inbox inbox;
    struct pyw_outbox outbox;
    pthread_mutex_t lock;
    struct {
        struct pyw_frames *running; /* the exchange of the request that runs; NULL */
        bool is_amid;               /* a frame has left in part */
        bool is_over;      /* END is sent or will be in the bytes that are leaving */
        bool is_cut;       /* ended from the outside */
        bool is_answering; /* host/tally */
    } shared;
};

void pyw_channel_init(struct pyw_channel *channel,
                      uint32_t index); /* once in its life */
void pyw_channel_open(struct pyw_channel *channel, int fd);
/* Closes; the child sees it at once, whoever else has inherited the descriptor. */
void pyw_channel_close(struct pyw_channel *channel);

/* Stage HELLO: checks the child's HELLO and answers it.
 * @return 0; -EPROTO: refused, to be closed; -errno. */
int pyw_channel_greet(struct pyw_channel *channel, struct pyw_span payload,
                      const struct pyw_setup *setup);

/* Takes one frame outside of a request, by the stage of the channel.
 * @return 1: done with; 0: a REQUEST, for the caller; -EPIPE, -EPROTO: close. */
int pyw_channel_take(struct pyw_channel *channel, const struct pyw_frame *frame,
                     struct pyw_span payload, const struct pyw_setup *setup);

/* Sends one frame of reason REFUSE, or an empty ADMIT. @return 0; -EAGAIN; -errno:
 * close. */
int pyw_channel_refuse(struct pyw_channel *channel, enum pyw_refuse reason);
int pyw_channel_admit(struct pyw_channel *channel);

/* Ends an idle channel for good. A request that has arrived meanwhile is refused, and
 * none can arrive any more: its child knows for certain that it did not run. The caller
 * closes. */
void pyw_channel_retire(struct pyw_channel *channel, const struct pyw_setup *setup);

/* After fork(), in the child process: forgets the connection without a word to the
 * other side. */
void pyw_channel_abandon(struct pyw_channel *channel);

#endif
