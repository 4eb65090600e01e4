/* outbox.h: the sending half of a channel: a few buffers, sent without blocking and
 * continued when the socket takes more.
 *
 * Both processes. Not locked: one thread at a time owns an outbox.
 */
#ifndef PYW_CHANNEL_OUTBOX_H
#define PYW_CHANNEL_OUTBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/uio.h>

#define PYW_OUTBOX_PIECES 16

struct pyw_outbox {
    int fd; /* borrowed */
    struct iovec
        pieces[PYW_OUTBOX_PIECES]; /* what is left; the bytes are the caller's */
    size_t count;
    size_t at;      /* the first piece not wholly sent */
    bool has_begun; /* a byte of them has left */
    int file;       /* goes with the first byte; -1; the caller's */
};

void pyw_outbox_init(struct pyw_outbox *outbox, int fd);

/* Starts to send up to PYW_OUTBOX_PIECES pieces, with `file` (or -1) beside their first
 * byte.
 * @return 0: all sent; -EAGAIN: call `continue` when the socket is writable, the bytes
 * stay put until then; -EPIPE or -ECONNRESET: the peer closed; -errno. The outbox must
 * be empty before. */
int pyw_outbox_send(struct pyw_outbox *outbox, const struct iovec *pieces, size_t count,
                    int file);
int pyw_outbox_continue(struct pyw_outbox *outbox);

/* Gives up what is left: nobody will read it. */
void pyw_outbox_drop(struct pyw_outbox *outbox);

bool pyw_outbox_is_empty(const struct pyw_outbox *outbox);

#endif
