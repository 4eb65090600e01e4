/* A group with threads=0: a program ends before another starts, and none runs twice. */
#include <errno.h>
#include <signal.h>
#include <unistd.h>

#include "base/clock.h"
#include "crew_group.h"
#include "suite.h"
#include "supervisor/programs.h"
#include "supervisor/turn.h"

START_TEST(a_program_ends_before_another_starts)
{
    struct pyw_process *old;

    begin_programs(1);
    ck_assert_ptr_null(group.listeners);
    fill();
    old = find(PYW_STATE_READY);
    wish(old, PYW_WISH_REPLACE);
    ck_assert_int_eq(old->state, PYW_STATE_DRAINING);
    ck_assert_uint_eq(in_state(PYW_STATE_STARTING), 0);
    assert_at_rest();
    end_by(old, SIGKILL);
    tend();
    ck_assert(!find(PYW_STATE_STARTING)->is_successor);
    finish();
}
END_TEST

START_TEST(one_that_drains_by_itself_is_waited_for)
{
    begin_programs(1);
    fill();
    report(find(PYW_STATE_READY), PYW_REPORT_DRAINING);
    ck_assert_uint_eq(in_state(PYW_STATE_STARTING), 0);
    assert_at_rest();
    end_by(find(PYW_STATE_DRAINING), SIGKILL);
    tend();
    ck_assert_uint_eq(in_state(PYW_STATE_STARTING), 1);
    finish();
}
END_TEST

START_TEST(copies_are_replaced_a_few_at_a_time)
{
    begin_programs(4);
    fill();
    pyw_crew_roll(&crew);
    for (uint32_t replaced = 1; replaced <= 4; replaced++) {
        ck_assert_int_eq(crew.roll.state, PYW_ROLL_ON);
        tend();
        ck_assert_uint_eq(in_state(PYW_STATE_READY), 3);
        ck_assert_uint_eq(in_state(PYW_STATE_DRAINING), 1);
        assert_at_rest();
        end_by(find(PYW_STATE_DRAINING), SIGKILL);
        tend();
        report(find(PYW_STATE_STARTING), PYW_REPORT_READY);
    }
    ck_assert_int_eq(crew.roll.state, PYW_ROLL_DONE);
    ck_assert_uint_eq(crew.roll.replaced, 4);
    finish();
}
END_TEST

START_TEST(one_that_ends_at_once_is_backed_off_for_long)
{
    int64_t most_ms = 0;

    begin_programs(1);
    for (int times = 0; times < 6; times++) {
        tend();
        report(find(PYW_STATE_STARTING), PYW_REPORT_READY);
        end_by(find(PYW_STATE_READY), SIGKILL);
        most_ms = crew.retry_at_ms - pyw_clock_now_ms();
        crew.retry_at_ms = 0;
    }
    ck_assert_int_gt(most_ms, 2000); /* 0.1 s doubled five times is 3.2 s */
    finish();
}
END_TEST

START_TEST(the_next_generation_waits_for_its_turn)
{
    struct pyw_crew next;

    begin_programs(2);
    fill();
    begin_another(&next);
    pyw_crew_tend(&next);
    ck_assert(pyw_process_is_empty(&next.processes[0]));
    pyw_programs_retire(&crew);
    ck_assert_uint_eq(in_state(PYW_STATE_DRAINING), 2);
    end_by(find(PYW_STATE_DRAINING), SIGKILL);
    next.retry_at_ms = 0;
    pyw_crew_tend(&next);
    ck_assert(pyw_process_is_empty(&next.processes[0]));
    end_by(find(PYW_STATE_DRAINING), SIGKILL);
    tend();
    ck_assert_uint_eq(in_state(PYW_STATE_STARTING), 0); /* that one is over */
    next.retry_at_ms = 0;
    pyw_crew_tend(&next);
    ck_assert(!pyw_process_is_empty(&next.processes[0]));
    pyw_crew_free(&crew);
    crew = next;
    finish();
}
END_TEST

START_TEST(groups_do_not_wait_for_each_other)
{
    int file = pyw_turn_create();
    int a = -1;
    int b = -1;
    int again = -1;

    ck_assert_int_eq(pyw_turn_take(file, "a", &a), 0);
    ck_assert_int_eq(pyw_turn_take(file, "b", &b), 0);
    ck_assert_int_eq(pyw_turn_take(file, "a", &again), -EAGAIN);
    close(a);
    ck_assert_int_eq(pyw_turn_take(file, "a", &again), 0);
    close(again);
    close(b);
    close(file);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {a_program_ends_before_another_starts,
                                  one_that_drains_by_itself_is_waited_for,
                                  copies_are_replaced_a_few_at_a_time,
                                  one_that_ends_at_once_is_backed_off_for_long,
                                  the_next_generation_waits_for_its_turn,
                                  groups_do_not_wait_for_each_other,
                                  NULL};

    return suite_run("programs", tests);
}
