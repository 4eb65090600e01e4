/* One group at work: successors first, a few at a time, and what a failed one changes.
 * Its processes sleep; what they would report and wish, the test does. */
#include "supervisor/crew.h"

#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "suite.h"

static char dir[] = "/tmp/pywsgi-crew-XXXXXX";
static char program[sizeof(dir) + 16];
static struct pyw_group group;
static struct pyw_crew crew;
static int notify[2];
static unsigned complaints; /* PYW0023 */
static unsigned signals;    /* PYW0002 */

static void take_log(void *where, enum pyw_level level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void take_log(void *where, enum pyw_level level, const char *format, ...)
{
    char text[4096];
    va_list arguments;

    (void)where;
    (void)level;
    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    complaints += strstr(text, "PYW0023") != NULL ? 1 : 0;
    signals += strstr(text, "PYW0002") != NULL ? 1 : 0;
}

/* --- the group --- */

static void write_again(void)
{
    FILE *file = fopen(program, "w");

    ck_assert_ptr_nonnull(file);
    ck_assert_int_ge(fputs("#!/bin/sh\nexec sleep 300\n", file), 0);
    ck_assert_int_eq(fclose(file), 0);
    ck_assert_int_eq(chmod(program, 0755), 0);
}

static void write_program(void)
{
    strcpy(dir + sizeof(dir) - 7, "XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(dir));
    ck_assert_int_eq(chmod(dir, 0755), 0);
    snprintf(program, sizeof(program), "%s/program", dir);
    write_again();
}

static void begin(uint32_t processes, int64_t max_unavailable)
{
    char why[512];

    write_program();
    memset(&group, 0, sizeof(group));
    complaints = 0;
    signals = 0;
    group.name = "tested";
    group.slots = processes * 2;
    group.cells = 1;
    group.setup.group = "tested";
    group.setup.mpm_name = "";
    pyw_options_init(&group.setup.options);
    group.setup.options.daemon_program = program;
    group.setup.options.processes_least = processes;
    group.setup.options.processes = processes;
    group.setup.options.max_unavailable = max_unavailable;
    group.identity.uid = geteuid();
    group.identity.gid = getegid();
    ck_assert_int_eq(pyw_identity_complete(&group.identity, NULL, why, sizeof(why)), 0);
    ck_assert_int_eq(pyw_group_open(&group, dir, "0", (uid_t)-1, why, sizeof(why)), 0);
    ck_assert_int_eq(pipe2(notify, O_CLOEXEC | O_NONBLOCK), 0);
    ck_assert_int_eq(pyw_crew_init(&crew, &group, take_log, notify[1]), 0);
}

static struct pyw_process *at(uint32_t slot)
{
    return &crew.processes[slot];
}

static uint32_t in_state(enum pyw_state state)
{
    uint32_t found = 0;

    for (uint32_t slot = 0; slot < group.slots; slot++) {
        found += !pyw_process_is_empty(at(slot)) && at(slot)->state == state ? 1 : 0;
    }
    return found;
}

/* It ends by that signal, and the crew is told. */
static void end_by(struct pyw_process *process, int number)
{
    int status;

    ck_assert_int_eq(kill(process->pid, number), 0);
    ck_assert_int_eq(waitpid(process->pid, &status, 0), process->pid);
    pyw_logpipe_close(&process->output, NULL, NULL);
    pyw_crew_reap(&crew, process, status);
}

static void finish(void)
{
    char command[128];

    for (uint32_t slot = 0; slot < group.slots; slot++) {
        if (!pyw_process_is_empty(at(slot))) {
            end_by(at(slot), SIGKILL);
        }
    }
    pyw_crew_free(&crew);
    pyw_group_close(&group, true);
    close(notify[0]);
    close(notify[1]);
    snprintf(command, sizeof(command), "rm -r %s", dir);
    ck_assert_int_eq(system(command), 0);
}

/* --- what happens --- */

static struct pyw_process *find(enum pyw_state state)
{
    for (uint32_t slot = 0; slot < group.slots; slot++) {
        if (!pyw_process_is_empty(at(slot)) && at(slot)->state == state) {
            return at(slot);
        }
    }
    ck_abort_msg("no process is %s", pyw_table_state_name(state));
    return NULL;
}

static void tend(void)
{
    pyw_crew_follow(&crew);
    pyw_crew_tend(&crew);
}

static void report(struct pyw_process *process, enum pyw_report said)
{
    pyw_table_report(group.table, process->slot, process->generation, said);
    tend();
}

static void wish(struct pyw_process *process, enum pyw_wish wanted)
{
    pyw_table_wish(group.table, process->slot, wanted);
    tend();
}

/* The group is up. */
static void fill(void)
{
    tend();
    while (in_state(PYW_STATE_STARTING) > 0) {
        report(find(PYW_STATE_STARTING), PYW_REPORT_READY);
    }
    ck_assert_uint_eq(in_state(PYW_STATE_READY), crew.target);
}

/* There is something to do at a time, and it comes. */
static void wait_due(void)
{
    int64_t due_ms = pyw_crew_deadline_ms(&crew);

    ck_assert_int_ne(due_ms, PYW_CLOCK_NEVER);
    while (pyw_clock_now_ms() < due_ms) {
        usleep(1000);
    }
    tend();
}

/* Nothing but an event changes anything: no deadline that has passed, at which the loop
 * would go round and round. */
static void assert_at_rest(void)
{
    tend();
    ck_assert_int_eq(pyw_crew_deadline_ms(&crew), PYW_CLOCK_NEVER);
}

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

START_TEST(a_script_that_changes_again_is_tried_at_once)
{
    struct pyw_process *old;

    begin(1, 0);
    fill();
    old = find(PYW_STATE_READY);
    wish(old, PYW_WISH_REPLACE_ALL);
    end_by(find(PYW_STATE_STARTING), SIGKILL);
    tend();
    ck_assert_uint_eq(in_state(PYW_STATE_STARTING), 0);
    wish(old, PYW_WISH_REPLACE_ALL);
    ck_assert_uint_eq(in_state(PYW_STATE_STARTING), 1);
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
                                  a_script_that_changes_again_is_tried_at_once,
                                  one_that_is_due_dies,
                                  one_that_is_due_dies_and_its_successor_fails,
                                  one_that_is_missing_has_to_load_while_another_serves,
                                  a_successor_dies_once_it_is_ready,
                                  all_slots_draining_keep_nobody_busy,
                                  a_successor_that_cannot_be_started_is_tried_again,
                                  fewer_than_before,
                                  a_group_sleeps_until_it_is_called,
                                  one_that_is_called_and_cannot_start,
                                  a_group_that_was_dismissed_does_not_sleep,
                                  a_crash_loop_does_not_flood_the_log,
                                  a_stop_starts_nothing,
                                  NULL};

    return suite_run("crew", tests);
}
