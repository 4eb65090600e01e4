/* Connections of the control socket: lines in pieces, answers in pieces, descriptors,
 * clients that go, say too much, say nothing, or do not read. */
#include "supervisor/control.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "channel/socket.h"
#include "scratch.h"
#include "suite.h"

#define ANSWER_MAX (4 * 1024 * 1024)

static struct pyw_control *control;
static int listener;
static char path[256];
static char logged[1024];

/* The clock stands still unless a test moves it. */
static int64_t now_ms = 1000000;

int64_t pyw_clock_now_ms(void)
{
    return now_ms;
}

int pyw_clock_until(int64_t deadline_ms)
{
    return deadline_ms > now_ms ? (int)(deadline_ms - now_ms) : 0;
}

/* What the one who serves does. */
static struct {
    int calls;
    int rounds;   /* it takes */
    size_t len;   /* of the answer */
    int fd_count; /* that go along: pipes that say which they are */
    struct pyw_command command;
} plan;

__attribute__((format(printf, 3, 4))) static void log_it(void *context,
                                                         enum pyw_level level,
                                                         const char *format, ...)
{
    va_list arguments;

    (void)context;
    (void)level;
    va_start(arguments, format);
    (void)vsnprintf(logged, sizeof(logged), format, arguments);
    va_end(arguments);
}

static void add_pipe(struct pyw_call *call, int number)
{
    int ends[2];
    char text[16];
    int len = snprintf(text, sizeof(text), "%d", number);

    ck_assert_int_eq(pipe2(ends, O_CLOEXEC), 0);
    ck_assert_int_eq(write(ends[1], text, (size_t)len), len);
    close(ends[1]);
    ck_assert(pyw_call_add_fd(call, ends[0]));
}

static bool serve(void *context, struct pyw_call *call)
{
    ck_assert_ptr_eq(context, &plan);
    plan.calls++;
    plan.command = call->command;
    ck_assert(call->is_begun == (plan.calls > 1));
    call->is_begun = true;
    if (plan.calls < plan.rounds) {
        return false;
    }
    for (size_t i = 0; i < plan.len; i++) {
        pyw_bytes_put_u8(&call->answer, (uint8_t)('a' + i % 26));
    }
    for (int i = 0; i < plan.fd_count; i++) {
        add_pipe(call, i);
    }
    return true;
}

static void begin(void)
{
    memset(&plan, 0, sizeof(plan));
    plan.len = 10;
    logged[0] = '\0';
    snprintf(path, sizeof(path), "%s/control", scratch_directory());
    (void)unlink(path);
    listener = pyw_socket_listen(path, 32, (uid_t)-1);
    ck_assert_int_ge(listener, 0);
    control = pyw_control_create(listener, log_it, serve, &plan);
    ck_assert_ptr_nonnull(control);
}

static void end(void)
{
    pyw_control_destroy(control);
    close(listener);
}

static int connect_client(void)
{
    int fd = pyw_socket_connect(path, pyw_clock_now_ms() + 1000);

    ck_assert_int_ge(fd, 0);
    return fd;
}

static void say(int fd, const char *text)
{
    ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
}

/* Runs rounds for as long as something happens. */
static void settle(void)
{
    struct pollfd polled[PYW_CONTROL_POLLED];

    for (;;) {
        pyw_control_fill(control, polled);
        if (poll(polled, PYW_CONTROL_POLLED, 0) == 0) {
            return;
        }
        pyw_control_run(control, polled);
    }
}

/* Rounds without an event, as other events of the supervisor bring them. */
static void turn(int times)
{
    while (times-- > 0) {
        pyw_control_run(control, NULL);
    }
}

/* What has come, up to the end of the connection; NULL: it is still open. */
static const char *hear(int fd)
{
    static char heard[ANSWER_MAX];
    size_t len = 0;

    for (;;) {
        ssize_t got = recv(fd, heard + len, sizeof(heard) - 1 - len, MSG_DONTWAIT);

        if (got < 0 && errno == EAGAIN) {
            struct pollfd polled[PYW_CONTROL_POLLED];

            pyw_control_fill(control, polled);
            if (poll(polled, PYW_CONTROL_POLLED, 0) == 0) {
                return NULL;
            }
            pyw_control_run(control, polled);
            continue;
        }
        if (got <= 0) {
            heard[len] = '\0';
            close(fd);
            return heard;
        }
        len += (size_t)got;
    }
}

START_TEST(a_line_gets_an_answer_and_the_end)
{
    int fd;

    begin();
    fd = connect_client();
    say(fd, "reload a%20b\nand more");
    settle();
    ck_assert_str_eq(hear(fd), "abcdefghij\n");
    ck_assert_int_eq(plan.calls, 1);
    ck_assert_int_eq(plan.command.verb, PYW_VERB_RELOAD);
    ck_assert_ptr_nonnull(strstr(logged, "reload a%20b"));
    ck_assert_ptr_null(strstr(logged, "more"));
    end();
}
END_TEST

START_TEST(a_line_may_come_in_pieces_or_end_with_the_connection)
{
    int fd;

    begin();
    fd = connect_client();
    say(fd, "sta");
    settle();
    say(fd, "tus");
    settle();
    ck_assert_int_eq(plan.calls, 0);
    ck_assert_int_eq(shutdown(fd, SHUT_WR), 0);
    settle();
    ck_assert_str_eq(hear(fd), "abcdefghij\n");
    ck_assert_str_eq(logged, "");
    end();
}
END_TEST

START_TEST(what_is_no_command_is_refused_with_a_sentence)
{
    static char too_long[PYW_COMMAND_LINE + 100];
    const char *heard;
    int fd;

    begin();
    fd = connect_client();
    say(fd, "GET / HTTP/1.1\r\n\r\n");
    settle();
    heard = hear(fd);
    ck_assert_ptr_eq(strstr(heard, "{\"ok\":false,\"error\":\"The commands are"),
                     heard);
    fd = connect_client();
    memset(too_long, 'x', sizeof(too_long) - 1);
    say(fd, too_long);
    settle();
    ck_assert_str_eq(hear(fd), "{\"ok\":false,\"error\":\"The line is too long.\"}\n");
    fd = connect_client();
    close(fd);
    settle();
    ck_assert_int_eq(plan.calls, 0);
    end();
}
END_TEST

START_TEST(an_answer_may_take_many_rounds)
{
    int fd;

    begin();
    plan.rounds = 5;
    fd = connect_client();
    say(fd, "reload\n");
    settle();
    ck_assert_int_eq(plan.calls, 1);
    ck_assert(pyw_control_deadline(control) == PYW_CLOCK_NEVER);
    turn(3);
    ck_assert_int_eq(plan.calls, 4);
    ck_assert_ptr_null(hear(fd));
    turn(1);
    ck_assert_str_eq(hear(fd), "abcdefghij\n");
    end();
}
END_TEST

START_TEST(a_client_that_goes_is_served_no_more)
{
    int fd;

    begin();
    plan.rounds = 1000;
    fd = connect_client();
    say(fd, "reload\n");
    settle();
    ck_assert_int_eq(shutdown(fd, SHUT_WR), 0); /* it only has no more to say */
    settle();
    turn(2);
    ck_assert_int_eq(plan.calls, 3);
    close(fd);
    settle();
    turn(2);
    ck_assert_int_eq(plan.calls, 3);
    end();
}
END_TEST

START_TEST(descriptors_go_along_in_order)
{
    int count = 0;
    int fd;
    struct msghdr message;

    begin();
    plan.fd_count = 150; /* three messages */
    fd = connect_client();
    say(fd, "stacks\n");
    settle();
    for (;;) {
        char room[CMSG_SPACE(200 * sizeof(int))] __attribute__((aligned(8)));
        char data[64];
        struct iovec place = {data, sizeof(data)};
        struct cmsghdr *header;
        int fds[200];
        size_t got;

        memset(&message, 0, sizeof(message));
        message.msg_iov = &place;
        message.msg_iovlen = 1;
        message.msg_control = room;
        message.msg_controllen = sizeof(room);
        if (recvmsg(fd, &message, MSG_CMSG_CLOEXEC) <= 0) {
            break;
        }
        header = CMSG_FIRSTHDR(&message);
        if (header == NULL) {
            continue;
        }
        got = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        memcpy(fds, CMSG_DATA(header), got * sizeof(int));
        for (size_t i = 0; i < got; i++) {
            char text[16] = "";

            ck_assert_int_gt(read(fds[i], text, sizeof(text) - 1), 0);
            ck_assert_int_eq(atoi(text), count++);
            close(fds[i]);
        }
    }
    ck_assert_int_eq(count, 150);
    close(fd);
    end();
}
END_TEST

START_TEST(an_answer_of_any_length_is_read_at_the_clients_pace)
{
    int fd;

    begin();
    plan.len = ANSWER_MAX - 10;
    fd = connect_client();
    say(fd, "status\n");
    settle();
    ck_assert(pyw_control_deadline(control) <=
              pyw_clock_now_ms() + PYW_CONTROL_PATIENCE_MS);
    ck_assert_uint_eq(strlen(hear(fd)), ANSWER_MAX - 9);
    ck_assert(pyw_control_deadline(control) == PYW_CLOCK_NEVER);
    end();
}
END_TEST

START_TEST(who_neither_writes_nor_reads_is_left)
{
    int silent;
    int deaf;

    begin();
    plan.len = ANSWER_MAX;
    silent = connect_client();
    say(silent, "stat");
    deaf = connect_client();
    say(deaf, "status\n");
    settle();
    ck_assert(pyw_control_deadline(control) == now_ms + PYW_CONTROL_PATIENCE_MS);
    now_ms += PYW_CONTROL_PATIENCE_MS - 1;
    turn(1);
    ck_assert_ptr_null(hear(silent));
    now_ms += 1;
    turn(1);
    ck_assert_str_eq(hear(silent), "");
    ck_assert(pyw_control_deadline(control) == PYW_CLOCK_NEVER);
    ck_assert_uint_lt(strlen(hear(deaf)), ANSWER_MAX);
    end();
}
END_TEST

START_TEST(only_so_many_at_a_time)
{
    int fds[PYW_CONTROL_CONNECTIONS + 1];

    begin();
    for (int i = 0; i < PYW_CONTROL_CONNECTIONS + 1; i++) {
        fds[i] = connect_client();
        settle();
    }
    say(fds[PYW_CONTROL_CONNECTIONS], "status\n");
    settle();
    ck_assert_int_eq(plan.calls, 0); /* it waits */
    close(fds[0]);
    settle();
    ck_assert_int_eq(plan.calls, 1);
    ck_assert_str_eq(hear(fds[PYW_CONTROL_CONNECTIONS]), "abcdefghij\n");
    for (int i = 1; i < PYW_CONTROL_CONNECTIONS; i++) {
        close(fds[i]);
    }
    end();
}
END_TEST

START_TEST(a_closed_listener_takes_nobody)
{
    struct pollfd polled[PYW_CONTROL_POLLED];
    int fd;

    begin();
    plan.rounds = 3;
    fd = connect_client();
    say(fd, "reload\n");
    settle();
    pyw_control_close_listener(control);
    pyw_control_fill(control, polled);
    ck_assert_int_eq(polled[0].fd, -1);
    turn(2);
    ck_assert_str_eq(hear(fd), "abcdefghij\n");
    end();
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {a_line_gets_an_answer_and_the_end,
                                  a_line_may_come_in_pieces_or_end_with_the_connection,
                                  what_is_no_command_is_refused_with_a_sentence,
                                  an_answer_may_take_many_rounds,
                                  a_client_that_goes_is_served_no_more,
                                  descriptors_go_along_in_order,
                                  an_answer_of_any_length_is_read_at_the_clients_pace,
                                  who_neither_writes_nor_reads_is_left,
                                  only_so_many_at_a_time,
                                  a_closed_listener_takes_nobody,
                                  NULL};

    return suite_run("control", tests);
}
