/* Deadlines and the back-off. */
#include <limits.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "suite.h"

/* By how much somebody has set the wall clock. */
static time_t set_by;

/* In place of the C library's. */
int clock_gettime(clockid_t clock, struct timespec *now)
{
    int rv = (int)syscall(SYS_clock_gettime, clock, now);

    now->tv_sec += clock == CLOCK_REALTIME ? set_by : 0;
    return rv;
}

START_TEST(until_a_deadline)
{
    ck_assert_int_eq(pyw_clock_until(PYW_CLOCK_NEVER), -1);
    ck_assert_int_eq(pyw_clock_until(0), 0);
    ck_assert_int_eq(pyw_clock_until(pyw_clock_now_ms() - 5), 0);
    ck_assert_int_eq(pyw_clock_until(PYW_CLOCK_NEVER - 1), INT_MAX);
    ck_assert_int_gt(pyw_clock_until(pyw_clock_now_ms() + 60000), 50000);
}
END_TEST

START_TEST(clocks_run)
{
    int64_t before = pyw_clock_now_us();

    ck_assert_int_ge(pyw_clock_now_us(), before);
    ck_assert_int_gt(pyw_clock_epoch_us(), (int64_t)1600000000 * 1000000);
    ck_assert_int_ge(pyw_clock_cpu_us(), 0);
}
END_TEST

START_TEST(a_wall_clock_that_is_set_changes_no_wait)
{
    int64_t now_us = pyw_clock_now_us();
    int64_t arrival_us = pyw_clock_epoch_us() - 3000000;
    int64_t since_us = pyw_clock_of_epoch_us(arrival_us);

    ck_assert_int_ge(since_us, now_us - 3000000);
    ck_assert_int_lt(since_us, now_us);
    set_by = 86400;
    ck_assert_int_ge(pyw_clock_now_us() - since_us, 3000000);
    ck_assert_int_lt(pyw_clock_now_us() - since_us, 60000000);
    /* Set back before the arrival was looked at: it seems to lie ahead. */
    set_by = -86400;
    ck_assert_int_ge(pyw_clock_of_epoch_us(arrival_us), now_us);
    ck_assert_int_le(pyw_clock_of_epoch_us(arrival_us), pyw_clock_now_us());
}
END_TEST

START_TEST(backoff_doubles_up_to_ten_seconds)
{
    static const int expected[] = {100, 200, 400, 800, 1600, 3200, 6400, 10000, 10000};

    for (unsigned i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
        ck_assert_int_eq(pyw_clock_backoff_ms(i + 1), expected[i]);
    }
    ck_assert_int_eq(pyw_clock_backoff_ms(UINT_MAX), 10000);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {until_a_deadline, clocks_run,
                                  a_wall_clock_that_is_set_changes_no_wait,
                                  backoff_doubles_up_to_ten_seconds, NULL};

    return suite_run("clock", tests);
}
