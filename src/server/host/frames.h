/* frames.h: an exchange over the frames of a channel: what pyw_exchange.h promises, in
 * daemon mode.
 *
 * One per worker thread, used for one request after another. Everything belongs to the
 * worker, but for `pyw_frames_cut`, by which the monitor ends a request from the
 * outside: under the channel's lock it sends END in the worker's place, and from then
 * on the worker's operations give -ECANCELED.
 *
 * A small last piece is copied and leaves with END, in one sendmsg, when the worker is
 * out of Python: so the next request finds the GIL free.
 *
 * **GIL:** no operation needs it; `send`, `is_aborted` and a `read_body` that may not
 * block may have it.
 */
#ifndef PYW_HOST_FRAMES_H
#define PYW_HOST_FRAMES_H

#include <stdbool.h>

#include "base/pyw_exchange.h"
#include "host/channel.h"
#include "host/host.h"
#include "host/intake.h"

/* DATA frames of one sendmsg; beside them the head and END. */
#define PYW_FRAMES_AT_ONCE ((PYW_OUTBOX_PIECES - 2) / 2)

struct pyw_frames {
    struct pyw_exchange exchange; /* first: an operation gets a pointer to it */
    struct pyw_host *host;
    unsigned long thread;        /* the worker's, as Python names it; constant */
    struct pyw_channel *channel; /* NULL between requests */
    struct pyw_request_head head;
    struct pyw_writer stored; /* the bytes that the head points to */
    struct pyw_pair *pairs;   /* PYW_HEAD_MAX_PAIRS */
    /* receiving */
    struct pyw_intake intake;
    bool awaits_continue; /* INFORM 100 goes out before the first wait, also behind a
                             head: the child reads no body before */
    int64_t looked_ms;    /* when the inbox was last looked at for an ABORT */
    /* sending */
    struct pyw_writer out; /* head and END of the piece under way */
    unsigned char headers[PYW_FRAMES_AT_ONCE][PYW_FRAME_HEADER_LEN];
    struct pyw_span unsent; /* body that is not in the outbox yet */
    bool is_last;           /* END follows `unsent` */
    bool is_held;   /* `out` is the whole rest of the response, to leave with END */
    bool has_ended; /* END is sent, or could not be */
    bool is_lost;   /* nothing more can be sent */
    int error;      /* of sending: 0 or -errno, final */
    /* accounting */
    int64_t begun_us;
    bool is_interrupted; /* under the channel's lock: RequestTimeout is on its way */
    int64_t cpu_us;      /* CPU time of the thread when the request before ended */
    uint64_t written;
};

/* On the thread that will use it. @return 0 or -ENOMEM. */
int pyw_frames_init(struct pyw_frames *frames, struct pyw_host *host);
void pyw_frames_free(struct pyw_frames *frames);

/* Reads a REQUEST frame's payload, which it copies. @return 0; -EPROTO, -E2BIG:
 * malformed; -ENOMEM. */
int pyw_frames_parse(struct pyw_frames *frames, const struct pyw_frame *frame,
                     struct pyw_span payload);

/* Begins the exchange of the request that was parsed: from here it can be cut. */
void pyw_frames_begin(struct pyw_frames *frames, struct pyw_channel *channel);

/* Closes the books after the application's protocol has ended the exchange, and sets
 * the channel's stage.
 * @return true when the channel may go on. */
bool pyw_frames_finish(struct pyw_frames *frames);

/* Why a request is ended from the outside. */
struct pyw_cut {
    enum pyw_outcome outcome;
    int64_t begun_before_us; /* monotonic: a request that began later is spared */
    /* Writes the entry for the request's log into `text`; @return its length. */
    size_t (*describe)(const struct pyw_frames *frames, char *text, size_t size);
};

/* Monitor: ends the request that runs on the channel. @return true when there was one
 * to end. */
bool pyw_frames_cut(struct pyw_channel *channel, const struct pyw_cut *cut);

/* Monitor: has RequestTimeout raised in the request that runs on the channel (by
 * host/pulse), once. @return false: it has been, or there is none that began before.
 */
bool pyw_frames_interrupt(struct pyw_channel *channel, int64_t begun_before_us,
                          int64_t deadline_ms);

#endif
