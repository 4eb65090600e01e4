/* Monitor, poller and workers together, with C functions for applications: many
 * channels at once, channels that come and go, timeouts, every way to drain. What the
 * thread sanitizer is to look at. */
#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include "channel/lifeline.h"
#include "fake_python.h"
#include "host/gate.h"
#include "host/host.h"
#include "host/poller.h"
#include "peer.h"
#include "process.h"
#include "suite.h"

static const struct pyw_reply_head ok = {200, PYW_SPAN("OK"), -1, 0, NULL};

/* --- applications --- */

static void echo(struct pyw_exchange *x)
{
    struct pyw_part part = {&ok, PYW_SPAN(""), false};
    char buffer[10000];
    ssize_t got;
    int rv = x->ops->send(x, &part);

    part.head = NULL;
    while (rv == 0 && (got = x->ops->read_body(x, buffer, sizeof(buffer), true)) > 0) {
        part.body = (struct pyw_span){buffer, (size_t)got};
        rv = x->ops->send(x, &part);
        if (rv == -EAGAIN) {
            rv = x->ops->finish_send(x);
        }
        x->ops->log(x, PYW_LEVEL_DEBUG, "piece", 5);
    }
    x->ops->end(x, rv == 0 ? PYW_OUTCOME_OK : PYW_OUTCOME_GONE);
}

static void stream(struct pyw_exchange *x)
{
    static const char piece[20000];
    struct pyw_part part = {&ok, {piece, sizeof(piece)}, false};
    int rv;

    do {
        rv = x->ops->send(x, &part);
        if (rv == -EAGAIN) {
            rv = x->ops->finish_send(x);
        }
        part.head = NULL;
    } while (rv == 0);
    x->ops->end(x, PYW_OUTCOME_GONE);
}

/* --- tests --- */

START_TEST(channels_come_and_go)
{
    pthread_t clients[8];

    process_start(process_say_hello, 0);
    for (int i = 0; i < 8; i++) {
        pthread_create(&clients[i], NULL, process_ask_often, NULL);
    }
    for (int i = 0; i < 8; i++) {
        pthread_join(clients[i], NULL);
    }
    ck_assert_uint_eq(pyw_table_served(process_host.table, 0), 8 * 10 * 30);
    ck_assert_uint_eq(pyw_table_active(process_host.table, 0), 0);
    close(process_lifeline[1]);
    process_finish();
    ck_assert_int_eq(atomic_load(&fake_python.leavers), PROCESS_THREADS);
    ck_assert_uint_eq(pyw_poller_count(process_host.poller), 0);
}
END_TEST

static void *echo_often(void *unused)
{
    static const char piece[30000];
    struct peer peer;

    process_join(&peer);
    peer_expect(&peer, PYW_FRAME_HELLO);
    for (int i = 0; i < 20; i++) {
        size_t left = sizeof(piece) * 3;
        int type;

        peer_send_request(&peer, PYW_REQUEST_HAS_BODY, "/");
        for (int part = 0; part < 3; part++) {
            peer_send(&peer, PYW_FRAME_BODY, 0, piece, sizeof(piece));
        }
        peer_send(&peer, PYW_FRAME_BODY_END, 0, NULL, 0);
        while ((type = peer_receive(&peer)) != PYW_FRAME_END) {
            ck_assert_int_ne(type, 0);
            left -= type == PYW_FRAME_DATA ? peer.payload.len : 0;
        }
        ck_assert_uint_eq(left, 0);
    }
    peer_close(&peer);
    return unused;
}

START_TEST(bodies_both_ways)
{
    pthread_t clients[8];

    process_start(echo, 0);
    for (int i = 0; i < 8; i++) {
        pthread_create(&clients[i], NULL, echo_often, NULL);
    }
    for (int i = 0; i < 8; i++) {
        pthread_join(clients[i], NULL);
    }
    atomic_store(&process_host.wants_end, true);
    pyw_host_wake(&process_host);
    process_finish();
}
END_TEST

/* Leaves in the middle of everything. */
static void *leave_often(void *unused)
{
    for (int i = 0; i < 100; i++) {
        struct peer peer;

        process_join(&peer);
        peer_send_request(&peer, i % 2 == 0 ? PYW_REQUEST_HAS_BODY : 0, "/");
        if (i % 3 == 0) {
            (void)peer_receive(&peer);
        }
        if (i % 5 == 0) {
            peer_send_abort(&peer, PYW_ABORT_CLIENT_GONE);
        }
        peer_close(&peer);
    }
    return unused;
}

START_TEST(children_that_leave)
{
    pthread_t clients[4];

    process_start(stream, 0);
    for (int i = 0; i < 4; i++) {
        pthread_create(&clients[i], NULL, leave_often, NULL);
    }
    for (int i = 0; i < 4; i++) {
        pthread_join(clients[i], NULL);
    }
    close(process_lifeline[1]);
    process_finish();
    ck_assert_uint_eq(pyw_table_active(process_host.table, 0), 0);
}
END_TEST

START_TEST(timeouts_while_others_are_served)
{
    struct peer peers[3];

    process_start(stream, 1);
    for (int i = 0; i < 3; i++) {
        process_join(&peers[i]);
        peer_expect(&peers[i], PYW_FRAME_HELLO);
        peer_send_request(&peers[i], 0, "/");
    }
    for (int i = 0; i < 3; i++) {
        int type;

        do {
            type = peer_receive(&peers[i]);
        } while (type == PYW_FRAME_HEAD || type == PYW_FRAME_DATA);
        /* In the middle of a frame there is no END: the channel closes. */
        ck_assert_msg(type == PYW_FRAME_LOG || type == 0, "%d", type);
        peer_close(&peers[i]);
    }
    while (atomic_load(&fake_python.dumps) == 0) {
        usleep(1000);
    }
    close(process_lifeline[1]);
    process_finish();
}
END_TEST

START_TEST(all_workers_stuck)
{
    struct peer peers[PROCESS_THREADS];

    process_start(process_wait_for_leave, 1);
    for (int i = 0; i < PROCESS_THREADS; i++) {
        process_join(&peers[i]);
        peer_expect(&peers[i], PYW_FRAME_HELLO);
        peer_send_request(&peers[i], 0, "/");
    }
    for (int i = 0; i < PROCESS_THREADS; i++) {
        peer_expect(&peers[i], PYW_FRAME_LOG);
        peer_expect_end(&peers[i], PYW_OUTCOME_TIMEOUT);
    }
    process_finish();
    atomic_store(&process_may_go_on, 1);
    ck_assert_int_eq(pyw_table_report_of(process_host.table, 0, 0),
                     PYW_REPORT_DRAINING);
}
END_TEST

/* It wishes successors, once, and serves on until one is ready. */
START_TEST(a_stale_script)
{
    enum pyw_wish wish = PYW_WISH_NONE;
    struct peer idle;
    struct peer peer;

    process_start(process_say_hello, 0);
    process_join(&idle);
    peer_expect(&idle, PYW_FRAME_HELLO);
    process_join(&peer);
    peer_expect(&peer, PYW_FRAME_HELLO);
    atomic_store(&fake_python.is_stale, true);
    peer_send_request(&peer, PYW_REQUEST_RELOAD, "/");
    process_expect_hello(&peer);
    ck_assert_uint_eq(pyw_table_wishes(process_host.table, 0, &wish), 1);
    ck_assert_int_eq(wish, PYW_WISH_REPLACE_ALL);
    ck_assert_int_eq(pyw_host_phase(&process_host), PYW_PHASE_SERVING);
    ck_assert_int_eq(pyw_lifeline_say(process_lifeline[1], PYW_WORD_DRAIN, -1), 0);
    ck_assert_int_eq(peer_receive(&peer), 0);
    ck_assert_int_eq(peer_receive(&idle), 0);
    ck_assert_str_eq(atomic_load(&process_host.stop_reason), "script_reload");
    process_finish();
}
END_TEST

/* Whatever comes after it: its reason is what the application is told. */
START_TEST(the_first_wish_counts)
{
    enum pyw_wish wish = PYW_WISH_NONE;
    struct peer peer;

    process_start(process_say_hello, 0);
    process_join(&peer);
    peer_expect(&peer, PYW_FRAME_HELLO);
    pyw_host_ask_handover(&process_host, PYW_REASON_RSS);
    while (pyw_table_wishes(process_host.table, 0, &wish) < 1) {
        usleep(1000);
    }
    pyw_host_ask_handover(&process_host, PYW_REASON_SIGNAL);
    pyw_host_ask_handover(&process_host, PYW_REASON_RSS);
    while (pyw_table_wishes(process_host.table, 0, &wish) < 2) {
        usleep(1000);
    }
    ck_assert_int_eq(wish, PYW_WISH_REPLACE);
    ck_assert_int_eq(pyw_host_phase(&process_host), PYW_PHASE_SERVING);
    peer_send_request(&peer, 0, "/");
    process_expect_hello(&peer);
    ck_assert_int_eq(pyw_lifeline_say(process_lifeline[1], PYW_WORD_DRAIN, -1), 0);
    ck_assert_int_eq(peer_receive(&peer), 0);
    ck_assert_str_eq(atomic_load(&process_host.stop_reason), "reload_on_rss");
    process_finish();
}
END_TEST

START_TEST(what_all_threads_do)
{
    struct peer busy[PROCESS_THREADS];
    char text[4096] = "";
    size_t len = 0;
    ssize_t got;
    int pipes[2];

    process_start(process_wait_for_leave, 0);
    process_join(&busy[0]);
    peer_expect(&busy[0], PYW_FRAME_HELLO);
    peer_send_request(&busy[0], 0, "/page\033[1m?x=1");
    while (pyw_table_active(process_host.table, 0) == 0) {
        usleep(1000);
    }
    ck_assert_int_eq(pipe(pipes), 0);
    ck_assert_int_eq(pyw_lifeline_say(process_lifeline[1], PYW_WORD_STACKS, pipes[1]),
                     0);
    close(pipes[1]);
    while ((got = read(pipes[0], text + len, sizeof(text) - 1 - len)) > 0) {
        len += (size_t)got;
    }
    ck_assert_msg(strstr(text, "of group 'test', serving, ") != NULL, "%s", text);
    ck_assert_msg(strstr(text, ": GET /page?[1m?x=1, 0.") != NULL, "%s", text);
    ck_assert_msg(strstr(text, "3 of 4 threads wait for requests.\n") != NULL, "%s",
                  text);
    ck_assert_int_eq(atomic_load(&fake_python.dumps), 1);
    atomic_store(&process_may_go_on, 1);
    process_expect_hello(&busy[0]);
    close(pipes[0]);
    close(process_lifeline[1]);
    process_finish();
}
END_TEST

/* --- the gate --- */

static atomic_bool waits;

static void hello_or_wait(struct pyw_exchange *x)
{
    if (atomic_load(&waits)) {
        process_wait_for_leave(x);
    } else {
        process_say_hello(x);
    }
}

/* Short requests, until some of the threads are parked. */
static void park_some(void)
{
    pthread_t clients[3];

    while (pyw_gate_limit(process_host.gate) == PROCESS_THREADS) {
        for (int i = 0; i < 3; i++) {
            pthread_create(&clients[i], NULL, process_ask_often, NULL);
        }
        for (int i = 0; i < 3; i++) {
            pthread_join(clients[i], NULL);
        }
    }
}

/* However few are let out: requests that wait hold nobody up. */
START_TEST(all_threads_where_requests_wait)
{
    struct peer busy[PROCESS_THREADS];

    process_start(hello_or_wait, 0);
    park_some();
    atomic_store(&waits, true);
    process_keep_busy(busy);
    atomic_store(&process_may_go_on, 1);
    for (int i = 0; i < PROCESS_THREADS; i++) {
        process_expect_hello(&busy[i]);
    }
    close(process_lifeline[1]);
    process_finish();
    ck_assert_int_eq(atomic_load(&fake_python.leavers), PROCESS_THREADS);
}
END_TEST

START_TEST(the_end_with_parked_threads)
{
    process_start(process_say_hello, 0);
    park_some();
    close(process_lifeline[1]);
    process_finish();
    ck_assert_int_eq(atomic_load(&fake_python.leavers), PROCESS_THREADS);
}
END_TEST

static void *ask_until_refused(void *argument)
{
    uint64_t *answered = argument;
    struct peer peer;

    process_join(&peer);
    peer_expect(&peer, PYW_FRAME_HELLO);
    for (;;) {
        int type;

        peer_send_request(&peer, 0, "/");
        type = peer_receive(&peer);
        if (type != PYW_FRAME_HEAD) {
            ck_assert(type == PYW_FRAME_REFUSE || type == 0);
            break;
        }
        peer_expect(&peer, PYW_FRAME_DATA);
        peer_expect_end(&peer, PYW_OUTCOME_OK);
        (*answered)++;
    }
    peer_close(&peer);
    return NULL;
}

START_TEST(draining_under_load)
{
    uint64_t answered[12] = {0};
    uint64_t total = 0;
    pthread_t clients[12];

    process_start(process_say_hello, 0);
    for (int i = 0; i < 12; i++) {
        pthread_create(&clients[i], NULL, ask_until_refused, &answered[i]);
    }
    while (pyw_table_served(process_host.table, 0) < 2000) {
        usleep(1000);
    }
    ck_assert_int_eq(pyw_lifeline_say(process_lifeline[1], PYW_WORD_DRAIN, -1), 0);
    for (int i = 0; i < 12; i++) {
        pthread_join(clients[i], NULL);
        total += answered[i];
    }
    process_finish();
    ck_assert_uint_eq(pyw_table_served(process_host.table, 0), total);
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
START_TEST(draining_with_a_request_behind_a_body)
{
    struct peer busy[PROCESS_THREADS];
    struct peer peer;

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
    close(process_lifeline[1]);
    peer_expect(&peer, PYW_FRAME_REFUSE);
    ck_assert_int_eq(peer_receive(&peer), 0);
    atomic_store(&process_may_go_on, 1);
    for (int i = 0; i < PROCESS_THREADS; i++) {
        process_expect_hello(&busy[i]);
    }
    process_finish();
}
END_TEST

START_TEST(what_is_cut_at_the_end_is_told)
{
    struct peer peer;

    process_start(stream, 0);
    process_join(&peer);
    peer_expect(&peer, PYW_FRAME_HELLO);
    peer_send_request(&peer, 0, "/");
    peer_expect(&peer, PYW_FRAME_HEAD);
    close(process_lifeline[1]);
    while (peer_receive(&peer) == PYW_FRAME_DATA) {
    }
    process_finish();
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {channels_come_and_go,
                                  bodies_both_ways,
                                  children_that_leave,
                                  timeouts_while_others_are_served,
                                  all_workers_stuck,
                                  all_threads_where_requests_wait,
                                  the_end_with_parked_threads,
                                  a_stale_script,
                                  the_first_wish_counts,
                                  what_all_threads_do,
                                  draining_under_load,
                                  draining_with_a_request_behind_a_body,
                                  what_is_cut_at_the_end_is_told,
                                  NULL};

    return suite_run("threads", tests);
}
