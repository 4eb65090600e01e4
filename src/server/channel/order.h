/* order.h: what the supervisor and a zygote (preload=On) say to each other over the
 * zygote's lifeline, and how the process that comes of it introduces itself.
 *
 * An order is one message: which process is to be forked, and the descriptors that are
 * its own. The new process then sends one byte on the lifeline that came with the
 * order; the kernel adds the sender's pid, so that nobody has to believe the
 * application which process it is.
 */
#ifndef PYW_CHANNEL_ORDER_H
#define PYW_CHANNEL_ORDER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* The descriptors of a new process, in the order in which they travel. */
enum pyw_order_fd {
    PYW_ORDER_LOG, /* for 1 and 2 */
    PYW_ORDER_LISTENER,
    PYW_ORDER_LIFELINE,
    PYW_ORDER_FDS
};

struct pyw_order {
    uint32_t slot;
    uint32_t generation;
    bool must_load; /* base/setup.h */
    int fds[PYW_ORDER_FDS];
};

/* Supervisor: never blocks; the descriptors stay the caller's. @return 0; -EAGAIN: too
 * much is unread; -EPIPE: the zygote is gone; -errno. */
int pyw_order_send(int fd, const struct pyw_order *order);

/* Zygote: the next order; its descriptors, closed on exec, are the caller's from now
 * on. @return 1; 0: the supervisor is gone; -EAGAIN: none is there; -EPROTO; -errno. */
int pyw_order_receive(int fd, struct pyw_order *order);

/* Supervisor, before the order is sent: the kernel is to say who speaks at the other
 * end of this lifeline. @return 0 or -errno. */
int pyw_order_expect(int fd);
/* New process. @return 0 or -errno. */
int pyw_order_introduce(int fd);
/* Supervisor: who has introduced himself. Never blocks. @return the pid; 0: the other
 * end is closed, nobody will; -EAGAIN: nobody has so far; -errno. */
pid_t pyw_order_meet(int fd);

#endif
