/* What a group that cannot start has said before. */
#include "supervisor/echo.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool say(struct pyw_echo *echo, const char *line)
{
    return pyw_echo_is_repeated(echo, line, strlen(line));
}

START_TEST(the_same_words_are_repeated_whatever_the_numbers)
{
    struct pyw_echo echo = {0};

    ck_assert(!say(&echo, "[pid 12] there is no /srv/app"));
    ck_assert(say(&echo, "[pid 345] there is no /srv/app"));
    ck_assert(!say(&echo, "[pid 345] there is no /srv/other"));
    pyw_echo_forget(&echo);
    ck_assert(!say(&echo, "[pid 12] there is no /srv/app"));
}
END_TEST

START_TEST(a_full_memory_repeats_what_it_holds)
{
    struct pyw_echo echo = {0};
    char line[PYW_ECHO_LINES + 8];

    for (size_t i = 1; i <= PYW_ECHO_LINES + 3; i++) {
        memset(line, 'a', i);
        line[i] = '\0';
        ck_assert(!say(&echo, line));
    }
    ck_assert(say(&echo, "a"));
    ck_assert_uint_eq(echo.count, PYW_ECHO_LINES);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("supervisor/echo");
    TCase *tests = tcase_create("echo");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_test(tests, the_same_words_are_repeated_whatever_the_numbers);
    tcase_add_test(tests, a_full_memory_repeats_what_it_holds);
    suite_add_tcase(suite, tests);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
