#include "host/zygote.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/clock.h"
#include "channel/lifeline.h"
#include "channel/order.h"
#include "host/journal.h"
#include "host/signals.h"
#include "python/forking.h"

/* Where the descriptors of an order go. */
static const struct {
    enum pyw_order_fd from;
    int to;
    int flags;
} places[] = {
    {PYW_ORDER_LOG, STDOUT_FILENO, 0},
    {PYW_ORDER_LOG, STDERR_FILENO, 0},
    {PYW_ORDER_LISTENER, PYW_LISTENER_FD, O_CLOEXEC},
    {PYW_ORDER_LIFELINE, PYW_LIFELINE_FD, O_CLOEXEC},
};

static void close_all(const struct pyw_order *order)
{
    for (int i = 0; i < PYW_ORDER_FDS; i++) {
        close(order->fds[i]);
    }
}

/* In the new process: what was the zygote's gives way to what is its own, and the
 * supervisor gets to know it. @return 0 or -errno. */
static int move_in(void *context)
{
    const struct pyw_order *order = context;

    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        if (dup3(order->fds[places[i].from], places[i].to, places[i].flags) < 0) {
            return -errno;
        }
    }
    close_all(order);
    if (setsid() < 0 || fcntl(PYW_LISTENER_FD, F_SETFL, O_NONBLOCK) != 0) {
        return -errno;
    }
    (void)prctl(PR_SET_NAME, "pywsgi-daemon"); /* only a name */
    return pyw_order_introduce(PYW_LIFELINE_FD);
}

/* In the new process: nothing is left of what the zygote was. @return 0 or -errno. */
static int become(struct pyw_host *host, struct pyw_setup *setup,
                  const struct pyw_order *order)
{
    struct pyw_table *table = host->table;
    int rv;

    setup->is_zygote = false;
    setup->slot = order->slot;
    setup->generation = order->generation;
    setup->must_load = order->must_load;
    if (setup->slot >= pyw_table_slots(table)) {
        return -EPROTO;
    }
    pyw_host_free(host);
    rv = pyw_host_init(host, setup, table);
    if (rv == 0) {
        pyw_signals_adopt(host);
    }
    return rv;
}

/* @return true in the new process, with `rv` set. */
static bool fork_one(struct pyw_host *host, struct pyw_setup *setup,
                     struct pyw_order *order, int *rv)
{
    int forked = pyw_forking_fork(move_in, order);

    if (forked == 0) {
        *rv = become(host, setup, order);
        return true;
    }
    if (forked < 0) {
        PYW_LOG(pyw_journal_line, NULL, FORK_FAILED, setup->group, (int)getpid(),
                strerror(-forked));
    }
    close_all(order); /* where it was not forked, this tells the supervisor */
    return false;
}

int pyw_zygote_serve(struct pyw_host *host, struct pyw_setup *setup, bool has_loaded)
{
    struct pollfd lifeline = {.fd = PYW_LIFELINE_FD, .events = POLLIN};
    struct pyw_order order;
    int rv = 0;

    pyw_forking_settle();
    /* Orphans of this process are the supervisor's, whatever the application did. */
    (void)prctl(PR_SET_CHILD_SUBREAPER, 0);
    (void)prctl(PR_SET_NAME, "pywsgi-zygote");
    if (pyw_lifeline_say(PYW_LIFELINE_FD,
                         has_loaded ? PYW_WORD_LOADED : PYW_WORD_NOT_LOADED, -1) != 0) {
        _exit(0); /* the supervisor is gone */
    }
    for (;;) {
        int got = pyw_order_receive(PYW_LIFELINE_FD, &order);

        if (got == -EAGAIN) {
            (void)poll(&lifeline, 1, -1);
        } else if (got != 1) {
            _exit(0); /* the end of the lifeline; nothing runs here */
        } else if (fork_one(host, setup, &order, &rv)) {
            return rv;
        }
    }
}
