/* fake_exchange.h: an exchange without a client, a server or a socket: gives a body in
 * the pieces that a test chose, takes a response, and remembers all that was done to
 * it.
 *
 * It checks the contract of base/pyw_exchange.h as it goes: one head, before any body;
 * finish_send after EAGAIN and then only; nothing after the last part; one end.
 */
#ifndef PYW_UNIT_FAKE_EXCHANGE_H
#define PYW_UNIT_FAKE_EXCHANGE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/pyw_exchange.h"

struct fake {
    struct pyw_exchange exchange; /* first */
    struct pyw_request_head head;
    /* chosen by the test */
    const char *body; /* of the request */
    size_t body_len;
    size_t piece;      /* read_body gives this much at a time; 0: all */
    bool blocks;       /* every read and send has to wait first */
    int read_error;    /* after the body: -errno */
    size_t gone_after; /* the client goes after so many bytes of response; 0: never */
    bool is_aborted;
    /* what happened */
    struct pyw_writer status;  /* "200 OK" */
    struct pyw_writer headers; /* "Name: value\n"... */
    struct pyw_writer hints;   /* likewise, of all interim responses */
    struct pyw_writer received;
    struct pyw_writer log; /* "err: text\n"... */
    unsigned sends;        /* parts and files */
    unsigned files;
    size_t read;
    bool has_head;
    bool has_last;
    bool has_ended;
    int outcome;
    const char *violation; /* of the contract; NULL: none */
    /* inside */
    const struct pyw_part *pending;
    bool may_read;
};

void fake_init(struct fake *fake);
void fake_free(struct fake *fake);
/* The writer's bytes as a string, which is the writer's. */
const char *fake_text(struct pyw_writer *writer);

#endif
