/* Deadlines and the back-off. */
#include <limits.h>

#include "base/clock.h"
#include "suite.h"

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
                                  backoff_doubles_up_to_ten_seconds, NULL};

    return suite_run("clock", tests);
}
