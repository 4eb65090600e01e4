/* The receiving half: frames in every cutting, lengths that lie, descriptors that were
 * not asked for. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "channel/inbox.h"
#include "channel/outbox.h"
#include "suite.h"

static int ends[2]; /* [0]: the inbox's */

static void open_inbox(struct pyw_inbox *inbox, enum pyw_frame_way way,
                       bool takes_files)
{
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    pyw_inbox_init(inbox, ends[0], way, takes_files);
}

static void send_all(const void *data, size_t len)
{
    ck_assert_int_eq(send(ends[1], data, len, 0), (ssize_t)len);
}

static void send_body(const char *text, size_t len)
{
    struct pyw_writer writer;
    size_t start;

    pyw_bytes_init(&writer);
    start = pyw_frame_start(&writer, PYW_FRAME_BODY, 0);
    pyw_bytes_put(&writer, text, len);
    pyw_frame_finish(&writer, start);
    send_all(writer.data, writer.len);
    pyw_bytes_free(&writer);
}

static void close_inbox(struct pyw_inbox *inbox)
{
    pyw_inbox_free(inbox);
    pyw_inbox_free(inbox);
    close(ends[0]);
    close(ends[1]);
}

START_TEST(byte_by_byte)
{
    static const unsigned char bytes[] = {1,   3, 0, 0, 3, 0, 0, 0, 'a', 'b',
                                          'c', 1, 4, 0, 0, 0, 0, 0, 0};
    struct pyw_inbox inbox;
    struct pyw_frame frame;
    struct pyw_span payload;

    open_inbox(&inbox, PYW_FROM_CHILD, false);
    for (size_t i = 0; i < sizeof(bytes); i++) {
        int rv;

        send_all(bytes + i, 1);
        ck_assert_int_eq(pyw_inbox_fill(&inbox, MSG_DONTWAIT), 1);
        rv = pyw_inbox_next(&inbox, &frame, &payload);
        ck_assert_int_eq(rv, i == 10 || i == 18);
        if (i == 10) {
            ck_assert_int_eq(frame.type, PYW_FRAME_BODY);
            ck_assert(pyw_bytes_is_equal(payload, "abc"));
        }
    }
    ck_assert_int_eq(frame.type, PYW_FRAME_BODY_END);
    ck_assert(pyw_inbox_is_empty(&inbox));
    ck_assert_int_eq(pyw_inbox_fill(&inbox, MSG_DONTWAIT), -EAGAIN);
    close_inbox(&inbox);
}
END_TEST

START_TEST(several_at_once_and_end_of_file)
{
    struct pyw_inbox inbox;
    struct pyw_frame frame;
    struct pyw_span payload;

    open_inbox(&inbox, PYW_FROM_CHILD, false);
    send_body("one", 3);
    send_body("", 0);
    send_body("three", 5);
    shutdown(ends[1], SHUT_WR);
    ck_assert_int_gt(pyw_inbox_fill(&inbox, 0), 0);
    ck_assert_int_eq(pyw_inbox_next(&inbox, &frame, &payload), 1);
    ck_assert(pyw_bytes_is_equal(payload, "one"));
    ck_assert_int_eq(pyw_inbox_next(&inbox, &frame, &payload), 1);
    ck_assert_int_eq(pyw_inbox_next(&inbox, &frame, &payload), 1);
    ck_assert(pyw_bytes_is_equal(payload, "three"));
    ck_assert_int_eq(pyw_inbox_next(&inbox, &frame, &payload), 0);
    ck_assert_int_eq(pyw_inbox_fill(&inbox, 0), 0);
    close_inbox(&inbox);
}
END_TEST

START_TEST(a_large_frame_and_rest)
{
    static char body[100000];
    struct pyw_inbox inbox;
    struct pyw_frame frame;
    struct pyw_span payload;
    int rv;

    memset(body, 'x', sizeof(body));
    open_inbox(&inbox, PYW_FROM_CHILD, false);
    send_body(body, sizeof(body));
    while ((rv = pyw_inbox_next(&inbox, &frame, &payload)) == 0) {
        ck_assert_int_gt(pyw_inbox_fill(&inbox, MSG_DONTWAIT), 0);
    }
    ck_assert_int_eq(rv, 1);
    ck_assert_uint_eq(payload.len, sizeof(body));
    ck_assert_mem_eq(payload.data, body, sizeof(body));
    pyw_inbox_rest(&inbox);
    ck_assert_ptr_null(inbox.buffer);
    send_body("again", 5);
    ck_assert_int_gt(pyw_inbox_fill(&inbox, 0), 0);
    ck_assert_int_eq(pyw_inbox_next(&inbox, &frame, &payload), 1);
    ck_assert(pyw_bytes_is_equal(payload, "again"));
    close_inbox(&inbox);
}
END_TEST

START_TEST(a_length_over_its_cap_takes_no_memory)
{
    static const unsigned char bytes[] = {1, 3, 0, 0, 255, 255, 255, 127, 0};
    struct pyw_inbox inbox;
    struct pyw_frame frame;
    struct pyw_span payload;

    open_inbox(&inbox, PYW_FROM_CHILD, false);
    send_all(bytes, sizeof(bytes));
    ck_assert_int_gt(pyw_inbox_fill(&inbox, 0), 0);
    /* Also where the caller receives once more before it looks. */
    send_all(bytes, sizeof(bytes));
    ck_assert_int_gt(pyw_inbox_fill(&inbox, 0), 0);
    ck_assert_uint_le(inbox.capacity, 65536);
    ck_assert_int_eq(pyw_inbox_next(&inbox, &frame, &payload), -EPROTO);
    ck_assert_int_eq(pyw_inbox_next(&inbox, &frame, &payload), -EPROTO);
    close_inbox(&inbox);
}
END_TEST

START_TEST(a_full_inbox_says_so)
{
    static char body[4000];
    struct pyw_inbox inbox;
    ssize_t got;

    open_inbox(&inbox, PYW_FROM_CHILD, false);
    for (int i = 0; i < 20; i++) {
        send_body(body, sizeof(body));
    }
    do {
        got = pyw_inbox_fill(&inbox, MSG_DONTWAIT);
    } while (got > 0);
    ck_assert_int_eq(got, -ENOBUFS);
    close_inbox(&inbox);
}
END_TEST

START_TEST(looking_ahead_takes_nothing)
{
    static const unsigned char abort_frame[] = {1, 5, 0, 0, 1, 0, 0, 0, 2};
    struct pyw_inbox inbox;
    struct pyw_frame frame;
    struct pyw_span payload;

    open_inbox(&inbox, PYW_FROM_CHILD, false);
    ck_assert(!pyw_inbox_find(&inbox, PYW_FRAME_ABORT, NULL));
    send_body("abc", 3);
    send_all(abort_frame, sizeof(abort_frame) - 1);
    ck_assert_int_gt(pyw_inbox_fill(&inbox, 0), 0);
    ck_assert(!pyw_inbox_find(&inbox, PYW_FRAME_ABORT, &payload));
    send_all(abort_frame + 8, 1);
    ck_assert_int_gt(pyw_inbox_fill(&inbox, 0), 0);
    ck_assert(pyw_inbox_find(&inbox, PYW_FRAME_ABORT, &payload));
    ck_assert_int_eq(payload.data[0], 2);
    ck_assert(pyw_inbox_find(&inbox, PYW_FRAME_BODY, NULL));
    ck_assert(!pyw_inbox_find(&inbox, PYW_FRAME_BODY_END, NULL));
    ck_assert_int_eq(pyw_inbox_next(&inbox, &frame, &payload), 1);
    ck_assert_int_eq(frame.type, PYW_FRAME_BODY);
    close_inbox(&inbox);
}
END_TEST

START_TEST(memory_that_is_lent)
{
    struct pyw_inbox inbox;
    struct pyw_inbox_memory memory = {NULL, 0};
    struct pyw_frame frame;
    struct pyw_span payload;
    unsigned char *buffer;

    open_inbox(&inbox, PYW_FROM_CHILD, false);
    ck_assert_int_eq(pyw_inbox_lend(&inbox, &memory, 131072), 0);
    buffer = inbox.buffer;
    ck_assert_uint_eq(inbox.capacity, 131072);
    pyw_inbox_reclaim(&inbox, &memory);
    ck_assert_ptr_eq(memory.buffer, buffer);
    ck_assert_ptr_null(inbox.buffer);
    ck_assert_int_eq(pyw_inbox_lend(&inbox, &memory, 131072), 0);
    ck_assert_ptr_eq(inbox.buffer, buffer);
    ck_assert_ptr_null(memory.buffer);
    send_body("abc", 3);
    ck_assert_int_gt(pyw_inbox_fill(&inbox, 0), 0);
    pyw_inbox_reclaim(&inbox, &memory); /* something is in it: stays */
    ck_assert_ptr_eq(inbox.buffer, buffer);
    ck_assert_int_eq(pyw_inbox_next(&inbox, &frame, &payload), 1);
    pyw_inbox_reclaim(&inbox, &memory);
    ck_assert_ptr_eq(memory.buffer, buffer);
    free(memory.buffer);
    close_inbox(&inbox);
}
END_TEST

static void send_file(int file, int times)
{
    static const unsigned char bytes[] = {1, 11, 0, 0, 16, 0, 0, 0, 0, 0, 0, 0,
                                          0, 0,  0, 0, 5,  0, 0, 0, 0, 0, 0, 0};
    struct iovec piece = {(void *)(uintptr_t)bytes, sizeof(bytes)};
    struct pyw_outbox outbox;

    pyw_outbox_init(&outbox, ends[1]);
    for (int i = 0; i < times; i++) {
        ck_assert_int_eq(pyw_outbox_send(&outbox, &piece, 1, file), 0);
    }
}

static int count_descriptors(void)
{
    int count = 0;

    for (int fd = 0; fd < 256; fd++) {
        count += fcntl(fd, F_GETFD) >= 0 ? 1 : 0;
    }
    return count;
}

START_TEST(a_descriptor_comes_with_its_frame)
{
    int pipe_ends[2];
    struct pyw_inbox inbox;
    struct pyw_frame frame;
    struct pyw_span payload;
    char byte = 0;
    int file;

    ck_assert_int_eq(pipe(pipe_ends), 0);
    open_inbox(&inbox, PYW_FROM_DAEMON, true);
    send_file(pipe_ends[1], 1);
    ck_assert_int_gt(pyw_inbox_fill(&inbox, 0), 0);
    ck_assert_int_eq(pyw_inbox_next(&inbox, &frame, &payload), 1);
    file = pyw_inbox_take_file(&inbox);
    ck_assert_int_ge(file, 0);
    ck_assert_int_eq(pyw_inbox_take_file(&inbox), -1);
    ck_assert_int_eq(fcntl(file, F_GETFD), FD_CLOEXEC);
    ck_assert_int_eq(write(file, "x", 1), 1);
    ck_assert_int_eq(read(pipe_ends[0], &byte, 1), 1);
    ck_assert_int_eq(byte, 'x');
    close(file);
    close_inbox(&inbox);
}
END_TEST

START_TEST(descriptors_nobody_takes_are_closed)
{
    struct pyw_inbox inbox;
    struct pyw_frame frame;
    struct pyw_span payload;
    int before;

    open_inbox(&inbox, PYW_FROM_DAEMON, true);
    before = count_descriptors();
    send_file(0, 3);
    for (int i = 0; i < 3; i++) {
        while (pyw_inbox_next(&inbox, &frame, &payload) == 0) {
            ck_assert_int_gt(pyw_inbox_fill(&inbox, 0), 0);
        }
    }
    ck_assert_int_le(count_descriptors(), before + 1);
    pyw_inbox_rest(&inbox);
    ck_assert_int_eq(count_descriptors(), before);
    close_inbox(&inbox);
}
END_TEST

START_TEST(a_daemon_keeps_no_descriptors)
{
    struct pyw_inbox inbox;
    int before;

    open_inbox(&inbox, PYW_FROM_CHILD, false);
    before = count_descriptors();
    send_file(0, 2);
    ck_assert_int_gt(pyw_inbox_fill(&inbox, 0), 0);
    ck_assert_int_eq(count_descriptors(), before);
    close_inbox(&inbox);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {byte_by_byte,
                                  several_at_once_and_end_of_file,
                                  a_large_frame_and_rest,
                                  a_length_over_its_cap_takes_no_memory,
                                  a_full_inbox_says_so,
                                  looking_ahead_takes_nothing,
                                  memory_that_is_lent,
                                  a_descriptor_comes_with_its_frame,
                                  descriptors_nobody_takes_are_closed,
                                  a_daemon_keeps_no_descriptors,
                                  NULL};

    return suite_run("inbox", tests);
}
