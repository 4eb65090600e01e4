/* Claims: whoever owns a channel, no event is lost. */
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include "host/poller.h"
#include "suite.h"

static struct pyw_poller *poller;
static int ends[2];

static void begin(void)
{
    ck_assert_int_eq(pyw_poller_open(&poller), 0);
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    ck_assert_int_eq(pyw_poller_add(poller, ends[0]), 0);
}

/* A worker that is free: waits until it owns a channel. */
static void *wait_for_one(void *unused)
{
    (void)unused;
    return pyw_poller_next(poller);
}

static void send_byte(void)
{
    ck_assert_int_eq(write(ends[1], "x", 1), 1);
}

START_TEST(what_arrives_at_an_idle_channel)
{
    begin();
    send_byte();
    ck_assert_ptr_eq(pyw_poller_next(poller), pyw_poller_at(poller, 0));
    ck_assert(!pyw_poller_claim(pyw_poller_at(poller, 0)));
    ck_assert(pyw_poller_release(poller, pyw_poller_at(poller, 0)));
    ck_assert(pyw_poller_claim(pyw_poller_at(poller, 0)));
}
END_TEST

/* The monitor owns it just when a worker takes the event. */
START_TEST(handed_on_with_a_mark)
{
    struct pyw_channel *channel;
    void *found = NULL;
    pthread_t worker;

    begin();
    channel = pyw_poller_at(poller, 0);
    ck_assert(pyw_poller_claim(channel));
    pthread_create(&worker, NULL, wait_for_one, NULL);
    send_byte();
    while (!pyw_poller_is_marked(channel)) {
        usleep(100);
    }
    pyw_poller_hand_on(poller, channel);
    pthread_join(worker, &found);
    ck_assert_ptr_eq(found, channel);
}
END_TEST

/* Nobody has taken the event yet, or it was read in part. */
START_TEST(handed_on_unseen)
{
    struct pyw_channel *channel;

    begin();
    channel = pyw_poller_at(poller, 0);
    ck_assert(pyw_poller_claim(channel));
    send_byte();
    pyw_poller_hand_on(poller, channel);
    ck_assert_ptr_eq(pyw_poller_next(poller), channel);
    pyw_poller_mute(poller, channel);
    pyw_poller_hand_on(poller, channel);
    ck_assert_ptr_eq(pyw_poller_next(poller), channel);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {what_arrives_at_an_idle_channel,
                                  handed_on_with_a_mark, handed_on_unseen, NULL};

    return suite_run("poller", tests);
}
