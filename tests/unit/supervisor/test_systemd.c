/* The way to a service manager: what the environment says, and what arrives. */
#include "supervisor/systemd.h"

#include <check.h>
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static struct pyw_systemd manager;

static void set(const char *socket, const char *usec, const char *pid)
{
    ck_assert_int_eq(setenv("NOTIFY_SOCKET", socket, 1), 0);
    ck_assert_int_eq(setenv("WATCHDOG_USEC", usec, 1), 0);
    ck_assert_int_eq(setenv("WATCHDOG_PID", pid, 1), 0);
}

START_TEST(nobody_is_told_without_an_address)
{
    ck_assert_int_eq(unsetenv("NOTIFY_SOCKET"), 0);
    ck_assert_int_eq(pyw_systemd_find(&manager, 7, false), 0);
    ck_assert(!pyw_systemd_is_there(&manager));
    ck_assert_int_eq(pyw_systemd_say(&manager, "READY=1"), 0);
    set("", "1000", "");
    ck_assert_int_eq(pyw_systemd_find(&manager, 7, false), 0);
    ck_assert(!pyw_systemd_is_there(&manager));
    ck_assert_int_eq(manager.watchdog_ms, 0);
}
END_TEST

START_TEST(addresses_of_other_kinds_are_refused)
{
    static const char *const wrong[] = {"vsock:2:1", "relative", "/", "@"};
    char longest[128];

    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        set(wrong[i], "0", "");
        ck_assert_int_eq(pyw_systemd_find(&manager, 7, false), -EINVAL);
        ck_assert(!pyw_systemd_is_there(&manager));
    }
    memset(longest, 'x', sizeof(longest));
    longest[0] = '/';
    longest[108] = '\0';
    set(longest, "0", "");
    ck_assert_int_eq(pyw_systemd_find(&manager, 7, false), -EINVAL);
    longest[107] = '\0';
    set(longest, "0", "");
    ck_assert_int_eq(pyw_systemd_find(&manager, 7, false), 0);
    ck_assert_int_lt(pyw_systemd_say(&manager, "READY=1"), 0);
}
END_TEST

START_TEST(the_watchdog_is_ours_or_somebody_elses)
{
    static const struct {
        const char *usec;
        const char *pid;
        bool is_detached;
        int64_t expected_ms;
    } cases[] = {
        {"30000000", "7", false, 15000},
        {"30000000", "", false, 15000},
        {"30000000", "8", false, 0},
        {"30000000", "8", true, 15000},
        {"0", "7", false, 0},
        {"-5", "7", false, 0},
        {"30s", "7", false, 0},
        {"99999999999999999999", "7", false, 0},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        set("/run/notify", cases[i].usec, cases[i].pid);
        ck_assert_int_eq(pyw_systemd_find(&manager, 7, cases[i].is_detached), 0);
        ck_assert_int_eq(manager.watchdog_ms, cases[i].expected_ms);
        ck_assert_int_eq(manager.main_pid, cases[i].is_detached ? 7 : 0);
    }
}
END_TEST

static void expect_arrival(const char *address, const char *name, size_t name_len)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    char text[PYW_SYSTEMD_MAX + 1] = "";
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    memcpy(at.sun_path, name, name_len);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(
        bind(fd, (struct sockaddr *)&at,
             (socklen_t)(offsetof(struct sockaddr_un, sun_path) + name_len)),
        0);
    set(address, "0", "");
    ck_assert_int_eq(pyw_systemd_find(&manager, 7, false), 0);
    ck_assert_int_eq(pyw_systemd_say(&manager, "STATUS=%d of %s", 2, "web"), 0);
    ck_assert_int_eq(recv(fd, text, sizeof(text) - 1, 0), 15);
    ck_assert_str_eq(text, "STATUS=2 of web");
    /* One that is too long arrives, cut. */
    ck_assert_int_eq(pyw_systemd_say(&manager, "STATUS=%5000d", 1), 0);
    ck_assert_int_eq(recv(fd, text, sizeof(text) - 1, 0), PYW_SYSTEMD_MAX - 1);
    close(fd);
}

START_TEST(datagrams_arrive)
{
    char path[64];
    char name[64];

    snprintf(path, sizeof(path), "/tmp/pywsgi-notify-%d", (int)getpid());
    expect_arrival(path, path, strlen(path) + 1);
    ck_assert_int_eq(unlink(path), 0);
    snprintf(path, sizeof(path), "@pywsgi-notify-%d", (int)getpid());
    memcpy(name, path, sizeof(name));
    name[0] = '\0';
    expect_arrival(path, name, strlen(path));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("supervisor/systemd");
    TCase *tests = tcase_create("systemd");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_test(tests, nobody_is_told_without_an_address);
    tcase_add_test(tests, addresses_of_other_kinds_are_refused);
    tcase_add_test(tests, the_watchdog_is_ours_or_somebody_elses);
    tcase_add_test(tests, datagrams_arrive);
    suite_add_tcase(suite, tests);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
