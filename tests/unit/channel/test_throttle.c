/* Lines in the log for many events: the first at once, the others in one. */
#include <string.h>

#include "base/clock.h"
#include "channel/throttle.h"
#include "suite.h"

static struct pyw_throttle throttle;

static void let_time_pass(void)
{
    atomic_fetch_sub(&throttle.said_ms, PYW_THROTTLE_MS);
}

START_TEST(the_first_is_told_of_and_the_others_counted)
{
    memset(&throttle, 0, sizeof(throttle));
    ck_assert_uint_eq(pyw_throttle_due(&throttle), 0);
    ck_assert(pyw_throttle_note(&throttle));
    ck_assert_uint_eq(pyw_throttle_due(&throttle), 0);
    for (int i = 0; i < 7; i++) {
        ck_assert(!pyw_throttle_note(&throttle));
        ck_assert_uint_eq(pyw_throttle_due(&throttle), 0);
    }
    let_time_pass();
    ck_assert_uint_eq(pyw_throttle_due(&throttle), 7);
    ck_assert_uint_eq(pyw_throttle_due(&throttle), 0);
}
END_TEST

START_TEST(while_they_go_on_none_is_the_first)
{
    memset(&throttle, 0, sizeof(throttle));
    ck_assert(pyw_throttle_note(&throttle));
    ck_assert(!pyw_throttle_note(&throttle));
    let_time_pass();
    ck_assert(!pyw_throttle_note(&throttle)); /* another of those to be told of */
    ck_assert_uint_eq(pyw_throttle_due(&throttle), 2);
    ck_assert(!pyw_throttle_note(&throttle));
    let_time_pass();
    ck_assert_uint_eq(pyw_throttle_due(&throttle), 1);
}
END_TEST

START_TEST(after_some_quiet_the_next_is_a_first)
{
    memset(&throttle, 0, sizeof(throttle));
    ck_assert(pyw_throttle_note(&throttle));
    let_time_pass();
    ck_assert(pyw_throttle_note(&throttle));
    ck_assert_uint_eq(pyw_throttle_due(&throttle), 0);
}
END_TEST

START_TEST(a_time_to_come_is_none)
{
    memset(&throttle, 0, sizeof(throttle));
    atomic_store(&throttle.said_ms, INT64_MAX);
    ck_assert(pyw_throttle_note(&throttle));
    atomic_store(&throttle.said_ms, INT64_MIN);
    ck_assert(pyw_throttle_note(&throttle));
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        the_first_is_told_of_and_the_others_counted, while_they_go_on_none_is_the_first,
        after_some_quiet_the_next_is_a_first, a_time_to_come_is_none, NULL};

    return suite_run("throttle", tests);
}
