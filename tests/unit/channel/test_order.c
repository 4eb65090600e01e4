/* Orders to a zygote, and the introduction of what comes of them. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "channel/lifeline.h"
#include "channel/order.h"
#include "suite.h"

static int ends[2];
static int pipes[PYW_ORDER_FDS][2];

static void set_up(void)
{
    ck_assert_int_eq(pyw_lifeline_open(ends), 0);
    for (int i = 0; i < PYW_ORDER_FDS; i++) {
        ck_assert_int_eq(pipe(pipes[i]), 0);
    }
}

static void tear_down(void)
{
    close(ends[0]);
    close(ends[1]);
    for (int i = 0; i < PYW_ORDER_FDS; i++) {
        close(pipes[i][0]);
        close(pipes[i][1]);
    }
}

static struct pyw_order make(uint32_t slot)
{
    struct pyw_order order = {.slot = slot, .generation = 0xfffffffe};

    for (int i = 0; i < PYW_ORDER_FDS; i++) {
        order.fds[i] = pipes[i][1];
    }
    return order;
}

static void close_fds(const struct pyw_order *order)
{
    for (int i = 0; i < PYW_ORDER_FDS; i++) {
        close(order->fds[i]);
    }
}

START_TEST(orders_come_one_by_one_with_their_descriptors)
{
    struct pyw_order order;

    set_up();
    ck_assert_int_eq(pyw_order_receive(ends[1], &order), -EAGAIN);
    for (uint32_t slot = 0; slot < 5; slot++) {
        struct pyw_order sent = make(slot);

        sent.must_load = slot % 2 == 1;
        ck_assert_int_eq(pyw_order_send(ends[0], &sent), 0);
    }
    for (uint32_t slot = 0; slot < 5; slot++) {
        char byte = 0;

        ck_assert_int_eq(pyw_order_receive(ends[1], &order), 1);
        ck_assert_uint_eq(order.slot, slot);
        ck_assert_uint_eq(order.generation, 0xfffffffe);
        ck_assert(order.must_load == (slot % 2 == 1));
        for (int i = 0; i < PYW_ORDER_FDS; i++) {
            ck_assert(fcntl(order.fds[i], F_GETFD) & FD_CLOEXEC);
            ck_assert_int_eq(write(order.fds[i], "x", 1), 1);
            ck_assert_int_eq(read(pipes[i][0], &byte, 1), 1);
        }
        close_fds(&order);
    }
    close(ends[0]);
    ck_assert_int_eq(pyw_order_receive(ends[1], &order), 0);
    ends[0] = -1;
    tear_down();
}
END_TEST

START_TEST(what_is_no_order)
{
    static const char *const texts[] = {"x", "F", "F123456789", "FFFFFFFFFFFFFFFFFFFF"};
    struct pyw_order order;

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        set_up();
        ck_assert_int_gt(send(ends[0], texts[i], strlen(texts[i]), 0), 0);
        ck_assert_int_eq(pyw_order_receive(ends[1], &order), -EPROTO);
        tear_down();
    }
    set_up();
    ck_assert_int_eq(pyw_lifeline_say(ends[0], PYW_WORD_STACKS, pipes[0][1]), 0);
    ck_assert_int_eq(pyw_order_receive(ends[1], &order), -EPROTO);
    tear_down();
}
END_TEST

START_TEST(nobody_there)
{
    struct pyw_order order;

    set_up();
    order = make(1);
    close(ends[1]);
    ends[1] = -1;
    ck_assert_int_eq(pyw_order_send(ends[0], &order), -EPIPE);
    tear_down();
}
END_TEST

START_TEST(the_kernel_says_who_speaks)
{
    pid_t pid;
    int status;

    set_up();
    ck_assert_int_eq(pyw_order_expect(ends[0]), 0);
    ck_assert_int_eq(pyw_order_meet(ends[0]), -EAGAIN);
    pid = fork();
    if (pid == 0) {
        _exit(pyw_order_introduce(ends[1]) == 0 ? 0 : 1);
    }
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert_int_eq(status, 0);
    ck_assert_int_eq(pyw_order_meet(ends[0]), pid);
    ck_assert_int_eq(pyw_order_meet(ends[0]), -EAGAIN);
    close(ends[1]);
    ends[1] = -1;
    ck_assert_int_eq(pyw_order_meet(ends[0]), 0);
    tear_down();
}
END_TEST

START_TEST(nobody_said_who_speaks)
{
    set_up();
    ck_assert_int_eq(pyw_order_introduce(ends[1]), 0);
    ck_assert_int_eq(pyw_order_meet(ends[0]), -EPROTO);
    tear_down();
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {orders_come_one_by_one_with_their_descriptors,
                                  what_is_no_order,
                                  nobody_there,
                                  the_kernel_says_who_speaks,
                                  nobody_said_who_speaks,
                                  NULL};

    return suite_run("order", tests);
}
