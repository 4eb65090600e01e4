/* Monitor, poller and workers together, with C functions for applications: many
 * channels at once, channels that come and go, timeouts, every way to drain. What the
 * thread sanitizer is to look at. */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "channel/lifeline.h"
#include "channel/socket.h"
#include "fake_python.h"
#include "host/host.h"
#include "host/monitor.h"
#include "host/poller.h"
#include "host/worker.h"
#include "peer.h"
#include "suite.h"

#define THREADS 4

static struct pyw_setup setup;
static struct pyw_host host;
static char folder[64];
static char path[96];
static int lifeline[2];
static int notify[2];
static _Atomic int may_go_on; /* for applications that wait */
static int64_t queue_timeout_s;

static const struct pyw_reply_head ok = {200, PYW_SPAN("OK"), -1, 0, NULL};

/* --- applications --- */

static void say_hello(struct pyw_exchange *x)
{
    struct pyw_part part = {&ok, PYW_SPAN("hello"), true};
    int rv = x->ops->send(x, &part);

    x->ops->end(x, rv == 0 ? PYW_OUTCOME_OK : PYW_OUTCOME_GONE);
}

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

static void wait_for_leave(struct pyw_exchange *x)
{
    while (atomic_load(&may_go_on) == 0) {
        usleep(1000);
    }
    say_hello(x);
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

/* --- the process around --- */

static void start(void (*serve)(struct pyw_exchange *), int64_t timeout_s)
{
    struct pyw_table *table;
    int table_fd;

    strcpy(folder, "/tmp/pywsgi-host-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(path, sizeof(path), "%s/socket", folder);
    fake_python.serve = serve;
    setup.group = "test";
    setup.peer_uid = (uint32_t)geteuid();
    memset(setup.secret, 7, sizeof(setup.secret));
    pyw_options_init(&setup.options);
    setup.options.threads = THREADS;
    setup.options.request_timeout_s = timeout_s;
    setup.options.queue_timeout_s = queue_timeout_s;
    ck_assert_int_eq(pyw_table_create(1, 1, &table, &table_fd), 0);
    ck_assert_int_eq(pyw_host_init(&host, &setup, table), 0);
    ck_assert_int_eq(pyw_lifeline_open(lifeline), 0);
    ck_assert_int_eq(pipe(notify), 0);
    host.lifeline_fd = lifeline[0];
    host.notify_fd = notify[1];
    host.listener_fd = pyw_socket_listen(path, 100, (uid_t)-1);
    ck_assert_int_ge(host.listener_fd, 0);
    ck_assert_int_eq(pyw_monitor_start(&host), 0);
    ck_assert_int_eq(pyw_worker_start_all(&host), 0);
    atomic_store(&host.is_started, true);
    pyw_host_wake(&host);
}

/* Waits until the monitor says that Python may stop. */
static void finish(void)
{
    while (sem_wait(&host.end) != 0) {
        ck_assert_int_eq(errno, EINTR);
    }
    unlink(path);
    rmdir(folder);
}

static void join(struct peer *peer)
{
    int fd = pyw_socket_connect(path, pyw_clock_now_ms() + 5000);

    ck_assert_int_ge(fd, 0);
    peer_open(peer, fd);
    peer_send_hello(peer, &setup);
}

static void expect_hello(struct peer *peer)
{
    peer_expect(peer, PYW_FRAME_HEAD);
    peer_expect(peer, PYW_FRAME_DATA);
    peer_expect_end(peer, PYW_OUTCOME_OK);
}

/* --- tests --- */

static void *ask_often(void *unused)
{
    for (int round = 0; round < 10; round++) {
        struct peer peer;

        join(&peer);
        for (int i = 0; i < 30; i++) {
            peer_send_request(&peer, 0, "/");
            if (i == 0) {
                peer_expect(&peer, PYW_FRAME_HELLO);
            }
            expect_hello(&peer);
        }
        peer_close(&peer);
    }
    return unused;
}

START_TEST(channels_come_and_go)
{
    pthread_t clients[8];

    start(say_hello, 0);
    for (int i = 0; i < 8; i++) {
        pthread_create(&clients[i], NULL, ask_often, NULL);
    }
    for (int i = 0; i < 8; i++) {
        pthread_join(clients[i], NULL);
    }
    ck_assert_uint_eq(pyw_table_served(host.table, 0), 8 * 10 * 30);
    ck_assert_uint_eq(pyw_table_active(host.table, 0), 0);
    close(lifeline[1]);
    finish();
    ck_assert_int_eq(atomic_load(&fake_python.leavers), THREADS);
    ck_assert_uint_eq(pyw_poller_count(host.poller), 0);
}
END_TEST

static void *echo_often(void *unused)
{
    static const char piece[30000];
    struct peer peer;

    join(&peer);
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

    start(echo, 0);
    for (int i = 0; i < 8; i++) {
        pthread_create(&clients[i], NULL, echo_often, NULL);
    }
    for (int i = 0; i < 8; i++) {
        pthread_join(clients[i], NULL);
    }
    atomic_store(&host.wants_end, true);
    pyw_host_wake(&host);
    finish();
}
END_TEST

/* Leaves in the middle of everything. */
static void *leave_often(void *unused)
{
    for (int i = 0; i < 100; i++) {
        struct peer peer;

        join(&peer);
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

    start(stream, 0);
    for (int i = 0; i < 4; i++) {
        pthread_create(&clients[i], NULL, leave_often, NULL);
    }
    for (int i = 0; i < 4; i++) {
        pthread_join(clients[i], NULL);
    }
    close(lifeline[1]);
    finish();
    ck_assert_uint_eq(pyw_table_active(host.table, 0), 0);
}
END_TEST

START_TEST(timeouts_while_others_are_served)
{
    struct peer peers[3];

    start(stream, 1);
    for (int i = 0; i < 3; i++) {
        join(&peers[i]);
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
    close(lifeline[1]);
    finish();
}
END_TEST

START_TEST(all_workers_stuck)
{
    struct peer peers[THREADS];

    start(wait_for_leave, 1);
    for (int i = 0; i < THREADS; i++) {
        join(&peers[i]);
        peer_expect(&peers[i], PYW_FRAME_HELLO);
        peer_send_request(&peers[i], 0, "/");
    }
    for (int i = 0; i < THREADS; i++) {
        peer_expect(&peers[i], PYW_FRAME_LOG);
        peer_expect_end(&peers[i], PYW_OUTCOME_TIMEOUT);
    }
    finish();
    atomic_store(&may_go_on, 1);
    ck_assert_int_eq(pyw_table_report_of(host.table, 0, 0), PYW_REPORT_DRAINING);
}
END_TEST

/* All workers in a request each. */
static void keep_busy(struct peer *peers)
{
    for (int i = 0; i < THREADS; i++) {
        join(&peers[i]);
        peer_expect(&peers[i], PYW_FRAME_HELLO);
        peer_send_request(&peers[i], 0, "/");
    }
    while (pyw_table_active(host.table, 0) < THREADS) {
        usleep(1000);
    }
}

START_TEST(requests_that_wait_too_long)
{
    static const char body[200000];
    struct peer busy[THREADS];
    struct peer greeted;
    struct peer new;
    struct peer late;

    queue_timeout_s = 1;
    start(wait_for_leave, 0);
    join(&greeted);
    peer_expect(&greeted, PYW_FRAME_HELLO);
    keep_busy(busy);
    peer_send_request(&greeted, PYW_REQUEST_HAS_BODY, "/greeted");
    peer_send(&greeted, PYW_FRAME_BODY, 0, body, sizeof(body) / 4);
    join(&new);
    peer_send_request(&new, 0, "/new");
    peer_expect(&greeted, PYW_FRAME_LOG);
    peer_expect_end(&greeted, PYW_OUTCOME_TIMEOUT);
    ck_assert_int_eq(peer_receive(&greeted), 0);
    peer_expect(&new, PYW_FRAME_HELLO);
    peer_expect(&new, PYW_FRAME_LOG);
    ck_assert_ptr_nonnull(
        memmem(new.payload.data, new.payload.len, "GET /new waited", 15));
    peer_expect_end(&new, PYW_OUTCOME_TIMEOUT);
    while (pyw_table_active(host.table, 0) > THREADS) {
        usleep(1000);
    }
    ck_assert_uint_eq(pyw_table_served(host.table, 0), 2); /* by no worker */
    join(&late);
    peer_send_request(&late, 0, "/late");
    usleep(200000); /* several looks, which find it in time */
    atomic_store(&may_go_on, 1);
    peer_expect(&late, PYW_FRAME_HELLO);
    expect_hello(&late);
    for (int i = 0; i < THREADS; i++) {
        expect_hello(&busy[i]);
    }
    close(lifeline[1]);
    finish();
    ck_assert_uint_eq(pyw_table_active(host.table, 0), 0);
}
END_TEST

static void nap(struct pyw_exchange *x)
{
    usleep(3000);
    say_hello(x);
}

/* Looking loses no event: every request is served while the monitor looks all the
 * time. */
START_TEST(requests_that_are_looked_at)
{
    pthread_t clients[16];

    queue_timeout_s = 60;
    start(nap, 0);
    for (int i = 0; i < 16; i++) {
        pthread_create(&clients[i], NULL, ask_often, NULL);
    }
    for (int i = 0; i < 16; i++) {
        pthread_join(clients[i], NULL);
    }
    ck_assert_uint_eq(pyw_table_served(host.table, 0), 16 * 10 * 30);
    close(lifeline[1]);
    finish();
}
END_TEST

/* It wishes successors, once, and serves on until one is ready. */
START_TEST(a_stale_script)
{
    enum pyw_wish wish = PYW_WISH_NONE;
    struct peer idle;
    struct peer peer;

    start(say_hello, 0);
    join(&idle);
    peer_expect(&idle, PYW_FRAME_HELLO);
    join(&peer);
    peer_expect(&peer, PYW_FRAME_HELLO);
    atomic_store(&fake_python.is_stale, true);
    peer_send_request(&peer, PYW_REQUEST_RELOAD, "/");
    expect_hello(&peer);
    ck_assert_uint_eq(pyw_table_wishes(host.table, 0, &wish), 1);
    ck_assert_int_eq(wish, PYW_WISH_REPLACE_ALL);
    ck_assert_int_eq(pyw_host_phase(&host), PYW_PHASE_SERVING);
    ck_assert_int_eq(pyw_lifeline_say(lifeline[1], PYW_WORD_DRAIN, -1), 0);
    ck_assert_int_eq(peer_receive(&peer), 0);
    ck_assert_int_eq(peer_receive(&idle), 0);
    ck_assert_str_eq(atomic_load(&host.stop_reason), "script_reload");
    finish();
}
END_TEST

/* Whatever comes after it: its reason is what the application is told. */
START_TEST(the_first_wish_counts)
{
    enum pyw_wish wish = PYW_WISH_NONE;
    struct peer peer;

    start(say_hello, 0);
    join(&peer);
    peer_expect(&peer, PYW_FRAME_HELLO);
    pyw_host_ask_handover(&host, PYW_REASON_RSS);
    while (pyw_table_wishes(host.table, 0, &wish) < 1) {
        usleep(1000);
    }
    pyw_host_ask_handover(&host, PYW_REASON_SIGNAL);
    pyw_host_ask_handover(&host, PYW_REASON_RSS);
    while (pyw_table_wishes(host.table, 0, &wish) < 2) {
        usleep(1000);
    }
    ck_assert_int_eq(wish, PYW_WISH_REPLACE);
    ck_assert_int_eq(pyw_host_phase(&host), PYW_PHASE_SERVING);
    peer_send_request(&peer, 0, "/");
    expect_hello(&peer);
    ck_assert_int_eq(pyw_lifeline_say(lifeline[1], PYW_WORD_DRAIN, -1), 0);
    ck_assert_int_eq(peer_receive(&peer), 0);
    ck_assert_str_eq(atomic_load(&host.stop_reason), "reload_on_rss");
    finish();
}
END_TEST

START_TEST(what_all_threads_do)
{
    struct peer busy[THREADS];
    char text[4096] = "";
    size_t len = 0;
    ssize_t got;
    int pipes[2];

    start(wait_for_leave, 0);
    join(&busy[0]);
    peer_expect(&busy[0], PYW_FRAME_HELLO);
    peer_send_request(&busy[0], 0, "/page\033[1m?x=1");
    while (pyw_table_active(host.table, 0) == 0) {
        usleep(1000);
    }
    ck_assert_int_eq(pipe(pipes), 0);
    ck_assert_int_eq(pyw_lifeline_say(lifeline[1], PYW_WORD_STACKS, pipes[1]), 0);
    close(pipes[1]);
    while ((got = read(pipes[0], text + len, sizeof(text) - 1 - len)) > 0) {
        len += (size_t)got;
    }
    ck_assert_msg(strstr(text, "of group 'test', serving, ") != NULL, "%s", text);
    ck_assert_msg(strstr(text, ": GET /page?[1m?x=1, 0.") != NULL, "%s", text);
    ck_assert_msg(strstr(text, "3 of 4 threads wait for requests.\n") != NULL, "%s",
                  text);
    ck_assert_int_eq(atomic_load(&fake_python.dumps), 1);
    atomic_store(&may_go_on, 1);
    expect_hello(&busy[0]);
    close(pipes[0]);
    close(lifeline[1]);
    finish();
}
END_TEST

static void *ask_until_refused(void *argument)
{
    uint64_t *answered = argument;
    struct peer peer;

    join(&peer);
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

    start(say_hello, 0);
    for (int i = 0; i < 12; i++) {
        pthread_create(&clients[i], NULL, ask_until_refused, &answered[i]);
    }
    while (pyw_table_served(host.table, 0) < 2000) {
        usleep(1000);
    }
    ck_assert_int_eq(pyw_lifeline_say(lifeline[1], PYW_WORD_DRAIN, -1), 0);
    for (int i = 0; i < 12; i++) {
        pthread_join(clients[i], NULL);
        total += answered[i];
    }
    finish();
    ck_assert_uint_eq(pyw_table_served(host.table, 0), total);
}
END_TEST

START_TEST(what_is_cut_at_the_end_is_told)
{
    struct peer peer;

    start(stream, 0);
    join(&peer);
    peer_expect(&peer, PYW_FRAME_HELLO);
    peer_send_request(&peer, 0, "/");
    peer_expect(&peer, PYW_FRAME_HEAD);
    close(lifeline[1]);
    while (peer_receive(&peer) == PYW_FRAME_DATA) {
    }
    finish();
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {channels_come_and_go,
                                  bodies_both_ways,
                                  children_that_leave,
                                  timeouts_while_others_are_served,
                                  all_workers_stuck,
                                  requests_that_wait_too_long,
                                  requests_that_are_looked_at,
                                  a_stale_script,
                                  the_first_wish_counts,
                                  what_all_threads_do,
                                  draining_under_load,
                                  what_is_cut_at_the_end_is_told,
                                  NULL};

    return suite_run("threads", tests);
}
