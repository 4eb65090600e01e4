/* intake.h: what a child sends while its request runs: the body, its end, or word that
 * the client has gone.
 *
 * Belongs to the worker that serves the request. **GIL:** not needed; nothing here
 * blocks but `pyw_intake_receive` when told so.
 */
#ifndef PYW_HOST_INTAKE_H
#define PYW_HOST_INTAKE_H

#include <stdbool.h>
#include <stddef.h>

#include "host/channel.h"

struct pyw_intake {
    struct pyw_channel *channel;
    struct pyw_span
        unread;        /* the rest of the BODY frame at hand, in the channel's inbox */
    bool is_body_done; /* BODY_END was taken out, or there is no body */
    bool is_aborted;   /* ABORT came: nothing follows it */
    bool is_gone;      /* nobody waits for the answer any more */
    bool is_lost;      /* the channel is of no more use */
    bool is_full;      /* nothing can be received before something is read */
    int error;         /* of reading the body: 0 or -errno, final */
};

void pyw_intake_begin(struct pyw_intake *intake, struct pyw_channel *channel,
                      bool has_body);

/* Copies body that has arrived. @return bytes; 0: none is at hand, see
 * `pyw_intake_is_over`. */
size_t pyw_intake_take(struct pyw_intake *intake, char *buffer, size_t len);
/* True when no body will come any more: it is done, or `error` is set. */
bool pyw_intake_is_over(const struct pyw_intake *intake);

/* Receives once. Only when `take` has given 0. @return 0: look again; -EAGAIN: nothing
 * is there. */
int pyw_intake_receive(struct pyw_intake *intake, bool may_block);

/* Receives what is there, for news of the client. */
void pyw_intake_look(struct pyw_intake *intake);
/* False while the inbox cannot take more: then polling for input is no use. */
bool pyw_intake_may_look(const struct pyw_intake *intake);

/* True when the inbox holds the whole body. */
bool pyw_intake_has_all(const struct pyw_intake *intake);

#endif
