/* The sending half: pieces in order, in as many steps as the socket takes. */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "channel/outbox.h"
#include "suite.h"

#define LARGE 700000

static int ends[2];
static struct pyw_outbox outbox;

static struct iovec text(const char *words)
{
    return (struct iovec){(void *)(uintptr_t)words, strlen(words)};
}

static void open_outbox(void)
{
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    pyw_outbox_init(&outbox, ends[0]);
}

START_TEST(pieces_in_order_with_empty_ones_between)
{
    struct iovec pieces[] = {{NULL, 0}, text("one"), text(""), text(" two"), text("")};
    char got[16] = "";

    open_outbox();
    ck_assert_int_eq(pyw_outbox_send(&outbox, pieces, 5, -1), 0);
    ck_assert(pyw_outbox_is_empty(&outbox));
    ck_assert_int_eq(recv(ends[1], got, sizeof(got) - 1, 0), 7);
    ck_assert_str_eq(got, "one two");
}
END_TEST

START_TEST(more_than_the_socket_takes)
{
    char *large = malloc(LARGE);
    char *got = malloc(LARGE + 10);
    struct iovec pieces[] = {text("begin"), {large, LARGE}, text("ended")};
    size_t len = 0;
    int rv;

    for (size_t i = 0; i < LARGE; i++) {
        large[i] = (char)(i % 251);
    }
    open_outbox();
    rv = pyw_outbox_send(&outbox, pieces, 3, -1);
    ck_assert_int_eq(rv, -EAGAIN);
    ck_assert(!pyw_outbox_is_empty(&outbox));
    while (len < LARGE + 10) {
        ssize_t part = recv(ends[1], got + len, LARGE + 10 - len, MSG_DONTWAIT);

        len += part > 0 ? (size_t)part : 0;
        if (rv == -EAGAIN) {
            rv = pyw_outbox_continue(&outbox);
        }
    }
    ck_assert_int_eq(rv, 0);
    ck_assert_mem_eq(got, "begin", 5);
    ck_assert_mem_eq(got + 5, large, LARGE);
    ck_assert_mem_eq(got + LARGE + 5, "ended", 5);
    free(large);
    free(got);
}
END_TEST

START_TEST(nothing_new_before_the_old_has_left)
{
    char *large = calloc(1, LARGE);
    struct iovec piece = {large, LARGE};

    open_outbox();
    ck_assert_int_eq(pyw_outbox_send(&outbox, &piece, 1, -1), -EAGAIN);
    ck_assert_int_eq(pyw_outbox_send(&outbox, &piece, 1, -1), -EINVAL);
    free(large);
}
END_TEST

START_TEST(too_many_pieces)
{
    struct iovec pieces[PYW_OUTBOX_PIECES + 1] = {{NULL, 0}};

    open_outbox();
    ck_assert_int_eq(pyw_outbox_send(&outbox, pieces, PYW_OUTBOX_PIECES + 1, -1),
                     -EINVAL);
}
END_TEST

START_TEST(a_closed_peer_is_an_error_and_no_signal)
{
    struct iovec piece = text("x");

    open_outbox();
    close(ends[1]);
    ck_assert_int_eq(pyw_outbox_send(&outbox, &piece, 1, -1), -EPIPE);
}
END_TEST

START_TEST(a_descriptor_that_is_none)
{
    struct iovec piece = text("x");

    open_outbox();
    ck_assert_int_eq(pyw_outbox_send(&outbox, &piece, 1, 999), -EBADF);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {pieces_in_order_with_empty_ones_between,
                                  more_than_the_socket_takes,
                                  nothing_new_before_the_old_has_left,
                                  too_many_pieces,
                                  a_closed_peer_is_an_error_and_no_signal,
                                  a_descriptor_that_is_none,
                                  NULL};

    return suite_run("outbox", tests);
}
