/* Spools: what goes in comes out, in its order, whether it fits into memory or not. */
#include "base/spool.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "suite.h"

#define PIECE ((size_t)PYW_SPOOL_MEMORY)
#define PRIME 8191

static unsigned char byte_at(size_t at)
{
    return (unsigned char)(at % 251);
}

/* Adds bytes as they follow those before. @return how many were taken. */
static size_t add(struct pyw_spool *spool, size_t *written, size_t len)
{
    unsigned char *data = malloc(len);
    size_t taken;

    ck_assert_ptr_nonnull(data);
    for (size_t i = 0; i < len; i++) {
        data[i] = byte_at(*written + i);
    }
    taken = pyw_spool_append(spool, data, len);
    *written += taken;
    free(data);
    return taken;
}

static void check_span(struct pyw_span span, size_t first)
{
    size_t same = 0;

    while (same < span.len && (unsigned char)span.data[same] == byte_at(first + same)) {
        same++;
    }
    ck_assert_uint_eq(same, span.len);
}

/* Takes up to that many out, and checks them. */
static void take(struct pyw_spool *spool, size_t *read, size_t len)
{
    static unsigned char scratch[PYW_SPOOL_MEMORY];

    while (len > 0 && pyw_spool_size(spool) > 0) {
        struct pyw_span found;
        size_t want = len < sizeof(scratch) ? len : sizeof(scratch);

        ck_assert_int_eq(pyw_spool_look(spool, 0, scratch, want, &found), 0);
        ck_assert_uint_gt(found.len, 0);
        check_span(found, *read);
        pyw_spool_drop(spool, found.len);
        *read += found.len;
        len -= found.len;
    }
}

START_TEST(a_little_stays_in_memory)
{
    struct pyw_spool spool;
    size_t written = 0;
    size_t read = 0;

    pyw_spool_init(&spool, PIECE * 4);
    ck_assert_uint_eq(add(&spool, &written, PIECE), PIECE);
    ck_assert_int_eq(spool.fd, -1);
    ck_assert_uint_eq(pyw_spool_size(&spool), PIECE);
    take(&spool, &read, SIZE_MAX);
    ck_assert_uint_eq(read, written);
    pyw_spool_free(&spool);
    pyw_spool_free(&spool);
}
END_TEST

START_TEST(more_goes_to_a_file_that_has_no_name)
{
    struct pyw_spool spool;
    struct stat about;
    size_t written = 0;
    size_t read = 0;

    pyw_spool_init(&spool, PIECE * 4);
    ck_assert_uint_eq(add(&spool, &written, PIECE * 3 + 5), PIECE * 3 + 5);
    ck_assert_int_eq(fstat(spool.fd, &about), 0);
    ck_assert_uint_eq(about.st_nlink, 0);
    ck_assert_int_eq(about.st_mode & 0777, 0600);
    ck_assert_int_eq(fcntl(spool.fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
    take(&spool, &read, SIZE_MAX);
    ck_assert_uint_eq(read, written);
    pyw_spool_free(&spool);
}
END_TEST

START_TEST(it_takes_as_much_as_it_may)
{
    struct pyw_spool spool;
    size_t written = 0;

    pyw_spool_init(&spool, 1000);
    ck_assert_uint_eq(add(&spool, &written, 600), 600);
    ck_assert_uint_eq(add(&spool, &written, 600), 400);
    ck_assert_uint_eq(add(&spool, &written, 1), 0);
    pyw_spool_drop(&spool, 10);
    ck_assert_uint_eq(add(&spool, &written, 600), 10);
    pyw_spool_free(&spool);
    pyw_spool_init(&spool, PIECE * 2 + 7);
    ck_assert_uint_eq(add(&spool, &written, PIECE * 3), PIECE * 2 + 7);
    pyw_spool_free(&spool);
}
END_TEST

START_TEST(the_file_is_used_again_and_again)
{
    struct pyw_spool spool;
    struct stat about;
    size_t written = 0;
    size_t read = 0;

    pyw_spool_init(&spool, PIECE * 3 + 100);
    for (int i = 0; i < 400; i++) {
        (void)add(&spool, &written, PRIME * (size_t)(i % 7 + 1));
        take(&spool, &read, PRIME * (size_t)(i % 5 + 1));
    }
    ck_assert_int_eq(fstat(spool.fd, &about), 0);
    ck_assert_int_le(about.st_size, (off_t)PIECE * 4);
    take(&spool, &read, SIZE_MAX);
    ck_assert_uint_eq(read, written);
    ck_assert_uint_gt(written, PIECE * 40);
    pyw_spool_free(&spool);
}
END_TEST

START_TEST(it_can_be_read_without_being_taken_out)
{
    unsigned char scratch[PRIME];
    struct pyw_spool spool;
    struct pyw_span found;
    size_t written = 0;

    pyw_spool_init(&spool, PIECE * 3);
    (void)add(&spool, &written, PIECE * 2 + 50);
    for (int turn = 0; turn < 2; turn++) {
        for (size_t at = 0; at < written; at += found.len) {
            ck_assert_int_eq(
                pyw_spool_look(&spool, at, scratch, sizeof(scratch), &found), 0);
            ck_assert_uint_gt(found.len, 0);
            check_span(found, at);
        }
    }
    ck_assert_int_eq(pyw_spool_look(&spool, written, scratch, PRIME, &found), 0);
    ck_assert_uint_eq(found.len, 0);
    pyw_spool_free(&spool);
}
END_TEST

/* Reads what it hands on as a reader of the file would. */
static void check_handed_on(struct pyw_spool *spool, size_t first, size_t expected)
{
    unsigned char *data = malloc(expected);
    struct pyw_spool_range ranges[2];
    size_t count = pyw_spool_ranges(spool, ranges);
    size_t got = 0;

    ck_assert_ptr_nonnull(data);
    for (size_t i = 0; i < count; i++) {
        ck_assert_int_eq(
            pread(spool->fd, data + got, ranges[i].length, (off_t)ranges[i].offset),
            (ssize_t)ranges[i].length);
        got += ranges[i].length;
    }
    ck_assert_uint_eq(got, expected);
    check_span((struct pyw_span){(char *)data, got}, first);
    free(data);
}

START_TEST(all_of_it_is_handed_on_as_a_file)
{
    struct pyw_spool spool;
    size_t written = 0;
    size_t read = 0;

    pyw_spool_init(&spool, PIECE * 3);
    (void)add(&spool, &written, PIECE * 3);
    take(&spool, &read, PIECE + PRIME);
    (void)add(&spool, &written, PIECE + 9);
    ck_assert_int_eq(pyw_spool_spill(&spool), 0);
    ck_assert_uint_eq(spool.filled, 0);
    check_handed_on(&spool, read, written - read);
    pyw_spool_free(&spool);
}
END_TEST

START_TEST(memory_is_handed_on)
{
    struct pyw_spool spool;
    unsigned char *memory;
    size_t written = 0;
    size_t len = 1;

    pyw_spool_init(&spool, PIECE);
    ck_assert_ptr_null(pyw_spool_take_memory(&spool, &len));
    ck_assert_uint_eq(len, 0);
    (void)add(&spool, &written, 100);
    memory = pyw_spool_take_memory(&spool, &len);
    ck_assert_uint_eq(len, 100);
    check_span((struct pyw_span){(char *)memory, len}, 0);
    free(memory);
    ck_assert_uint_eq(pyw_spool_size(&spool), 0);
    pyw_spool_free(&spool);
}
END_TEST

START_TEST(one_that_grows_needs_no_file)
{
    struct pyw_spool spool;
    size_t written = 0;
    size_t read = 0;

    pyw_spool_init_growing(&spool, PIECE * 16 + 3);
    ck_assert_uint_eq(add(&spool, &written, PIECE * 17), PIECE * 16 + 3);
    ck_assert_int_eq(spool.fd, -1);
    take(&spool, &read, PIECE * 5 + 1);
    ck_assert_uint_eq(add(&spool, &written, PIECE * 17), PIECE * 5 + 1);
    ck_assert_int_eq(spool.fd, -1);
    take(&spool, &read, SIZE_MAX);
    ck_assert_uint_eq(read, written);
    pyw_spool_free(&spool);
}
END_TEST

/* Twice, as what has been freed may be grown into again. */
START_TEST(all_that_grow_share_what_there_is)
{
    enum { MANY = 40 };
    static struct pyw_spool spools[MANY];

    for (int turn = 0; turn < 2; turn++) {
        int with_file = 0;

        for (int i = 0; i < MANY; i++) {
            size_t written = 0;

            pyw_spool_init_growing(&spools[i], PIECE * 16);
            ck_assert_uint_eq(add(&spools[i], &written, PIECE * 16), PIECE * 16);
            with_file += spools[i].fd >= 0 ? 1 : 0;
        }
        ck_assert_int_gt(with_file, MANY / 4);
        ck_assert_int_lt(with_file, MANY * 3 / 4);
        for (int i = 0; i < MANY; i++) {
            size_t read = 0;

            take(&spools[i], &read, SIZE_MAX);
            ck_assert_uint_eq(read, PIECE * 16);
            pyw_spool_free(&spools[i]);
        }
    }
}
END_TEST

/* What it held in memory goes to the file whole, and what follows behind it. */
START_TEST(one_that_may_grow_no_more_goes_to_a_file)
{
    static struct pyw_spool others[PYW_SPOOL_GROWN_MAX / (PIECE * 3)];
    size_t count = sizeof(others) / sizeof(others[0]);
    struct pyw_spool spool;
    size_t written = 0;
    size_t read = 0;

    pyw_spool_init_growing(&spool, PIECE * 16);
    (void)add(&spool, &written, PIECE * 3);
    for (size_t i = 0; i < count; i++) {
        size_t of_other = 0;

        pyw_spool_init_growing(&others[i], PIECE * 4);
        (void)add(&others[i], &of_other, PIECE * 4);
    }
    ck_assert_int_eq(spool.fd, -1);
    ck_assert_uint_eq(add(&spool, &written, PIECE * 10), PIECE * 10);
    ck_assert_int_ge(spool.fd, 0);
    take(&spool, &read, PIECE * 7 + 11);
    ck_assert_uint_eq(add(&spool, &written, PIECE * 16), PIECE * 10 + 11);
    take(&spool, &read, SIZE_MAX);
    ck_assert_uint_eq(read, written);
    pyw_spool_free(&spool);
    for (size_t i = 0; i < count; i++) {
        pyw_spool_free(&others[i]);
    }
}
END_TEST

START_TEST(without_a_file_there_is_only_memory)
{
    struct pyw_spool spool;
    size_t written = 0;
    size_t read = 0;

    ck_assert_int_eq(setenv("TMPDIR", "/nonexistent", 1), 0);
    pyw_spool_init(&spool, PIECE * 4);
    ck_assert_uint_eq(add(&spool, &written, PIECE * 2), PIECE);
    ck_assert_int_eq(spool.error, ENOENT);
    take(&spool, &read, PRIME);
    ck_assert_uint_eq(add(&spool, &written, PIECE), PRIME);
    take(&spool, &read, SIZE_MAX);
    ck_assert_uint_eq(read, written);
    pyw_spool_free(&spool);
}
END_TEST

START_TEST(what_does_not_fit_on_the_disk_stays_in_memory)
{
    struct pyw_spool spool;
    size_t written = 0;
    size_t read = 0;

    pyw_spool_init(&spool, PIECE * 4);
    spool.fd = open("/dev/full", O_RDWR | O_CLOEXEC);
    ck_assert_int_ge(spool.fd, 0);
    ck_assert_uint_eq(add(&spool, &written, PIECE * 2), PIECE);
    ck_assert_int_eq(spool.error, ENOSPC);
    take(&spool, &read, SIZE_MAX);
    ck_assert_uint_eq(read, written);
    pyw_spool_free(&spool);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {a_little_stays_in_memory,
                                  more_goes_to_a_file_that_has_no_name,
                                  it_takes_as_much_as_it_may,
                                  the_file_is_used_again_and_again,
                                  it_can_be_read_without_being_taken_out,
                                  all_of_it_is_handed_on_as_a_file,
                                  memory_is_handed_on,
                                  one_that_grows_needs_no_file,
                                  all_that_grow_share_what_there_is,
                                  one_that_may_grow_no_more_goes_to_a_file,
                                  without_a_file_there_is_only_memory,
                                  what_does_not_fit_on_the_disk_stays_in_memory,
                                  NULL};

    return suite_run("spool", tests);
}
