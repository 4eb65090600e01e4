#include "host/poller.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* A claim is generation << 2 | state; an event carries generation << 32 | index. */
enum claim_state { CLAIM_CLOSED = 0, CLAIM_IDLE = 1, CLAIM_BUSY = 2, CLAIM_MARKED = 3 };

#define CLAIM(generation, state) ((uint64_t)(generation) << 2 | (uint64_t)(state))
#define STOP_EVENT UINT64_MAX

struct pyw_poller {
    int epoll_fd;
    int stop_fd;
    _Atomic uint32_t open;
    _Atomic uint32_t used; /* channels[0, used) are set */
    pthread_mutex_t lock;
    struct {
        uint32_t free_count;
        uint32_t free_list[PYW_POLLER_CHANNELS_MAX]; /* of closed channels, last closed
                                                        first */
    } shared;
    struct pyw_channel *channels[PYW_POLLER_CHANNELS_MAX]; /* monitor sets; constant
                                                              once below `used` */
};

static int watch(struct pyw_poller *poller, int fd, uint32_t events, uint64_t mark)
{
    struct epoll_event event = {.events = events, .data.u64 = mark};

    return epoll_ctl(poller->epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0 ? 0 : -errno;
}

int pyw_poller_open(struct pyw_poller **poller)
{
    struct pyw_poller *made = calloc(1, sizeof(*made));
    int rv = 0;

    if (made == NULL) {
        return -ENOMEM;
    }
    pthread_mutex_init(&made->lock, NULL);
    made->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    made->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (made->epoll_fd < 0 || made->stop_fd < 0) {
        rv = -errno;
    }
    if (rv == 0) {
        /* Level-triggered and never read: once written, every waiting worker sees it.
         */
        rv = watch(made, made->stop_fd, EPOLLIN, STOP_EVENT);
    }
    if (rv != 0) {
        pyw_poller_free(made);
        return rv;
    }
    *poller = made;
    return 0;
}

void pyw_poller_free(struct pyw_poller *poller)
{
    if (poller == NULL) {
        return;
    }
    for (uint32_t i = 0; i < atomic_load(&poller->used); i++) {
        pyw_channel_close(poller->channels[i]);
        pthread_mutex_destroy(&poller->channels[i]->lock);
        free(poller->channels[i]);
    }
    if (poller->stop_fd >= 0) {
        close(poller->stop_fd);
    }
    if (poller->epoll_fd >= 0) {
        close(poller->epoll_fd);
    }
    pthread_mutex_destroy(&poller->lock);
    free(poller);
}

static struct pyw_channel *take_closed(struct pyw_poller *poller)
{
    struct pyw_channel *channel = NULL;

    pthread_mutex_lock(&poller->lock);
    if (poller->shared.free_count > 0) {
        channel =
            poller->channels[poller->shared.free_list[--poller->shared.free_count]];
    }
    pthread_mutex_unlock(&poller->lock);
    return channel;
}

static void give_closed(struct pyw_poller *poller, const struct pyw_channel *channel)
{
    pthread_mutex_lock(&poller->lock);
    poller->shared.free_list[poller->shared.free_count++] = channel->index;
    pthread_mutex_unlock(&poller->lock);
}

static struct pyw_channel *make_channel(struct pyw_poller *poller)
{
    uint32_t index = atomic_load(&poller->used);
    struct pyw_channel *channel;

    if (index == PYW_POLLER_CHANNELS_MAX) {
        return NULL;
    }
    channel = malloc(sizeof(*channel));
    if (channel != NULL) {
        pyw_channel_init(channel, index);
        poller->channels[index] = channel;
        atomic_store(&poller->used, index + 1);
    }
    return channel;
}

int pyw_poller_add(struct pyw_poller *poller, int fd)
{
    struct pyw_channel *channel = take_closed(poller);
    uint32_t generation;
    int rv;

    if (channel == NULL) {
        channel = make_channel(poller);
    }
    if (channel == NULL) {
        return -ENFILE;
    }
    pyw_channel_open(channel, fd);
    generation = (uint32_t)(atomic_load(&channel->claim) >> 2) + 1;
    atomic_fetch_add(&poller->open, 1);
    atomic_store(&channel->claim, CLAIM(generation, CLAIM_IDLE));
    rv = watch(poller, fd, EPOLLIN | EPOLLRDHUP | EPOLLET,
               (uint64_t)generation << 32 | channel->index);
    if (rv != 0) {
        channel->fd = -1; /* stays the caller's */
        atomic_store(&channel->claim, CLAIM(generation, CLAIM_CLOSED));
        atomic_fetch_sub(&poller->open, 1);
        give_closed(poller, channel);
    }
    return rv;
}

/* Claims the channel of an event, or leaves a mark with its owner. */
static struct pyw_channel *claim_event(struct pyw_channel *channel, uint64_t event)
{
    uint64_t idle = CLAIM(event >> 32, CLAIM_IDLE);
    uint64_t busy = CLAIM(event >> 32, CLAIM_BUSY);

    for (;;) {
        uint64_t seen = idle;

        if (atomic_compare_exchange_strong(&channel->claim, &seen, busy)) {
            return channel;
        }
        if (seen != busy) {
            return NULL; /* marked already, or closed */
        }
        if (atomic_compare_exchange_strong(&channel->claim, &seen,
                                           CLAIM(event >> 32, CLAIM_MARKED))) {
            return NULL;
        }
        /* Released in between: try again. */
    }
}

struct pyw_channel *pyw_poller_next(struct pyw_poller *poller)
{
    for (;;) {
        struct epoll_event event;
        struct pyw_channel *channel;
        int count = epoll_wait(poller->epoll_fd, &event, 1, -1);

        if (count < 0 && errno == EINTR) {
            continue;
        }
        if (count < 0 || event.data.u64 == STOP_EVENT) {
            return NULL; /* below zero: a process that the application forked, without
                            an epoll set */
        }
        channel = pyw_poller_at(poller, (uint32_t)event.data.u64);
        if ((event.events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0) {
            /* One event may tell of bytes and of the end behind them. Should it be an
             * old one, of a channel that was closed: the next reads once too often. */
            atomic_store(&channel->is_ending, true);
        }
        channel = claim_event(channel, event.data.u64);
        if (channel != NULL) {
            return channel;
        }
    }
}

bool pyw_poller_has_some(const struct pyw_poller *poller)
{
    struct pollfd events = {.fd = poller->epoll_fd, .events = POLLIN};

    return poll(&events, 1, 0) > 0;
}

static void set_events(struct pyw_poller *poller, struct pyw_channel *channel,
                       uint32_t events)
{
    uint64_t generation = atomic_load(&channel->claim) >> 2;
    struct epoll_event event = {.events = events | EPOLLET,
                                .data.u64 = generation << 32 | channel->index};

    /* Cannot fail for a descriptor that is in the set. */
    (void)epoll_ctl(poller->epoll_fd, EPOLL_CTL_MOD, channel->fd, &event);
}

void pyw_poller_mute(struct pyw_poller *poller, struct pyw_channel *channel)
{
    channel->is_muted = true;
    set_events(poller, channel, 0);
}

bool pyw_poller_release(struct pyw_poller *poller, struct pyw_channel *channel)
{
    uint64_t seen;

    if (channel->is_muted) {
        /* While it is still ours; what arrives from here on, or is there, leaves a mark
         * or an event. */
        channel->is_muted = false;
        set_events(poller, channel, EPOLLIN | EPOLLRDHUP);
    }
    seen = atomic_load(&channel->claim);
    if ((seen & 3) == CLAIM_BUSY &&
        atomic_compare_exchange_strong(&channel->claim, &seen,
                                       CLAIM(seen >> 2, CLAIM_IDLE))) {
        return true;
    }
    atomic_store(&channel->claim, CLAIM(seen >> 2, CLAIM_BUSY));
    return false;
}

void pyw_poller_hand_on(struct pyw_poller *poller, struct pyw_channel *channel)
{
    while (!pyw_poller_release(poller, channel)) {
        channel->is_muted = true; /* a worker has taken the event and left a mark */
    }
}

bool pyw_poller_is_marked(const struct pyw_channel *channel)
{
    return (atomic_load(&channel->claim) & 3) == CLAIM_MARKED;
}

void pyw_poller_close(struct pyw_poller *poller, struct pyw_channel *channel)
{
    pyw_channel_close(channel);
    atomic_store(&channel->claim,
                 CLAIM(atomic_load(&channel->claim) >> 2, CLAIM_CLOSED));
    give_closed(poller, channel);
    atomic_fetch_sub(&poller->open, 1);
}

struct pyw_channel *pyw_poller_at(struct pyw_poller *poller, uint32_t index)
{
    return index < atomic_load(&poller->used) ? poller->channels[index] : NULL;
}

uint32_t pyw_poller_used(const struct pyw_poller *poller)
{
    return atomic_load(&poller->used);
}

bool pyw_poller_claim(struct pyw_channel *channel)
{
    uint64_t seen = atomic_load(&channel->claim);

    return (seen & 3) == CLAIM_IDLE &&
           atomic_compare_exchange_strong(&channel->claim, &seen,
                                          CLAIM(seen >> 2, CLAIM_BUSY));
}

uint32_t pyw_poller_count(const struct pyw_poller *poller)
{
    return atomic_load(&poller->open);
}

void pyw_poller_stop(struct pyw_poller *poller)
{
    static const uint64_t one = 1;

    while (write(poller->stop_fd, &one, sizeof(one)) < 0 && errno == EINTR) {
    }
}

void pyw_poller_abandon(struct pyw_poller *poller)
{
    for (uint32_t i = 0; i < atomic_load(&poller->used); i++) {
        pyw_channel_abandon(poller->channels[i]);
    }
    close(poller->stop_fd);
    close(poller->epoll_fd);
    poller->stop_fd = -1;
    poller->epoll_fd = -1;
}
