/* The last lines of a process: the oldest go first, whole. */
#include "supervisor/tail.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

#include "suite.h"

static struct pyw_tail tail;

static void add(pid_t pid, const char *text)
{
    pyw_tail_add(&tail, pid, text, strlen(text));
}

static void expect(const char *text)
{
    ck_assert_uint_eq(tail.len, strlen(text));
    ck_assert_int_eq(memcmp(tail.text, text, tail.len), 0);
}

START_TEST(lines_are_kept_for_as_long_as_one_process_speaks)
{
    add(7, "one");
    add(7, "two\nthree");
    add(7, "");
    expect("one\ntwo\nthree\n\n");
    add(8, "another");
    expect("another\n");
    ck_assert_int_eq(tail.pid, 8);
}
END_TEST

START_TEST(the_oldest_lines_make_room)
{
    char line[16];
    char last[16];

    for (int i = 0; i < 10000; i++) {
        (void)snprintf(line, sizeof(line), "line %d", i);
        add(7, line);
        ck_assert_uint_le(tail.len, sizeof(tail.text));
        ck_assert_int_eq(memcmp(tail.text, "line ", 5), 0);
    }
    ck_assert_uint_gt(tail.len, sizeof(tail.text) - sizeof(line));
    (void)snprintf(last, sizeof(last), "\n%s\n", line);
    ck_assert_int_eq(memcmp(tail.text + tail.len - strlen(last), last, strlen(last)),
                     0);
}
END_TEST

START_TEST(a_text_that_is_too_long_is_cut_in_front)
{
    static char text[3 * PYW_TAIL_SIZE + 1];

    memset(text, 'x', sizeof(text) - 1);
    add(7, "before");
    add(7, text);
    ck_assert_uint_eq(tail.len, PYW_TAIL_SIZE);
    memcpy(text + sizeof(text) - 10, "\nlast one", 9);
    add(7, text);
    expect("last one\n");
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {lines_are_kept_for_as_long_as_one_process_speaks,
                                  the_oldest_lines_make_room,
                                  a_text_that_is_too_long_is_cut_in_front, NULL};

    return suite_run("tail", tests);
}
