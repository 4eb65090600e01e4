/* Lines of a daemon's output: levels, long lines, the rest at the end. */
#include "supervisor/logpipe.h"

#include <check.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SEEN_MAX 16

struct seen {
    size_t count;
    struct {
        enum pyw_level level;
        size_t len;
        char text[64];
    } lines[SEEN_MAX];
};

static void keep(void *context, enum pyw_level level, const char *line, size_t len)
{
    struct seen *seen = context;
    size_t kept =
        len < sizeof(seen->lines[0].text) - 1 ? len : sizeof(seen->lines[0].text) - 1;

    ck_assert_uint_lt(seen->count, SEEN_MAX);
    seen->lines[seen->count].level = level;
    seen->lines[seen->count].len = len;
    memcpy(seen->lines[seen->count].text, line, kept);
    seen->lines[seen->count].text[kept] = '\0';
    seen->count++;
}

static int open_pipe(struct pyw_logpipe *pipe_under_test)
{
    int ends[2];

    ck_assert_int_eq(pipe2(ends, O_CLOEXEC), 0);
    ck_assert_int_eq(fcntl(ends[0], F_SETFL, O_NONBLOCK), 0);
    pyw_logpipe_init(pipe_under_test, ends[0], 7);
    return ends[1];
}

static void put(int fd, const char *text)
{
    ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
}

START_TEST(lines_have_levels)
{
    struct pyw_logpipe under_test;
    struct seen seen = {0};
    int fd = open_pipe(&under_test);

    put(fd, "plain\n<6>info\n<9>no level\n\n<4>half");
    ck_assert(pyw_logpipe_pump(&under_test, keep, &seen));
    ck_assert_uint_eq(seen.count, 3);
    ck_assert_int_eq(seen.lines[0].level, PYW_LEVEL_ERR);
    ck_assert_str_eq(seen.lines[0].text, "[pid 7] plain");
    ck_assert_int_eq(seen.lines[1].level, PYW_LEVEL_INFO);
    ck_assert_str_eq(seen.lines[1].text, "[pid 7] info");
    ck_assert_str_eq(seen.lines[2].text, "[pid 7] <9>no level");
    close(fd);
    ck_assert(!pyw_logpipe_pump(&under_test, keep, &seen));
    ck_assert_uint_eq(seen.count, 4);
    ck_assert_int_eq(seen.lines[3].level, PYW_LEVEL_WARNING);
    ck_assert_str_eq(seen.lines[3].text, "[pid 7] half");
    ck_assert_int_eq(under_test.fd, -1);
    pyw_logpipe_close(&under_test, keep, &seen);
    ck_assert_uint_eq(seen.count, 4);
}
END_TEST

START_TEST(a_line_too_long_is_split)
{
    struct pyw_logpipe under_test;
    struct seen seen = {0};
    int fd = open_pipe(&under_test);
    char *text = malloc(PYW_LOGPIPE_LINE + 11);

    memset(text, 'x', PYW_LOGPIPE_LINE + 9);
    strcpy(text + PYW_LOGPIPE_LINE + 9, "\n");
    put(fd, text);
    ck_assert(pyw_logpipe_pump(&under_test, keep, &seen));
    ck_assert_uint_eq(seen.count, 2);
    ck_assert_uint_eq(seen.lines[0].len, PYW_LOGPIPE_LINE + 8);
    ck_assert_uint_eq(seen.lines[1].len, 9 + 8);
    free(text);
    close(fd);
    pyw_logpipe_close(&under_test, keep, &seen);
}
END_TEST

START_TEST(lines_of_an_entry_stay_together)
{
    struct pyw_logpipe under_test;
    struct seen seen = {0};
    int fd = open_pipe(&under_test);

    put(fd, "<4+>one\n<4+>\n<4+>two\n");
    ck_assert(pyw_logpipe_pump(&under_test, keep, &seen));
    ck_assert_uint_eq(seen.count, 0);
    put(fd, "a stranger\n<4>three\n<6>alone\n<6+>x\n<6>\n<4+>cut");
    ck_assert(pyw_logpipe_pump(&under_test, keep, &seen));
    ck_assert_uint_eq(seen.count, 4);
    ck_assert_str_eq(seen.lines[0].text, "[pid 7] a stranger");
    ck_assert_int_eq(seen.lines[0].level, PYW_LEVEL_ERR);
    ck_assert_str_eq(seen.lines[1].text, "[pid 7] one\n[pid 7] two\n[pid 7] three");
    ck_assert_int_eq(seen.lines[1].level, PYW_LEVEL_WARNING);
    ck_assert_str_eq(seen.lines[2].text, "[pid 7] alone");
    ck_assert_str_eq(seen.lines[3].text, "[pid 7] x");
    close(fd);
    ck_assert(!pyw_logpipe_pump(&under_test, keep, &seen));
    ck_assert_uint_eq(seen.count, 5);
    ck_assert_str_eq(seen.lines[4].text, "[pid 7] cut");
    ck_assert_int_eq(seen.lines[4].level, PYW_LEVEL_WARNING);
}
END_TEST

START_TEST(an_entry_too_long_is_split)
{
    struct pyw_logpipe under_test;
    struct seen seen = {0};
    int fd = open_pipe(&under_test);
    size_t count = PYW_LOGPIPE_ENTRY / 1008 + 1; /* 999 bytes, the id, the end */
    char line[1004];
    size_t len = 0;

    memset(line, 'x', sizeof(line));
    memcpy(line, "<4+>", 4);
    line[sizeof(line) - 1] = '\n';
    for (size_t i = 0; i < count; i++) {
        ck_assert_int_eq(write(fd, line, sizeof(line)), sizeof(line));
        ck_assert(pyw_logpipe_pump(&under_test, keep, &seen));
    }
    put(fd, "<4>end\n");
    close(fd);
    ck_assert(!pyw_logpipe_pump(&under_test, keep, &seen));
    ck_assert_uint_eq(seen.count, 2);
    len = seen.lines[0].len + 1 + seen.lines[1].len;
    ck_assert_uint_eq(len, count * (8 + 999 + 1) + 8 + 3);
    ck_assert_uint_le(seen.lines[0].len, PYW_LOGPIPE_ENTRY);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("supervisor/logpipe");
    TCase *tests = tcase_create("logpipe");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_test(tests, lines_have_levels);
    tcase_add_test(tests, a_line_too_long_is_split);
    tcase_add_test(tests, lines_of_an_entry_stay_together);
    tcase_add_test(tests, an_entry_too_long_is_split);
    suite_add_tcase(suite, tests);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
