/* queue-timeout of requests that nobody has picked up: the monitor answers them while
 * all workers are busy, and takes nothing from others.
 */
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include "host/host.h"
#include "peer.h"
#include "process.h"
#include "suite.h"

START_TEST(requests_that_wait_too_long)
{
    static const char body[200000];
    struct peer busy[PROCESS_THREADS];
    struct peer greeted;
    struct peer new;
    struct peer late;

    process_queue_timeout_s = 1;
    process_start(process_wait_for_leave, 0);
    process_join(&greeted);
    peer_expect(&greeted, PYW_FRAME_HELLO);
    process_keep_busy(busy);
    peer_send_request(&greeted, PYW_REQUEST_HAS_BODY, "/greeted");
    peer_send(&greeted, PYW_FRAME_BODY, 0, body, sizeof(body) / 4);
    process_join(&new);
    peer_send_request(&new, 0, "/new");
    peer_expect(&greeted, PYW_FRAME_LOG);
    peer_expect_end(&greeted, PYW_OUTCOME_TIMEOUT);
    ck_assert_int_eq(peer_receive(&greeted), 0);
    peer_expect(&new, PYW_FRAME_HELLO);
    peer_expect(&new, PYW_FRAME_LOG);
    ck_assert_ptr_nonnull(
        memmem(new.payload.data, new.payload.len, "GET /new waited", 15));
    peer_expect_end(&new, PYW_OUTCOME_TIMEOUT);
    while (pyw_table_active(process_host.table, 0) > PROCESS_THREADS) {
        usleep(1000);
    }
    ck_assert_uint_eq(pyw_table_served(process_host.table, 0), 2); /* by no worker */
    process_join(&late);
    peer_send_request(&late, 0, "/late");
    usleep(200000); /* several looks, which find it in time */
    atomic_store(&process_may_go_on, 1);
    peer_expect(&late, PYW_FRAME_HELLO);
    process_expect_hello(&late);
    for (int i = 0; i < PROCESS_THREADS; i++) {
        process_expect_hello(&busy[i]);
    }
    close(process_lifeline[1]);
    process_finish();
    ck_assert_uint_eq(pyw_table_active(process_host.table, 0), 0);
}
END_TEST

/* Answers what has a body at once, without a look at it. */
static void wait_without_body(struct pyw_exchange *x)
{
    if ((x->head->flags & PYW_REQUEST_HAS_BODY) != 0) {
        process_say_hello(x);
    } else {
        process_wait_for_leave(x);
    }
}

/* In front of the request is the end of a body that the one before did not read. */
START_TEST(a_request_that_waits_behind_a_body)
{
    struct peer busy[PROCESS_THREADS];
    struct peer peer;

    process_queue_timeout_s = 1;
    process_start(wait_without_body, 0);
    process_join(&peer);
    peer_expect(&peer, PYW_FRAME_HELLO);
    peer_send_request(&peer, PYW_REQUEST_HAS_BODY, "/");
    peer_send(&peer, PYW_FRAME_BODY, 0, "body", 4);
    peer_expect(&peer, PYW_FRAME_ADMIT);
    process_expect_hello(&peer);
    process_keep_busy(busy);
    peer_send(&peer, PYW_FRAME_BODY, 0, "more", 4);
    peer_send(&peer, PYW_FRAME_BODY_END, 0, NULL, 0);
    peer_send_request(&peer, 0, "/waits");
    peer_expect(&peer, PYW_FRAME_LOG);
    peer_expect_end(&peer, PYW_OUTCOME_TIMEOUT);
    atomic_store(&process_may_go_on, 1);
    for (int i = 0; i < PROCESS_THREADS; i++) {
        process_expect_hello(&busy[i]);
    }
    close(process_lifeline[1]);
    process_finish();
}
END_TEST

static void nap(struct pyw_exchange *x)
{
    usleep(3000);
    process_say_hello(x);
}

/* Looking loses no event: every request is served while the monitor looks all the
 * time. */
START_TEST(requests_that_are_looked_at)
{
    pthread_t clients[16];

    process_queue_timeout_s = 60;
    process_start(nap, 0);
    for (int i = 0; i < 16; i++) {
        pthread_create(&clients[i], NULL, process_ask_often, NULL);
    }
    for (int i = 0; i < 16; i++) {
        pthread_join(clients[i], NULL);
    }
    ck_assert_uint_eq(pyw_table_served(process_host.table, 0), 16 * 10 * 30);
    close(process_lifeline[1]);
    process_finish();
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {requests_that_wait_too_long,
                                  a_request_that_waits_behind_a_body,
                                  requests_that_are_looked_at, NULL};

    return suite_run("queue", tests);
}
