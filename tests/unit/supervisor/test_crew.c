/* One group at work: successors first, a few at a time, and what a failed one changes.
 */
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/clock.h"
#include "crew_group.h"
#include "suite.h"

START_TEST(a_successor_comes_first)
{
    struct pyw_process *old;
    struct pyw_process *successor;

    begin(1, 0);
    fill();
    old = find(PYW_STATE_READY);
    ck_assert(!old->is_successor);
    wish(old, PYW_WISH_REPLACE);
    successor = find(PYW_STATE_STARTING);
    ck_assert(successor->is_successor);
    ck_assert_int_eq(old->state, PYW_STATE_READY);
    assert_at_rest();
    report(successor, PYW_REPORT_READY);
    ck_assert_int_eq(successor->state, PYW_STATE_READY);
    ck_assert_int_eq(old->state, PYW_STATE_DRAINING);
    assert_at_rest();
    end_by(old, SIGKILL);
    assert_at_rest();
    ck_assert_uint_eq(in_state(PYW_STATE_READY), 1);
    ck_assert_uint_eq(in_state(PYW_STATE_STARTING), 0);
    ck_assert_int_eq(crew.roll.state, PYW_ROLL_NONE); /* one process is no roll */
    finish();
}
END_TEST

START_TEST(the_wish_of_one_replaces_that_one)
{
    struct pyw_process *old;

    begin(4, 4);
    fill();
    old = at(2);
    wish(old, PYW_WISH_REPLACE);
    ck_assert_uint_eq(in_state(PYW_STATE_STARTING), 1);
    report(find(PYW_STATE_STARTING), PYW_REPORT_READY);
    ck_assert_int_eq(old->state, PYW_STATE_DRAINING);
    ck_assert_uint_eq(in_state(PYW_STATE_READY), 4);
    ck_assert_uint_eq(in_state(PYW_STATE_STARTING), 0);
    finish();
}
END_TEST

/* Rolls all processes, of whom `most` may be on their way at a time. */
static void roll(uint32_t processes, int64_t max_unavailable, uint32_t most)
{
    uint32_t replaced = 0;

    begin(processes, max_unavailable);
    fill();
    wish(find(PYW_STATE_READY), PYW_WISH_REPLACE_ALL);
    ck_assert_int_eq(crew.roll.state, PYW_ROLL_ON);
    while (crew.roll.state == PYW_ROLL_ON) {
        uint32_t left = processes - replaced;

        ck_assert_uint_eq(in_state(PYW_STATE_STARTING), left < most ? left : most);
        ck_assert_uint_eq(in_state(PYW_STATE_READY), processes);
        report(find(PYW_STATE_STARTING), PYW_REPORT_READY);
        end_by(find(PYW_STATE_DRAINING), SIGKILL);
        tend();
        replaced++;
    }
    ck_assert_int_eq(crew.roll.state, PYW_ROLL_DONE);
    ck_assert_uint_eq(crew.roll.replaced, processes);
    ck_assert_uint_eq(replaced, processes);
    for (uint32_t slot = 0; slot < group.slots; slot++) {
        ck_assert(pyw_process_is_empty(at(slot)) || at(slot)->is_successor);
    }
    assert_at_rest();
    finish();
}

START_TEST(a_quarter_is_replaced_at_a_time)
{
    roll(4, 0, 1);
    roll(5, 0, 2);
    roll(1, 0, 1);
}
END_TEST

START_TEST(no_more_than_max_unavailable_at_a_time)
{
    roll(4, 3, 3);
    roll(2, 100, 2);
}
END_TEST

START_TEST(a_roll_that_is_asked_for)
{
    begin(2, 2);
    fill();
    pyw_crew_roll(&crew);
    tend();
    ck_assert_uint_eq(in_state(PYW_STATE_STARTING), 2);
    report(find(PYW_STATE_STARTING), PYW_REPORT_READY);
    report(find(PYW_STATE_STARTING), PYW_REPORT_READY);
    ck_assert_uint_eq(in_state(PYW_STATE_DRAINING), 2);
    ck_assert_int_eq(crew.roll.state, PYW_ROLL_DONE);
    finish();
}
END_TEST

START_TEST(a_failed_successor_changes_nothing)
{
    struct pyw_process *old[2];

    begin(2, 2);
    fill();
    old[0] = at(0);
    old[1] = at(1);
    wish(old[0], PYW_WISH_REPLACE_ALL);
    for (unsigned failures = 1; failures < 4; failures++) {
        end_by(find(PYW_STATE_STARTING), SIGKILL);
        end_by(find(PYW_STATE_STARTING), SIGKILL);
        ck_assert_int_eq(crew.roll.state, PYW_ROLL_FAILED);
        ck_assert_uint_eq(complaints, 1);
        ck_assert_uint_eq(pyw_table_failures(group.table), 0);
        ck_assert_int_eq(old[0]->state, PYW_STATE_READY);
        ck_assert_int_eq(old[1]->state, PYW_STATE_READY);
        tend();
        ck_assert_uint_eq(in_state(PYW_STATE_STARTING), 0); /* not at once */
        wait_due();
        ck_assert_uint_eq(in_state(PYW_STATE_STARTING), 2);
    }
    report(find(PYW_STATE_STARTING), PYW_REPORT_READY);
    report(find(PYW_STATE_STARTING), PYW_REPORT_READY);
    ck_assert_int_eq(old[0]->state, PYW_STATE_DRAINING);
    ck_assert_int_eq(old[1]->state, PYW_STATE_DRAINING);
    ck_assert_int_eq(crew.roll.state, PYW_ROLL_DONE);
    finish();
}
END_TEST

/* Two that fail together are one failure, and waited for as long. */
START_TEST(a_failed_round_counts_once)
{
    begin(2, 0);
    tend();
    end_by(at(0), SIGKILL);
    end_by(at(1), SIGKILL);
    ck_assert_uint_eq(pyw_table_failures(group.table), 1);
    wait_due();
    ck_assert_uint_eq(in_state(PYW_STATE_STARTING), 2);
    end_by(find(PYW_STATE_STARTING), SIGKILL);
    report(find(PYW_STATE_STARTING), PYW_REPORT_READY);
    ck_assert_uint_eq(pyw_table_failures(group.table), 0);
    finish();
}
END_TEST

/* It is over when others are ready. */
START_TEST(a_restart)
{
    begin(2, 0);
    fill();
    pyw_crew_restart(&crew);
    tend();
    ck_assert_uint_eq(in_state(PYW_STATE_STARTING), 2);
    ck_assert_int_eq(crew.roll.state, PYW_ROLL_ON);
    report(find(PYW_STATE_STARTING), PYW_REPORT_READY);
    ck_assert_int_eq(crew.roll.state, PYW_ROLL_ON);
    report(find(PYW_STATE_STARTING), PYW_REPORT_READY);
    ck_assert_int_eq(crew.roll.state, PYW_ROLL_DONE);
    ck_assert_uint_eq(crew.roll.replaced, 2);
    finish();
}
END_TEST

/* But for the shortest wait, and not where another process sees the same change. */
START_TEST(a_script_that_changes_again_is_tried_soon)
{
    struct pyw_process *old;

    begin(2, 1);
    fill();
    old = find(PYW_STATE_READY);
    wish(old, PYW_WISH_REPLACE_ALL);
    end_by(find(PYW_STATE_STARTING), SIGKILL);
    crew.replace_failures = 20;
    crew.replace_at_ms = pyw_clock_now_ms() + 10000;
    wish(pyw_process_is_empty(&crew.processes[0]) || &crew.processes[0] == old
             ? &crew.processes[1]
             : &crew.processes[0],
         PYW_WISH_REPLACE_ALL);
    ck_assert_uint_eq(crew.replace_failures, 20);
    wish(old, PYW_WISH_REPLACE_ALL);
    ck_assert_uint_eq(crew.replace_failures, 0);
    while (in_state(PYW_STATE_STARTING) == 0) {
        ck_assert_int_le(pyw_crew_deadline_ms(&crew), pyw_clock_now_ms() + 150);
        usleep(1000);
        tend();
    }
    finish();
}
END_TEST

/* The one that starts then takes its place. */
START_TEST(one_that_is_due_dies)
{
    struct pyw_process *old;

    begin(1, 0);
    fill();
    old = find(PYW_STATE_READY);
    wish(old, PYW_WISH_REPLACE_ALL);
    end_by(old, SIGKILL);
    tend();
    ck_assert_uint_eq(in_state(PYW_STATE_STARTING), 1);
    report(find(PYW_STATE_STARTING), PYW_REPORT_READY);
    ck_assert_uint_eq(in_state(PYW_STATE_READY), 1);
    ck_assert_uint_eq(in_state(PYW_STATE_STARTING), 0);
    ck_assert_int_eq(crew.roll.state, PYW_ROLL_DONE);
    assert_at_rest();
    finish();
}
END_TEST

/* With nobody to serve, it is a start that failed like any other. */
START_TEST(one_that_is_due_dies_and_its_successor_fails)
{
    begin(1, 0);
    fill();
    wish(find(PYW_STATE_READY), PYW_WISH_REPLACE_ALL);
    end_by(find(PYW_STATE_READY), SIGKILL);
    end_by(find(PYW_STATE_STARTING), SIGKILL);
    ck_assert_uint_eq(complaints, 0);
    ck_assert_uint_eq(pyw_table_failures(group.table), 1);
    wait_due();
    ck_assert(!find(PYW_STATE_STARTING)->is_successor);
    finish();
}
END_TEST

START_TEST(one_that_is_missing_has_to_load_while_another_serves)
{
    begin(2, 0);
    fill();
    end_by(at(0), SIGKILL);
    wait_due(); /* it ended right after its start */
    ck_assert(find(PYW_STATE_STARTING)->is_successor);
    for (unsigned failures = 1; failures < 4; failures++) {
        end_by(find(PYW_STATE_STARTING), SIGKILL);
        ck_assert_uint_eq(complaints, 1);
        ck_assert_uint_eq(pyw_table_failures(group.table), 0);
        tend();
        ck_assert_uint_eq(in_state(PYW_STATE_STARTING), 0); /* not at once */
        wait_due();
        ck_assert_uint_eq(in_state(PYW_STATE_STARTING), 1);
    }
    report(find(PYW_STATE_STARTING), PYW_REPORT_READY);
    ck_assert_uint_eq(in_state(PYW_STATE_READY), 2);
    assert_at_rest();
    finish();
}
END_TEST

START_TEST(a_successor_dies_once_it_is_ready)
{
    struct pyw_process *old;
    struct pyw_process *successor;

    begin(1, 0);
    fill();
    old = find(PYW_STATE_READY);
    wish(old, PYW_WISH_REPLACE);
    successor = find(PYW_STATE_STARTING);
    report(successor, PYW_REPORT_READY);
    end_by(successor, SIGKILL);
    ck_assert_int_eq(old->state, PYW_STATE_DRAINING);
    wait_due();
    ck_assert_uint_eq(in_state(PYW_STATE_STARTING), 1);
    finish();
}
END_TEST

START_TEST(all_slots_draining_keep_nobody_busy)
{
    begin(1, 0);
    fill();
    wish(find(PYW_STATE_READY), PYW_WISH_REPLACE);
    report(find(PYW_STATE_STARTING), PYW_REPORT_READY);
    ck_assert_uint_eq(in_state(PYW_STATE_DRAINING), 1);
    /* The successor wants to be replaced as well, and there is no slot. */
    wish(find(PYW_STATE_READY), PYW_WISH_REPLACE_ALL);
    ck_assert_uint_eq(in_state(PYW_STATE_STARTING), 0);
    ck_assert_uint_eq(in_state(PYW_STATE_READY), 1);
    assert_at_rest();
    end_by(find(PYW_STATE_DRAINING), SIGKILL);
    tend();
    ck_assert_uint_eq(in_state(PYW_STATE_STARTING), 1);
    /* Both drain by themselves: nothing serves, and again there is no slot. */
    report(find(PYW_STATE_STARTING), PYW_REPORT_READY);
    report(find(PYW_STATE_READY), PYW_REPORT_DRAINING);
    ck_assert_uint_eq(in_state(PYW_STATE_DRAINING), 2);
    assert_at_rest();
    end_by(find(PYW_STATE_DRAINING), SIGKILL);
    tend();
    ck_assert_uint_eq(in_state(PYW_STATE_STARTING), 1);
    finish();
}
END_TEST

/* The slot is there, and nothing else will wake the supervisor. */
START_TEST(a_successor_that_cannot_be_started_is_tried_again)
{
    struct rlimit before;
    struct rlimit none;

    begin(1, 0);
    fill();
    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &before), 0);
    none = before;
    none.rlim_cur = 3;
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
    wish(find(PYW_STATE_READY), PYW_WISH_REPLACE);
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &before), 0);
    ck_assert_uint_eq(in_state(PYW_STATE_STARTING), 0);
    ck_assert_uint_eq(in_state(PYW_STATE_READY), 1);
    wait_due();
    ck_assert_uint_eq(in_state(PYW_STATE_STARTING), 1);
    finish();
}
END_TEST

START_TEST(fewer_than_before)
{
    begin(4, 0);
    fill();
    wish(at(3), PYW_WISH_REPLACE);
    end_by(find(PYW_STATE_STARTING), SIGKILL);
    ck_assert_int_eq(pyw_crew_scale(&crew, 2, 2), 0);
    tend();
    ck_assert_uint_eq(in_state(PYW_STATE_READY), 2);
    ck_assert_int_eq(at(3)->state, PYW_STATE_DRAINING); /* due ones first */
    pyw_crew_dismiss(&crew);
    tend();
    ck_assert_uint_eq(in_state(PYW_STATE_READY), 0);
    ck_assert_uint_eq(in_state(PYW_STATE_DRAINING), 4);
    assert_at_rest();
    while (in_state(PYW_STATE_DRAINING) > 0) {
        end_by(find(PYW_STATE_DRAINING), SIGKILL);
    }
    assert_at_rest();
    ck_assert_uint_eq(in_state(PYW_STATE_STARTING), 0);
    finish();
}
END_TEST

START_TEST(a_stop_starts_nothing)
{
    begin(2, 0);
    fill();
    wish(at(0), PYW_WISH_REPLACE_ALL);
    pyw_crew_stop(&crew, 60000);
    ck_assert_uint_eq(in_state(PYW_STATE_DRAINING), 3);
    ck_assert_int_le(pyw_crew_deadline_ms(&crew), pyw_clock_now_ms() + 60000);
    while (in_state(PYW_STATE_DRAINING) > 0) {
        end_by(find(PYW_STATE_DRAINING), SIGKILL);
    }
    ck_assert_uint_eq(pyw_table_failures(group.table), 0);
    ck_assert_uint_eq(complaints, 0);
    finish();
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {a_successor_comes_first,
                                  the_wish_of_one_replaces_that_one,
                                  a_quarter_is_replaced_at_a_time,
                                  no_more_than_max_unavailable_at_a_time,
                                  a_roll_that_is_asked_for,
                                  a_failed_successor_changes_nothing,
                                  a_failed_round_counts_once,
                                  a_restart,
                                  a_script_that_changes_again_is_tried_soon,
                                  one_that_is_due_dies,
                                  one_that_is_due_dies_and_its_successor_fails,
                                  one_that_is_missing_has_to_load_while_another_serves,
                                  a_successor_dies_once_it_is_ready,
                                  all_slots_draining_keep_nobody_busy,
                                  a_successor_that_cannot_be_started_is_tried_again,
                                  fewer_than_before,
                                  a_stop_starts_nothing,
                                  NULL};

    return suite_run("crew", tests);
}
