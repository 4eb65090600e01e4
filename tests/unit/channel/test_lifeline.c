/* The lifeline: words, a descriptor that goes along with one, and the end of either
 * side. */
#include "channel/lifeline.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "suite.h"

static int ends[2];

static void open_both(void)
{
    ck_assert_int_eq(pyw_lifeline_open(ends), 0);
    for (int i = 0; i < 2; i++) {
        ck_assert_int_ne(fcntl(ends[i], F_GETFL) & O_NONBLOCK, 0);
        ck_assert_int_ne(fcntl(ends[i], F_GETFD) & FD_CLOEXEC, 0);
    }
}

START_TEST(words_arrive_one_by_one)
{
    int passed = 0;

    open_both();
    ck_assert_int_eq(pyw_lifeline_hear(ends[1], &passed), -EAGAIN);
    ck_assert_int_eq(passed, -1);
    ck_assert_int_eq(pyw_lifeline_say(ends[0], PYW_WORD_DRAIN, -1), 0);
    ck_assert_int_eq(pyw_lifeline_say(ends[0], PYW_WORD_STACKS, -1), 0);
    ck_assert_int_eq(pyw_lifeline_hear(ends[1], &passed), PYW_WORD_DRAIN);
    ck_assert_int_eq(passed, -1);
    ck_assert_int_eq(pyw_lifeline_hear(ends[1], &passed), PYW_WORD_STACKS);
    ck_assert_int_eq(pyw_lifeline_hear(ends[1], &passed), -EAGAIN);
    close(ends[0]);
    close(ends[1]);
}
END_TEST

START_TEST(a_descriptor_goes_along)
{
    int passed = -1;
    char byte = 0;
    int pair[2];

    open_both();
    ck_assert_int_eq(pipe(pair), 0);
    ck_assert_int_eq(pyw_lifeline_say(ends[0], PYW_WORD_DRAIN, -1), 0);
    ck_assert_int_eq(pyw_lifeline_say(ends[0], PYW_WORD_STACKS, pair[1]), 0);
    close(pair[1]);
    ck_assert_int_eq(pyw_lifeline_hear(ends[1], &passed), PYW_WORD_DRAIN);
    ck_assert_int_eq(passed, -1);
    ck_assert_int_eq(pyw_lifeline_hear(ends[1], &passed), PYW_WORD_STACKS);
    ck_assert_int_ge(passed, 0);
    ck_assert_int_ne(fcntl(passed, F_GETFD) & FD_CLOEXEC, 0);
    ck_assert_int_eq(write(passed, "x", 1), 1);
    close(passed);
    ck_assert_int_eq(read(pair[0], &byte, 1), 1);
    ck_assert_int_eq(byte, 'x');
    ck_assert_int_eq(read(pair[0], &byte, 1), 0); /* nobody else kept it open */
    close(pair[0]);
    close(ends[0]);
    close(ends[1]);
}
END_TEST

START_TEST(what_was_said_is_heard_before_the_end)
{
    int passed;

    open_both();
    ck_assert_int_eq(pyw_lifeline_say(ends[0], PYW_WORD_DRAIN, -1), 0);
    close(ends[0]);
    ck_assert_int_eq(pyw_lifeline_hear(ends[1], &passed), PYW_WORD_DRAIN);
    ck_assert_int_eq(pyw_lifeline_hear(ends[1], &passed), 0);
    ck_assert_int_eq(pyw_lifeline_hear(ends[1], &passed), 0);
    close(ends[1]);
}
END_TEST

START_TEST(a_process_that_is_gone_hears_nothing)
{
    open_both();
    close(ends[1]);
    ck_assert_int_eq(pyw_lifeline_say(ends[0], PYW_WORD_DRAIN, -1), -EPIPE);
    close(ends[0]);
}
END_TEST

START_TEST(a_process_that_does_not_listen_blocks_nobody)
{
    int rv;

    open_both();
    do {
        rv = pyw_lifeline_say(ends[0], PYW_WORD_DRAIN, -1);
    } while (rv == 0);
    ck_assert_int_eq(rv, -EAGAIN);
    close(ends[0]);
    close(ends[1]);
}
END_TEST

/* Whoever sends more than one would have us collect them. */
START_TEST(no_more_than_one_descriptor_comes_along)
{
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(2 * sizeof(int))];
    } control = {{0}};
    char byte = 'R';
    struct iovec piece = {&byte, 1};
    struct msghdr message = {.msg_iov = &piece,
                             .msg_iovlen = 1,
                             .msg_control = control.bytes,
                             .msg_controllen = sizeof(control.bytes)};
    int pair[2];
    int sent[2];
    int passed = -1;

    open_both();
    ck_assert_int_eq(pipe(pair), 0);
    sent[0] = sent[1] = pair[1];
    control.header.cmsg_level = SOL_SOCKET;
    control.header.cmsg_type = SCM_RIGHTS;
    control.header.cmsg_len = CMSG_LEN(sizeof(sent));
    memcpy(CMSG_DATA(&control.header), sent, sizeof(sent));
    ck_assert_int_eq(sendmsg(ends[0], &message, 0), 1);
    close(pair[1]);
    ck_assert_int_eq(pyw_lifeline_hear(ends[1], &passed), 'R');
    ck_assert_int_ge(passed, 0);
    close(passed);
    ck_assert_int_eq(read(pair[0], &byte, 1), 0); /* nothing else keeps it open */
    close(pair[0]);
    close(ends[0]);
    close(ends[1]);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {words_arrive_one_by_one,
                                  a_descriptor_goes_along,
                                  what_was_said_is_heard_before_the_end,
                                  no_more_than_one_descriptor_comes_along,
                                  a_process_that_is_gone_hears_nothing,
                                  a_process_that_does_not_listen_blocks_nobody,
                                  NULL};

    return suite_run("lifeline", tests);
}
