/* answer.h: what a daemon process says on a channel, frame by frame, and what becomes
 * of it: the response, records in the log, the end of the request. All of it is hostile
 * input.
 *
 * Apache worker threads; part of a relay, for one request over one or more tries.
 */
#ifndef PYW_APACHE_ANSWER_H
#define PYW_APACHE_ANSWER_H

#include <httpd.h>

#include "apache/outflow.h"
#include "apache/pool.h"
#include "apache/reply.h"

/* What a step of an exchange came to. */
enum pyw_step {
    PYW_STEP_GO_ON,
    PYW_STEP_DONE,  /* `result` is what the handler returns */
    PYW_STEP_RETRY, /* nothing has run: another process may serve it */
};

struct pyw_answer {
    request_rec *r;
    const struct pyw_group *group;
    struct pyw_channel *channel; /* of this try; the relay's */
    const struct pyw_pool
        *queue; /* that the request is in; NULL: in none, or no more */
    struct pyw_reply reply;
    struct pyw_outflow *outflow; /* NULL: nothing was passed on yet, or it has none */
    unsigned file_count;         /* FILE frames so far */
    bool has_begun;              /* a frame came back: the request was taken */
    bool wants_body; /* the client may be asked for body: always but before 100 Continue
                      */
    bool is_refused; /* the process sent REFUSE in this try... */
    bool keeps_channel;  /* END came, and the daemon will take another request */
    int64_t flush_at_ms; /* what was passed on leaves then; PYW_CLOCK_NEVER */
    int64_t flushed;     /* bytes of body that a flush has followed */
    int result;
};

void pyw_answer_init(struct pyw_answer *answer, request_rec *r,
                     const struct pyw_group *group, bool wants_body);
/* A try on that channel begins. */
void pyw_answer_begin(struct pyw_answer *answer, struct pyw_channel *channel);

/* Handles every whole frame in the channel's inbox, then passes on to the client what
 * they held. */
enum pyw_step pyw_answer_take_frames(struct pyw_answer *answer);

/* Has all that was passed on leave for the client. */
enum pyw_step pyw_answer_flush(struct pyw_answer *answer);

/* The request waits for nobody any more. Idempotent. */
void pyw_answer_leave_queue(struct pyw_answer *answer);

/* Ends of the request that the daemon did not ask for; each sets `result`. */
enum pyw_step pyw_answer_fail(struct pyw_answer *answer, int status);
enum pyw_step pyw_answer_client_gone(struct pyw_answer *answer);

#endif
