/* One group at work: processes that end for want of requests, or again and again. */
#include <signal.h>
#include <unistd.h>

#include "base/clock.h"
#include "crew_group.h"
#include "suite.h"

/* The only process had nothing to do. */
static void fall_asleep(void)
{
    struct pyw_process *process = find(PYW_STATE_READY);

    report(process, PYW_REPORT_IDLE);
    ck_assert_int_eq(process->state, PYW_STATE_DRAINING);
    ck_assert(pyw_table_is_asleep(group.table));
    ck_assert_uint_eq(pyw_table_target(group.table), 0);
    end_by(process, SIGKILL);
    assert_at_rest();
    ck_assert_uint_eq(in_state(PYW_STATE_STARTING), 0);
}

START_TEST(a_group_sleeps_until_it_is_called)
{
    begin(1, 0);
    fill();
    ck_assert(!pyw_table_is_asleep(group.table));
    for (int i = 0; i < 3; i++) {
        fall_asleep();
        ck_assert(pyw_table_call(group.table));
        tend();
        ck_assert(!pyw_table_is_asleep(group.table));
        ck_assert_uint_eq(in_state(PYW_STATE_STARTING), 1);
        fill();
    }
    finish();
}
END_TEST

START_TEST(one_that_is_called_and_cannot_start)
{
    begin(1, 0);
    fill();
    fall_asleep();
    ck_assert(pyw_table_call(group.table));
    ck_assert_int_eq(unlink(program), 0);
    tend();
    while (in_state(PYW_STATE_STARTING) > 0) {
        end_by(find(PYW_STATE_STARTING), SIGKILL);
    }
    ck_assert_uint_eq(pyw_table_failures(group.table), 1);
    ck_assert(!pyw_table_is_asleep(group.table)); /* it is tried again by itself */
    write_again();
    wait_due();
    ck_assert_uint_eq(in_state(PYW_STATE_STARTING), 1);
    finish();
}
END_TEST

START_TEST(a_group_that_was_dismissed_does_not_sleep)
{
    begin(1, 0);
    fill();
    pyw_crew_dismiss(&crew);
    tend();
    end_by(find(PYW_STATE_DRAINING), SIGKILL);
    tend();
    ck_assert(!pyw_table_is_asleep(group.table));
    finish();
}
END_TEST

/* The only process has ended by itself, and the next is not waited for. */
static void crash(void)
{
    end_by(find(PYW_STATE_READY), SIGKILL);
    ck_assert_int_le(crew.retry_at_ms, pyw_clock_now_ms() + 800);
    ck_assert_uint_eq(pyw_table_failures(group.table), 0); /* requests wait for it */
    crew.retry_at_ms = 0;
    fill();
}

START_TEST(a_crash_loop_does_not_flood_the_log)
{
    begin(1, 0);
    fill();
    for (unsigned i = 1; i <= 20; i++) {
        crash();
        ck_assert_uint_eq(signals, i < 8 ? i : 8);
    }
    crew.quick_said_ms -= 10000;
    crash();
    ck_assert_uint_eq(signals, 9);
    crash();
    ck_assert_uint_eq(signals, 9);
    find(PYW_STATE_READY)->spawned_ms -= 1000; /* one that has lived is news */
    crash();
    ck_assert_uint_eq(signals, 10);
    crash();
    ck_assert_uint_eq(signals, 11);
    finish();
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {a_group_sleeps_until_it_is_called,
                                  one_that_is_called_and_cannot_start,
                                  a_group_that_was_dismissed_does_not_sleep,
                                  a_crash_loop_does_not_flood_the_log, NULL};

    return suite_run("crew ends", tests);
}
