/* pyw_exchange.h: the seam between the two halves. An exchange is one request and its
 * response, as an application protocol (wsgi/, later asgi/) sees it: a head, and a
 * small table of operations.
 *
 * Three implementations: over frames on a socket (host/frames, daemon mode), over
 * Apache's filters (apache/bridge, embedded mode), and a fake in the unit tests. wsgi/
 * and asgi/ know nothing else of the outside, so both modes behave the same.
 *
 * Thread: an exchange belongs to the one worker thread that serves it, `log` and
 * `is_aborted` included. GIL: an operation that may block is called without it; the
 * others say so. Ownership: the exchange, its head and its buffers belong to the
 * implementation and outlive `end` only by the rest of the worker's call; Python
 * objects that point to it are severed first. Errors: 0 or -errno. -EPIPE: the client
 * has gone, -ETIMEDOUT: it was too slow, -EFBIG: its body is larger than allowed,
 * -EBADMSG: its body is malformed, -ECANCELED: the request was ended from the outside
 * (request-timeout). Any error of `send` or of `read_body` is final: later calls give
 * it again.
 */
#ifndef PYW_BASE_PYW_EXCHANGE_H
#define PYW_BASE_PYW_EXCHANGE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/frame.h"
#include "base/head.h"

struct pyw_exchange;

/* One step of a response. */
struct pyw_part {
    const struct pyw_reply_head *head; /* with the first part only, else NULL */
    struct pyw_span body;              /* may be empty */
    bool is_last; /* nothing follows and all went well: may carry the END */
};

/* A stretch of a regular file as response body; the descriptor stays the caller's. */
struct pyw_file_part {
    const struct pyw_reply_head *head; /* as above */
    int fd;
    uint64_t offset;
    uint64_t length;
};

struct pyw_exchange_ops {
    /* Up to `len` bytes of request body; 0 at its end. With `may_block` false, called
     * with the GIL, it gives only what is at hand and -EAGAIN when it would have to
     * wait. The first call that waits makes the server send 100 Continue where the
     * client expects it. */
    ssize_t (*read_body)(struct pyw_exchange *x, void *buffer, size_t len,
                         bool may_block);

    /* Sends an interim response, before the head. Blocks. */
    int (*inform)(struct pyw_exchange *x, const struct pyw_reply_head *head);

    /* Starts to send a part. GIL: may be held. @return 0: all is on its way, the part
     * may be reused; -EAGAIN: `finish_send` must follow, and what the part points to
     * stays valid until it returns. */
    int (*send)(struct pyw_exchange *x, const struct pyw_part *part);
    int (*finish_send)(struct pyw_exchange *x);

    /* Sends a stretch of a file. Blocks. */
    int (*send_file)(struct pyw_exchange *x, const struct pyw_file_part *file);

    /* Pushes out what was sent, where the implementation holds anything back. Blocks.
     */
    int (*flush)(struct pyw_exchange *x);

    /* One entry in the log of the request; `text` may hold line breaks. Blocks. */
    void (*log)(struct pyw_exchange *x, enum pyw_level level, const char *text,
                size_t len);

    /* True once the client is known to have gone. GIL: may be held. */
    bool (*is_aborted)(struct pyw_exchange *x);

    /* Ends the exchange; called exactly once, after everything else. Where the outcome
     * is not OK and a head was sent, the client sees a cut response; where none was
     * sent it gets an error page. Blocks. */
    void (*end)(struct pyw_exchange *x, enum pyw_outcome outcome);
};

struct pyw_exchange {
    const struct pyw_exchange_ops *ops;
    const struct pyw_request_head *head;
    /* Set by the implementation from any thread: RequestTimeout is to be raised in the
     * thread that serves the exchange (python/interrupt). */
    _Atomic bool is_interrupt_wanted;
    /* Apache's request_rec for the application, or NULL: it is asked for, and embedded
     * mode (WSGIPassApacheRequest). */
    void *native;
};

#endif
