/* peer.h: an Apache child's end of a channel, for the tests of host/. */
#ifndef PYW_UNIT_PEER_H
#define PYW_UNIT_PEER_H

#include "base/head.h"
#include "base/setup.h"
#include "channel/inbox.h"

struct peer {
    int fd;
    struct pyw_inbox inbox;
    struct pyw_frame frame;  /* the last one received */
    struct pyw_span payload; /* of it */
};

/* Takes over a connected socket. */
void peer_open(struct peer *peer, int fd);
void peer_close(struct peer *peer);

void peer_send(struct peer *peer, enum pyw_frame_type type, uint16_t flags,
               const void *payload, size_t len);
void peer_send_hello(struct peer *peer, const struct pyw_setup *setup);
void peer_send_request(struct peer *peer, uint16_t flags, const char *uri);
void peer_send_abort(struct peer *peer, enum pyw_abort reason);

/* The next frame. @return its type; 0: the other side closed. */
int peer_receive(struct peer *peer);
/* Receives one frame of that type; anything else fails the test. */
void peer_expect(struct peer *peer, enum pyw_frame_type type);
/* Receives an END of that outcome. */
void peer_expect_end(struct peer *peer, enum pyw_outcome outcome);
/* Fails the test if anything is there. */
void peer_expect_nothing(struct peer *peer);

#endif
