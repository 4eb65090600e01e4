/* Snapshots of the scoreboard: there and back, and hostile ones. */
#include <errno.h>
#include <string.h>

#include "base/scoreboard.h"
#include "suite.h"

static const struct pyw_scoreboard_worker worker = {
    .generation = 3,
    .status = 'W',
    .accesses = 12345678901,
    .bytes = 98765432109,
    .start_us = 1700000000000001,
    .stop_us = 1700000000000002,
    .last_us = 1700000000000003,
    .client = {"127.0.0.1", 9},
    .request = {"GET / HTTP/1.1", 14},
    .vhost = {"host:80", 7},
};

static void put(struct pyw_writer *writer)
{
    const struct pyw_scoreboard board = {1, 1, 3, 1700000000000000, 1700000000999999};
    const struct pyw_scoreboard_process process = {4711, 3, true};

    pyw_bytes_init(writer);
    pyw_scoreboard_put(writer, &board);
    pyw_scoreboard_put_process(writer, &process);
    pyw_scoreboard_put_worker(writer, &worker);
    ck_assert(!writer->failed);
}

/* @return 0 when `len` bytes hold all of it. */
static int get(const void *data, size_t len, struct pyw_scoreboard_worker *read)
{
    struct pyw_scoreboard board;
    struct pyw_scoreboard_process process;
    struct pyw_reader reader;

    pyw_bytes_read_from(&reader, data, len);
    if (pyw_scoreboard_get(&reader, &board) != 0 ||
        pyw_scoreboard_get_process(&reader, &process) != 0 ||
        pyw_scoreboard_get_worker(&reader, read) != 0) {
        return -EPROTO;
    }
    ck_assert_uint_eq(board.generation, 3);
    ck_assert_int_eq(board.restart_us, 1700000000000000);
    ck_assert_int_eq(process.pid, 4711);
    ck_assert(process.is_quiescing);
    return pyw_bytes_is_done(&reader) ? 0 : -EPROTO;
}

START_TEST(there_and_back)
{
    struct pyw_scoreboard_worker read;
    struct pyw_writer writer;

    put(&writer);
    ck_assert_int_eq(get(writer.data, writer.len, &read), 0);
    ck_assert_int_eq(read.status, 'W');
    ck_assert_uint_eq(read.accesses, worker.accesses);
    ck_assert_uint_eq(read.bytes, worker.bytes);
    ck_assert_int_eq(read.last_us, worker.last_us);
    ck_assert(pyw_bytes_is_equal(read.client, "127.0.0.1"));
    ck_assert(pyw_bytes_is_equal(read.request, "GET / HTTP/1.1"));
    ck_assert(pyw_bytes_is_equal(read.vhost, "host:80"));
    pyw_bytes_free(&writer);
}
END_TEST

START_TEST(cut_anywhere_is_refused)
{
    struct pyw_scoreboard_worker read;
    struct pyw_writer writer;

    put(&writer);
    for (size_t len = 0; len < writer.len; len++) {
        ck_assert_int_eq(get(writer.data, len, &read), -EPROTO);
    }
    pyw_bytes_free(&writer);
}
END_TEST

START_TEST(nonsense_is_refused)
{
    struct pyw_scoreboard_worker read;
    struct pyw_writer writer;
    size_t process_at = 28;
    size_t status_at = process_at + 13 + 4;

    put(&writer);
    writer.data[status_at] = 'X';
    ck_assert_int_eq(get(writer.data, writer.len, &read), -EPROTO);
    writer.data[status_at] = '\0';
    ck_assert_int_eq(get(writer.data, writer.len, &read), -EPROTO);
    writer.data[status_at] = 'W';
    writer.data[process_at + 12] = 2;
    ck_assert_int_eq(get(writer.data, writer.len, &read), -EPROTO);
    writer.data[process_at + 12] = 1;
    ck_assert_int_eq(get(writer.data, writer.len, &read), 0);
    memset(writer.data, 0xff, 4);
    ck_assert_int_eq(get(writer.data, writer.len, &read), -EPROTO);
    pyw_bytes_free(&writer);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {there_and_back, cut_anywhere_is_refused,
                                  nonsense_is_refused, NULL};

    return suite_run("scoreboard", tests);
}
