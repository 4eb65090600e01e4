/* Snapshots in shared memory: who may map them how, and writers that die. */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "channel/board.h"
#include "suite.h"

#define CAPACITY 1000

static void check_read(const struct pyw_board *board, const char *expected)
{
    struct pyw_writer writer;

    pyw_bytes_init(&writer);
    ck_assert_int_eq(pyw_board_read(board, &writer), 0);
    ck_assert_uint_eq(writer.len, strlen(expected));
    ck_assert_mem_eq(writer.data, expected, writer.len);
    pyw_bytes_free(&writer);
}

static struct pyw_span span(const char *text)
{
    return (struct pyw_span){text, strlen(text)};
}

START_TEST(written_by_one_read_by_others)
{
    struct pyw_board *board;
    struct pyw_board *reader;
    struct pyw_writer writer;
    int fd;

    ck_assert_int_eq(pyw_board_create(CAPACITY, &board, &fd), 0);
    ck_assert_int_eq(pyw_board_open(fd, &reader), 0);
    pyw_bytes_init(&writer);
    ck_assert_int_eq(pyw_board_read(reader, &writer), -EAGAIN);
    pyw_bytes_free(&writer);
    ck_assert(pyw_board_claim(board, 10000, 500));
    pyw_board_publish(board, 10000, span("first"));
    check_read(reader, "first");
    ck_assert(!pyw_board_claim(board, 10499, 500));
    ck_assert(pyw_board_claim(board, 10500, 500));
    ck_assert(!pyw_board_claim(board, 10500, 500));
    pyw_board_publish(board, 10500, span("the second"));
    check_read(reader, "the second");
    pyw_board_close(reader);
    pyw_board_close(board);
    close(fd);
}
END_TEST

START_TEST(what_does_not_fit_is_not_written)
{
    static char large[CAPACITY + 1];
    struct pyw_board *board;
    int fd;

    ck_assert_int_eq(pyw_board_create(CAPACITY, &board, &fd), 0);
    ck_assert(pyw_board_claim(board, 10000, 0));
    pyw_board_publish(board, 10000, span("small"));
    ck_assert(pyw_board_claim(board, 10001, 0));
    pyw_board_publish(board, 10001, (struct pyw_span){large, sizeof(large)});
    check_read(board, "small");
    ck_assert(pyw_board_claim(board, 10002, 0));
    pyw_board_publish(board, 10002, span(""));
    check_read(board, "small");
    ck_assert(pyw_board_claim(board, 10003, 0));
    pyw_board_close(board);
    close(fd);
}
END_TEST

START_TEST(a_claim_of_the_dead_is_over_in_time)
{
    struct pyw_board *board;
    int fd;

    ck_assert_int_eq(pyw_board_create(CAPACITY, &board, &fd), 0);
    ck_assert(pyw_board_claim(board, 10000, 500));
    ck_assert(!pyw_board_claim(board, 14999, 500));
    ck_assert(pyw_board_claim(board, 15000, 500));
    pyw_board_publish(board, 15000, span("again"));
    check_read(board, "again");
    pyw_board_close(board);
    close(fd);
}
END_TEST

START_TEST(nobody_maps_it_for_writing)
{
    struct pyw_board *board;
    int fd;

    ck_assert_int_eq(pyw_board_create(CAPACITY, &board, &fd), 0);
    ck_assert_ptr_eq(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0),
                     MAP_FAILED);
    ck_assert_int_eq(errno, EPERM);
    ck_assert_int_lt(write(fd, "x", 1), 0);
    ck_assert_int_ne(ftruncate(fd, 0), 0);
    pyw_board_close(board);
    close(fd);
}
END_TEST

START_TEST(what_is_no_board)
{
    struct pyw_board *board = NULL;
    int fd = memfd_create("test", 0);
    int pipe_fds[2];

    ck_assert_int_eq(pyw_board_open(fd, &board), -EPROTO);
    ck_assert_int_eq(ftruncate(fd, CAPACITY), 0);
    ck_assert_int_eq(pyw_board_open(fd, &board), -EPROTO);
    ck_assert_ptr_null(board);
    ck_assert_int_eq(pipe(pipe_fds), 0);
    ck_assert_int_eq(pyw_board_open(pipe_fds[0], &board), -EPROTO);
    ck_assert_int_eq(pyw_board_open(-1, &board), -EBADF);
    close(fd);
    close(pipe_fds[0]);
    close(pipe_fds[1]);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {written_by_one_read_by_others,
                                  what_does_not_fit_is_not_written,
                                  a_claim_of_the_dead_is_over_in_time,
                                  nobody_maps_it_for_writing,
                                  what_is_no_board,
                                  NULL};

    return suite_run("board", tests);
}
