/* env= and env-file=: lines, quotes, and what is wrong with them. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/environment.h"
#include "suite.h"

static char why[512];

/* What a file with this text gives. */
static int read_text(const char *text, size_t len)
{
    char path[] = "/tmp/pywsgi-env-XXXXXX";
    int fd = mkstemp(path);
    int rv;

    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, text, len), (ssize_t)len);
    close(fd);
    why[0] = '\0';
    rv = pyw_environment_read(path, why, sizeof(why));
    unlink(path);
    return rv;
}

START_TEST(pairs)
{
    ck_assert(pyw_environment_is_pair("A=1"));
    ck_assert(pyw_environment_is_pair("_a9="));
    ck_assert(!pyw_environment_is_pair("A"));
    ck_assert(!pyw_environment_is_pair("=A"));
    ck_assert(!pyw_environment_is_pair("9=A"));
    ck_assert(!pyw_environment_is_pair("A B=C"));
    ck_assert(!pyw_environment_is_pair(""));
    ck_assert_int_eq(pyw_environment_set("PAIR=a=b"), 0);
    ck_assert_str_eq(getenv("PAIR"), "a=b");
    ck_assert_int_eq(pyw_environment_set("PAIR"), -EINVAL);
}
END_TEST

START_TEST(lines)
{
    static const char text[] =
        "# no\n\n  \t\nA=1\r\n B = two words \nC=\"a'b\"\nD=''\nE=last";

    ck_assert_int_eq(read_text(text, sizeof(text) - 1), 0);
    ck_assert_str_eq(getenv("A"), "1");
    ck_assert_str_eq(getenv("B"), "two words");
    ck_assert_str_eq(getenv("C"), "a'b");
    ck_assert_str_eq(getenv("D"), "");
    ck_assert_str_eq(getenv("E"), "last");
    ck_assert_int_eq(read_text("", 0), 0);
}
END_TEST

START_TEST(wrong_lines)
{
    static const struct {
        const char *text;
        const char *says;
    } rows[] = {
        {"A=1\nB\n", "line 2"},  {"=1\n", "line 1"},      {"A B=1\n", "line 1"},
        {"A='x\n", "quotes"},    {"A='\n", "quotes"},     {"A='x' y\n", "quotes"},
        {"A='x'y'\n", "quotes"}, {"\n\n1=1\n", "line 3"},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        ck_assert_msg(read_text(rows[i].text, strlen(rows[i].text)) == -EINVAL, "%s",
                      rows[i].text);
        ck_assert_msg(strstr(why, rows[i].says) != NULL, "%s: %s", rows[i].text, why);
    }
    ck_assert_int_eq(read_text("A=\0b\n", 5), -EINVAL);
    ck_assert_ptr_nonnull(strstr(why, "NUL"));
}
END_TEST

START_TEST(files_that_are_none)
{
    ck_assert_int_eq(pyw_environment_read("/nowhere/env", why, sizeof(why)), -ENOENT);
    ck_assert_ptr_nonnull(strstr(why, "/nowhere/env"));
    ck_assert_int_eq(pyw_environment_read("/tmp", why, sizeof(why)), -EINVAL);
    ck_assert_ptr_nonnull(strstr(why, "not a file"));
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {pairs, lines, wrong_lines, files_that_are_none, NULL};

    return suite_run("environment", tests);
}
