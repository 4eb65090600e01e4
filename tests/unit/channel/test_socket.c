/* Unix stream sockets: listening, connecting with a deadline, credentials. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "channel/socket.h"
#include "suite.h"

static char folder[64];
static char path[96];

static void make_folder(void)
{
    strcpy(folder, "/tmp/pywsgi-socket-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(path, sizeof(path), "%s/socket", folder);
}

static void remove_folder(void)
{
    unlink(path);
    rmdir(folder);
}

START_TEST(listen_connect_accept)
{
    struct stat about;
    uid_t uid = 12345;
    char byte = 0;
    int listener;
    int near;
    int far;

    make_folder();
    listener = pyw_socket_listen(path, 5, (uid_t)-1);
    ck_assert_int_ge(listener, 0);
    ck_assert_int_eq(stat(path, &about), 0);
    ck_assert_uint_eq(about.st_mode & 07777, 0600);
    ck_assert_int_eq(pyw_socket_accept(listener), -EAGAIN);
    near = pyw_socket_connect(path, pyw_clock_now_ms() + 1000);
    ck_assert_int_ge(near, 0);
    far = pyw_socket_accept(listener);
    ck_assert_int_ge(far, 0);
    ck_assert_int_eq(pyw_socket_peer(far, &uid), 0);
    ck_assert_uint_eq(uid, geteuid());
    ck_assert_int_eq(pyw_socket_wait(far, POLLIN, pyw_clock_now_ms() + 10), -ETIMEDOUT);
    ck_assert_int_eq(send(near, "x", 1, 0), 1);
    ck_assert_int_eq(pyw_socket_wait(far, POLLIN, PYW_CLOCK_NEVER), 0);
    ck_assert_int_eq(recv(far, &byte, 1, 0), 1);
    close(near);
    close(far);
    close(listener);
    remove_folder();
}
END_TEST

START_TEST(patience)
{
    int ends[2];
    char byte;

    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    ck_assert_int_eq(pyw_socket_set_patience(ends[0], 20), 0);
    ck_assert_int_eq(recv(ends[0], &byte, 1, 0), -1);
    ck_assert_int_eq(errno, EAGAIN);
    close(ends[0]);
    close(ends[1]);
}
END_TEST

START_TEST(buffers)
{
    int ends[2];
    int before = 0;
    int size = 0;
    socklen_t len = sizeof(size);

    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    ck_assert_int_eq(getsockopt(ends[0], SOL_SOCKET, SO_RCVBUF, &before, &len), 0);
    ck_assert_int_eq(pyw_socket_set_buffers(ends[0], 16384, 0), 0);
    ck_assert_int_eq(getsockopt(ends[0], SOL_SOCKET, SO_SNDBUF, &size, &len), 0);
    ck_assert_int_eq(size, 2 * 16384); /* the kernel doubles what it is told */
    ck_assert_int_eq(getsockopt(ends[0], SOL_SOCKET, SO_RCVBUF, &size, &len), 0);
    ck_assert_int_eq(size, before);
    close(ends[0]);
    close(ends[1]);
    ck_assert_int_eq(pyw_socket_set_buffers(ends[0], 0, 0), 0);
    ck_assert_int_eq(pyw_socket_set_buffers(ends[0], 0, 512), -EBADF);
}
END_TEST

START_TEST(nobody_there)
{
    make_folder();
    ck_assert_int_eq(pyw_socket_connect(path, pyw_clock_now_ms() + 1000), -ENOENT);
    close(pyw_socket_listen(path, 5, (uid_t)-1));
    ck_assert_int_eq(pyw_socket_connect(path, pyw_clock_now_ms() + 1000),
                     -ECONNREFUSED);
    ck_assert_int_eq(pyw_socket_listen(path, 5, (uid_t)-1), -EADDRINUSE);
    remove_folder();
}
END_TEST

START_TEST(a_path_that_does_not_fit)
{
    char longer[200];

    memset(longer, 'a', sizeof(longer) - 1);
    longer[sizeof(longer) - 1] = '\0';
    ck_assert_int_eq(pyw_socket_listen(longer, 5, (uid_t)-1), -ENAMETOOLONG);
    ck_assert_int_eq(pyw_socket_connect(longer, 0), -ENAMETOOLONG);
}
END_TEST

static void check_answers(int listener)
{
    int fd = pyw_socket_connect(path, pyw_clock_now_ms() + 1000);
    int peer;

    ck_assert_int_ge(fd, 0);
    peer = pyw_socket_accept(listener);
    ck_assert_int_ge(peer, 0);
    close(peer);
    close(fd);
}

START_TEST(a_published_socket_takes_the_place_of_another)
{
    struct pyw_socket_file first_file;
    struct pyw_socket_file second_file;
    struct stat about;
    int first;
    int second;

    make_folder();
    first = pyw_socket_publish(path, 5, &first_file);
    ck_assert_int_ge(first, 0);
    ck_assert_int_eq(lstat(path, &about), 0);
    ck_assert_int_eq(about.st_mode & 0777, 0600);
    check_answers(first);
    second = pyw_socket_publish(path, 5, &second_file);
    ck_assert_int_ge(second, 0);
    check_answers(second);
    ck_assert(!pyw_socket_is_there(&first_file));
    ck_assert(pyw_socket_is_there(&second_file));
    pyw_socket_withdraw(&first_file); /* not its own any more */
    check_answers(second);
    pyw_socket_withdraw(&second_file);
    ck_assert_int_eq(pyw_socket_connect(path, pyw_clock_now_ms() + 1000), -ENOENT);
    pyw_socket_withdraw(&second_file);
    close(first);
    close(second);
    remove_folder();
}
END_TEST

START_TEST(a_place_that_a_published_socket_cannot_have)
{
    struct pyw_socket_file file = {.path = ""};
    char longer[PYW_SOCKET_PATH_MAX + 1];

    make_folder();
    ck_assert_int_eq(mkdir(path, 0700), 0);
    ck_assert_int_eq(pyw_socket_publish(path, 5, &file), -EEXIST);
    ck_assert_int_eq(rmdir(path), 0);
    remove_folder();
    ck_assert_int_eq(pyw_socket_publish(path, 5, &file), -ENOENT);
    memset(longer, 'a', sizeof(longer) - 1);
    longer[sizeof(longer) - 1] = '\0';
    ck_assert_int_eq(pyw_socket_publish(longer, 5, &file), -ENAMETOOLONG);
    pyw_socket_withdraw(&file);
}
END_TEST

START_TEST(a_full_backlog_ends_at_the_deadline)
{
    int64_t before = pyw_clock_now_ms();
    int taken[64];
    int count = 0;
    int listener;

    make_folder();
    listener = pyw_socket_listen(path, 1, (uid_t)-1);
    while (count < 64 &&
           (taken[count] = pyw_socket_connect(path, pyw_clock_now_ms() + 50)) >= 0) {
        count++;
    }
    ck_assert_int_lt(count, 64);
    ck_assert_int_eq(taken[count], -ETIMEDOUT);
    ck_assert_int_ge(pyw_clock_now_ms() - before, 50);
    while (count > 0) {
        close(taken[--count]);
    }
    close(listener);
    remove_folder();
}
END_TEST

/* The process that it was made for has cleared O_NONBLOCK, which all share. */
START_TEST(refusing_does_not_wait)
{
    int clients[3];
    char byte;
    int listener;

    make_folder();
    listener = pyw_socket_listen(path, 5, (uid_t)-1);
    ck_assert_int_eq(fcntl(listener, F_SETFL, 0), 0);
    for (int i = 0; i < 3; i++) {
        clients[i] = pyw_socket_connect(path, pyw_clock_now_ms() + 1000);
        ck_assert_int_ge(clients[i], 0);
    }
    pyw_socket_refuse(listener, 2);
    ck_assert_int_eq(recv(clients[0], &byte, 1, MSG_DONTWAIT), 0);
    ck_assert_int_eq(recv(clients[1], &byte, 1, MSG_DONTWAIT), 0);
    ck_assert_int_eq(recv(clients[2], &byte, 1, MSG_DONTWAIT), -1);
    pyw_socket_refuse(listener, 5);
    ck_assert_int_eq(recv(clients[2], &byte, 1, MSG_DONTWAIT), 0);
    for (int i = 0; i < 3; i++) {
        close(clients[i]);
    }
    close(listener);
    remove_folder();
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {listen_connect_accept,
                                  patience,
                                  buffers,
                                  nobody_there,
                                  a_path_that_does_not_fit,
                                  a_published_socket_takes_the_place_of_another,
                                  a_place_that_a_published_socket_cannot_have,
                                  a_full_backlog_ends_at_the_deadline,
                                  refusing_does_not_wait,
                                  NULL};

    return suite_run("socket", tests);
}
