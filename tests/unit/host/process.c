#include "process.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "channel/lifeline.h"
#include "channel/socket.h"
#include "fake_python.h"
#include "host/monitor.h"
#include "host/worker.h"
#include "suite.h"

struct pyw_setup process_setup;
struct pyw_host process_host;
int process_lifeline[2];
_Atomic int process_may_go_on;
int64_t process_queue_timeout_s;

static char folder[64];
static char path[96];
static int notify[2];

void process_say_hello(struct pyw_exchange *x)
{
    static const struct pyw_reply_head ok = {200, PYW_SPAN("OK"), -1, 0, NULL};
    struct pyw_part part = {&ok, PYW_SPAN("hello"), true};
    int rv = x->ops->send(x, &part);

    x->ops->end(x, rv == 0 ? PYW_OUTCOME_OK : PYW_OUTCOME_GONE);
}

void process_wait_for_leave(struct pyw_exchange *x)
{
    while (atomic_load(&process_may_go_on) == 0) {
        usleep(1000);
    }
    process_say_hello(x);
}

void process_start(void (*serve)(struct pyw_exchange *), int64_t timeout_s)
{
    struct pyw_table *table;
    int table_fd;

    strcpy(folder, "/tmp/pywsgi-host-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(path, sizeof(path), "%s/socket", folder);
    fake_python.serve = serve;
    process_setup.group = "test";
    process_setup.peer_uid = (uint32_t)geteuid();
    memset(process_setup.secret, 7, sizeof(process_setup.secret));
    pyw_options_init(&process_setup.options);
    process_setup.options.threads = PROCESS_THREADS;
    process_setup.options.request_timeout_s = timeout_s;
    process_setup.options.queue_timeout_s = process_queue_timeout_s;
    ck_assert_int_eq(pyw_table_create(1, 1, &table, &table_fd), 0);
    ck_assert_int_eq(pyw_host_init(&process_host, &process_setup, table), 0);
    ck_assert_int_eq(pyw_lifeline_open(process_lifeline), 0);
    ck_assert_int_eq(pipe(notify), 0);
    process_host.lifeline_fd = process_lifeline[0];
    process_host.notify_fd = notify[1];
    process_host.listener_fd = pyw_socket_listen(path, 100, (uid_t)-1);
    ck_assert_int_ge(process_host.listener_fd, 0);
    ck_assert_int_eq(pyw_monitor_start(&process_host), 0);
    ck_assert_int_eq(pyw_worker_start_all(&process_host), 0);
    atomic_store(&process_host.is_started, true);
    pyw_host_wake(&process_host);
}

void process_finish(void)
{
    while (sem_wait(&process_host.end) != 0) {
        ck_assert_int_eq(errno, EINTR);
    }
    unlink(path);
    rmdir(folder);
}

void process_join(struct peer *peer)
{
    int fd = pyw_socket_connect(path, pyw_clock_now_ms() + 5000);

    ck_assert_int_ge(fd, 0);
    peer_open(peer, fd);
    peer_send_hello(peer, &process_setup);
}

void process_expect_hello(struct peer *peer)
{
    peer_expect(peer, PYW_FRAME_HEAD);
    peer_expect(peer, PYW_FRAME_DATA);
    peer_expect_end(peer, PYW_OUTCOME_OK);
}

void *process_ask_often(void *unused)
{
    for (int round = 0; round < 10; round++) {
        struct peer peer;

        process_join(&peer);
        for (int i = 0; i < 30; i++) {
            peer_send_request(&peer, 0, "/");
            if (i == 0) {
                peer_expect(&peer, PYW_FRAME_HELLO);
            }
            process_expect_hello(&peer);
        }
        peer_close(&peer);
    }
    return unused;
}

void process_keep_busy(struct peer *peers)
{
    for (int i = 0; i < PROCESS_THREADS; i++) {
        process_join(&peers[i]);
        peer_expect(&peers[i], PYW_FRAME_HELLO);
        peer_send_request(&peers[i], 0, "/");
    }
    while (pyw_table_active(process_host.table, 0) < PROCESS_THREADS) {
        usleep(1000);
    }
}
