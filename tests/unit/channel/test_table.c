/* The group table: what is written is what the others read, and what a hostile daemon
 * writes harms nobody. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/options.h"
#include "channel/cells.h"
#include "channel/table.h"
#include "suite.h"

static struct pyw_table *table;
static int fd;

static void make_table(uint32_t slots)
{
    ck_assert_int_eq(pyw_table_create(slots, 4, &table, &fd), 0);
    ck_assert_uint_eq(pyw_table_slots(table), slots);
}

static void drop_table(void)
{
    pyw_table_close(table);
    close(fd);
}

START_TEST(sizes)
{
    ck_assert_int_eq(pyw_table_create(0, 1, &table, &fd), -EINVAL);
    ck_assert_int_eq(pyw_table_create(PYW_TABLE_SLOTS_MAX + 1, 1, &table, &fd),
                     -EINVAL);
    ck_assert_int_eq(pyw_table_create(1, 0, &table, &fd), -EINVAL);
    ck_assert_int_eq(pyw_table_create(1, PYW_CELLS_MAX + 1, &table, &fd), -EINVAL);
    make_table(PYW_TABLE_SLOTS_MAX);
    drop_table();
    pyw_table_close(NULL);
}
END_TEST

START_TEST(a_peer_sees_what_is_written)
{
    struct pyw_table *theirs;

    make_table(3);
    ck_assert_int_eq(pyw_table_open(fd, &theirs), 0);
    ck_assert_uint_eq(pyw_table_slots(theirs), 3);
    pyw_table_set_process(table, 1, 9, 4711);
    pyw_table_set_state(table, 1, PYW_STATE_READY);
    ck_assert_int_eq(pyw_table_state(theirs, 1), PYW_STATE_READY);
    ck_assert_uint_eq(pyw_table_generation(theirs, 1), 9);
    ck_assert_int_eq(pyw_table_pid(theirs, 1), 4711);
    ck_assert_uint_eq(pyw_table_count(theirs, PYW_STATE_READY), 1);
    ck_assert_uint_eq(pyw_table_count(theirs, PYW_STATE_FREE), 2);
    pyw_table_begin_request(theirs, 1);
    pyw_table_begin_request(theirs, 1);
    pyw_table_end_request(theirs, 1);
    ck_assert_uint_eq(pyw_table_active(table, 1), 1);
    ck_assert_uint_eq(pyw_table_served(table, 1), 1);
    pyw_table_begin_answer(theirs, 1);
    ck_assert_uint_eq(pyw_table_answering(table, 1), 1);
    pyw_table_set_capacity(theirs, 1, 8);
    ck_assert_uint_eq(pyw_table_capacity(table, 1), 8);
    pyw_table_set_size(table, 2, 8);
    ck_assert_uint_eq(pyw_table_target(theirs), 2);
    ck_assert_uint_eq(pyw_table_threads(theirs), 8);
    pyw_table_set_size(table, UINT32_MAX, UINT32_MAX);
    ck_assert_uint_eq(pyw_table_target(theirs), 3);
    ck_assert_uint_eq(pyw_table_threads(theirs), PYW_OPTIONS_MAX_THREADS);
    pyw_table_set_capacity(theirs, 1, UINT32_MAX);
    ck_assert_uint_eq(pyw_table_capacity(table, 1), PYW_OPTIONS_MAX_THREADS);
    pyw_table_set_process(table, 1, 10, 4712);
    ck_assert_uint_eq(pyw_table_active(table, 1), 0);
    ck_assert_uint_eq(pyw_table_answering(table, 1), 0);
    pyw_table_close(theirs);
    drop_table();
}
END_TEST

/* A daemon outlives its supervisor by a moment, and another is in its slot already. */
START_TEST(a_count_does_not_fall_below_zero)
{
    make_table(1);
    pyw_table_begin_request(table, 0);
    pyw_table_begin_answer(table, 0);
    pyw_table_set_process(table, 0, 2, 4711);
    pyw_table_end_answer(table, 0);
    pyw_table_end_request(table, 0);
    ck_assert_uint_eq(pyw_table_active(table, 0), 0);
    ck_assert_uint_eq(pyw_table_answering(table, 0), 0);
    drop_table();
}
END_TEST

START_TEST(reports_are_of_one_generation)
{
    make_table(1);
    ck_assert_int_eq(pyw_table_report_of(table, 0, 1), PYW_REPORT_NONE);
    pyw_table_report(table, 0, 1, PYW_REPORT_READY);
    ck_assert_int_eq(pyw_table_report_of(table, 0, 1), PYW_REPORT_READY);
    ck_assert_int_eq(pyw_table_report_of(table, 0, 2), PYW_REPORT_NONE);
    pyw_table_report(table, 0, 2, PYW_REPORT_DRAINING);
    ck_assert_int_eq(pyw_table_report_of(table, 0, 2), PYW_REPORT_DRAINING);
    pyw_table_report(table, 0, 2, (enum pyw_report)77);
    ck_assert_int_eq(pyw_table_report_of(table, 0, 2), PYW_REPORT_NONE);
    drop_table();
}
END_TEST

START_TEST(wishes_are_counted_and_the_largest_is_kept)
{
    enum pyw_wish wish = PYW_WISH_NONE;
    struct pyw_table *theirs;

    make_table(2);
    ck_assert_int_eq(pyw_table_open(fd, &theirs), 0);
    ck_assert_uint_eq(pyw_table_wishes(table, 1, &wish), 0);
    pyw_table_wish(theirs, 1, PYW_WISH_REPLACE);
    ck_assert_uint_eq(pyw_table_wishes(table, 1, &wish), 1);
    ck_assert_int_eq(wish, PYW_WISH_REPLACE);
    pyw_table_wish(theirs, 1, PYW_WISH_REPLACE_ALL);
    pyw_table_wish(theirs, 1, PYW_WISH_REPLACE);
    ck_assert_uint_eq(pyw_table_wishes(table, 1, &wish), 3);
    ck_assert_int_eq(wish, PYW_WISH_REPLACE_ALL);
    ck_assert_uint_eq(pyw_table_wishes(table, 0, &wish), 0);
    pyw_table_set_process(table, 1, 2, 4711); /* the next process has not wished */
    ck_assert_uint_eq(pyw_table_wishes(table, 1, &wish), 0);
    pyw_table_close(theirs);
    drop_table();
}
END_TEST

START_TEST(endings)
{
    struct pyw_ending ending;

    make_table(1);
    ck_assert(!pyw_table_find_ending(table, 10, &ending));
    for (int pid = 10; pid < 10 + PYW_TABLE_ENDINGS; pid++) {
        pyw_table_add_ending(table, (struct pyw_ending){pid, pid * 2});
    }
    ck_assert(pyw_table_find_ending(table, 10, &ending));
    ck_assert_int_eq(ending.status, 20);
    pyw_table_add_ending(table, (struct pyw_ending){99, SIGKILL});
    ck_assert(!pyw_table_find_ending(table, 10, &ending));
    ck_assert(pyw_table_find_ending(table, 99, &ending));
    ck_assert_int_eq(ending.status, SIGKILL);
    drop_table();
}
END_TEST

START_TEST(the_least_loaded_ready_process_is_chosen)
{
    uint32_t in_flight[4] = {0};
    struct pyw_choice choice;

    make_table(4);
    ck_assert_int_eq(pyw_table_choose(table, in_flight, 0, &choice), -EAGAIN);
    for (uint32_t slot = 0; slot < 4; slot++) {
        pyw_table_set_process(table, slot, slot + 1, (int32_t)slot + 100);
    }
    pyw_table_set_state(table, 0, PYW_STATE_STARTING);
    pyw_table_set_state(table, 1, PYW_STATE_READY);
    pyw_table_set_state(table, 2, PYW_STATE_READY);
    pyw_table_set_state(table, 3, PYW_STATE_DRAINING);
    pyw_table_begin_request(table, 1);
    ck_assert_int_eq(pyw_table_choose(table, in_flight, 0, &choice), 0);
    ck_assert_uint_eq(choice.slot, 2);
    ck_assert_uint_eq(choice.generation, 3);
    ck_assert_int_eq(choice.pid, 102);
    in_flight[2] = 5;
    ck_assert_int_eq(pyw_table_choose(table, in_flight, 0, &choice), 0);
    ck_assert_uint_eq(choice.slot, 1);
    drop_table();
}
END_TEST

START_TEST(ties_go_round)
{
    uint32_t in_flight[3] = {0};
    struct pyw_choice choice;

    make_table(3);
    for (uint32_t slot = 0; slot < 3; slot++) {
        pyw_table_set_state(table, slot, PYW_STATE_READY);
    }
    for (uint32_t turn = UINT32_MAX - 3; turn != 3; turn++) {
        ck_assert_int_eq(pyw_table_choose(table, in_flight, turn, &choice), 0);
        ck_assert_uint_eq(choice.slot, turn % 3);
    }
    drop_table();
}
END_TEST

START_TEST(a_slot_that_is_none_stays_inside)
{
    make_table(2);
    ck_assert_int_eq(pyw_table_state(table, 2), PYW_STATE_FREE);
    ck_assert_int_eq(pyw_table_state(table, UINT32_MAX), PYW_STATE_FREE);
    pyw_table_begin_request(table, UINT32_MAX);
    drop_table();
}
END_TEST

START_TEST(a_daemon_that_scribbles)
{
    uint32_t in_flight[2] = {0};
    struct pyw_choice choice;
    struct pyw_ending ending;
    enum pyw_wish wish;
    size_t size;
    unsigned char *bytes;

    make_table(2);
    size = (size_t)lseek(fd, 0, SEEK_END);
    bytes = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    ck_assert_ptr_ne(bytes, MAP_FAILED);
    for (int value = 0; value < 256; value += 5) {
        memset(bytes, value, size);
        (void)pyw_table_choose(table, in_flight, 7, &choice);
        (void)pyw_table_find_ending(table, 5, &ending);
        ck_assert_uint_eq(pyw_table_slots(table), 2);
        ck_assert_int_lt(pyw_table_state(table, 1), PYW_STATE_COUNT);
        ck_assert_int_le(pyw_table_report_of(table, 1, 0), PYW_REPORT_IDLE);
        (void)pyw_table_wishes(table, 1, &wish);
        ck_assert(wish == PYW_WISH_REPLACE || wish == PYW_WISH_REPLACE_ALL);
        ck_assert_ptr_nonnull(pyw_table_state_name(pyw_table_state(table, 0)));
        pyw_table_add_ending(table, (struct pyw_ending){1, 1});
    }
    ck_assert_int_ne(ftruncate(fd, 0),
                     0); /* sealed: nobody can make the others fault */
    ck_assert_int_ne(ftruncate(fd, (off_t)size * 2), 0);
    munmap(bytes, size);
    drop_table();
}
END_TEST

START_TEST(a_segment_of_another_version)
{
    struct pyw_table *theirs;
    unsigned char *bytes;

    make_table(2);
    bytes = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    for (int at = 0; at < 16; at += 4) {
        bytes[at] ^= 0x40;
        ck_assert_int_eq(pyw_table_open(fd, &theirs), -EPROTO);
        bytes[at] ^= 0x40;
    }
    ck_assert_int_eq(pyw_table_open(fd, &theirs), 0);
    pyw_table_close(theirs);
    munmap(bytes, 4096);
    drop_table();
}
END_TEST

START_TEST(failures_are_told_of_once_for_each)
{
    struct pyw_table *theirs;

    make_table(1);
    ck_assert_int_eq(pyw_table_open(fd, &theirs), 0);
    ck_assert(!pyw_table_may_say_failures(table));
    for (uint32_t failures = 1; failures < 4; failures++) {
        pyw_table_set_failures(table, failures);
        ck_assert(pyw_table_may_say_failures(theirs));
        ck_assert(!pyw_table_may_say_failures(theirs));
        ck_assert(!pyw_table_may_say_failures(table));
    }
    pyw_table_set_failures(table, 0);
    ck_assert(!pyw_table_may_say_failures(table));
    pyw_table_set_failures(table, 3); /* as many as were told of, but new ones */
    ck_assert(pyw_table_may_say_failures(table));
    pyw_table_close(theirs);
    drop_table();
}
END_TEST

START_TEST(a_group_that_sleeps_is_called_once)
{
    struct pyw_table *theirs;

    make_table(1);
    ck_assert_int_eq(pyw_table_open(fd, &theirs), 0);
    ck_assert(!pyw_table_is_asleep(theirs));
    ck_assert(!pyw_table_call(theirs)); /* it is awake */
    ck_assert(!pyw_table_is_called(table));
    pyw_table_set_asleep(table, true);
    ck_assert(pyw_table_is_asleep(theirs));
    ck_assert(!pyw_table_is_called(table));
    ck_assert(pyw_table_call(theirs));
    ck_assert(!pyw_table_call(theirs));
    ck_assert(pyw_table_is_called(table));
    ck_assert(pyw_table_is_asleep(theirs));
    pyw_table_set_asleep(table, false);
    ck_assert(!pyw_table_is_called(table));
    ck_assert(!pyw_table_is_asleep(theirs));
    pyw_table_close(theirs);
    drop_table();
}
END_TEST

START_TEST(waiting_ends_with_a_change)
{
    uint32_t seen;
    int status;
    pid_t child;

    make_table(1);
    seen = pyw_table_seen(table);
    child = fork();
    if (child == 0) {
        struct pyw_table *theirs;

        if (pyw_table_open(fd, &theirs) != 0) {
            _exit(1);
        }
        usleep(20000);
        pyw_table_set_state(theirs, 0, PYW_STATE_READY);
        _exit(0);
    }
    while (pyw_table_state(table, 0) != PYW_STATE_READY) {
        pyw_table_wait(table, seen, 10000);
        seen = pyw_table_seen(table);
    }
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(status, 0);
    pyw_table_wait(table, seen - 1, 10000); /* changed already: no wait */
    pyw_table_wait(table, seen, 10);        /* nothing changes */
    drop_table();
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {sizes,
                                  a_peer_sees_what_is_written,
                                  a_count_does_not_fall_below_zero,
                                  reports_are_of_one_generation,
                                  wishes_are_counted_and_the_largest_is_kept,
                                  endings,
                                  the_least_loaded_ready_process_is_chosen,
                                  ties_go_round,
                                  a_slot_that_is_none_stays_inside,
                                  a_daemon_that_scribbles,
                                  a_segment_of_another_version,
                                  failures_are_told_of_once_for_each,
                                  a_group_that_sleeps_is_called_once,
                                  waiting_ends_with_a_change,
                                  NULL};

    return suite_run("table", tests);
}
