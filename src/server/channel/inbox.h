/* inbox.h: the receiving half of a channel: bytes from a socket, cut into frames.
 *
 * Both processes. Not locked: one thread at a time owns an inbox.
 */
#ifndef PYW_CHANNEL_INBOX_H
#define PYW_CHANNEL_INBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/bytes.h"
#include "base/frame.h"

struct pyw_inbox {
    int fd; /* borrowed */
    enum pyw_frame_way way;
    unsigned char *buffer; /* owned; NULL while at rest */
    size_t capacity;
    size_t start; /* unread bytes are buffer[start, end) */
    size_t end;
    bool takes_files;
    int file; /* a descriptor that came with the bytes and nobody took yet; -1 */
};

/* `takes_files`: descriptors passed by the peer are kept (child); otherwise they are
 * closed. */
void pyw_inbox_init(struct pyw_inbox *inbox, int fd, enum pyw_frame_way way,
                    bool takes_files);
void pyw_inbox_free(struct pyw_inbox *inbox); /* idempotent; leaves `fd` alone */

/* Receives once; `flags` as for recv(2), MSG_DONTWAIT above all. Moves what
 * `pyw_inbox_next` gave.
 * @return bytes received; 0: the peer closed; -EAGAIN; -ENOMEM; -errno. */
ssize_t pyw_inbox_fill(struct pyw_inbox *inbox, int flags);

/* The next whole frame. @return 1; 0: more bytes are needed; -EPROTO: not a frame.
 * The payload is valid until the next `fill`. */
int pyw_inbox_next(struct pyw_inbox *inbox, struct pyw_frame *frame,
                   struct pyw_span *payload);

/* Looks ahead for a whole frame of that type among those not yet given out, and takes
 * none.
 * @return true, with the payload where it is wanted (NULL: not). */
bool pyw_inbox_find(const struct pyw_inbox *inbox, enum pyw_frame_type type,
                    struct pyw_span *payload);

/* The descriptor that came with a FILE frame, now the caller's; -1 when none did. */
int pyw_inbox_take_file(struct pyw_inbox *inbox);

/* True when nothing was received that has not been given out. */
bool pyw_inbox_is_empty(const struct pyw_inbox *inbox);

/* Between requests: gives back memory that one large frame made it take. */
void pyw_inbox_rest(struct pyw_inbox *inbox);

/* Memory that goes from one inbox to another, so that many channels at rest need none.
 */
struct pyw_inbox_memory {
    unsigned char *buffer; /* owned; NULL: lent, or none yet */
    size_t capacity;
};

/* Gives an inbox without memory that of `memory`, or `capacity` bytes where that has
 * none.
 * @return 0 or -ENOMEM. */
int pyw_inbox_lend(struct pyw_inbox *inbox, struct pyw_inbox_memory *memory,
                   size_t capacity);
/* Takes it back, if nothing unread is in it. */
void pyw_inbox_reclaim(struct pyw_inbox *inbox, struct pyw_inbox_memory *memory);

#endif
