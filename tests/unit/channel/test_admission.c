/* The queue of a group: exact where children compete, and nothing is left of a
 * child that was killed. */
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/options.h"
#include "channel/admission.h"
#include "suite.h"

#define ROUNDS 5000

static struct pyw_table *table;
static int fd;
static struct pyw_seat seat;

static void make_table(uint32_t slots, uint32_t cells)
{
    ck_assert_int_eq(pyw_table_create(slots, cells, &table, &fd), 0);
    ck_assert_int_eq(pyw_admission_take_seat(table, getpid(), &seat), 0);
}

static void drop_table(void)
{
    pyw_table_close(table);
    close(fd);
}

static void set_process(uint32_t slot, enum pyw_state state, uint32_t threads)
{
    pyw_table_set_process(table, slot, 1, 100);
    pyw_table_set_capacity(table, slot, threads);
    pyw_table_set_state(table, slot, state);
}

/* A child that counts `requests` and then does what it is told by a signal. */
static pid_t start_child(unsigned requests)
{
    int ready[2];
    char byte;
    pid_t child;

    ck_assert_int_eq(pipe(ready), 0);
    child = fork();
    if (child == 0) {
        struct pyw_seat own;

        if (pyw_admission_take_seat(table, getpid(), &own) != 0) {
            _exit(1);
        }
        while (requests-- > 0) {
            (void)pyw_admission_enter(table, &own, 0);
        }
        (void)!write(ready[1], "r", 1);
        for (;;) {
            pause();
        }
    }
    close(ready[1]);
    ck_assert_int_eq(read(ready[0], &byte, 1), 1);
    close(ready[0]);
    return child;
}

static void end_child(pid_t child)
{
    int status;

    ck_assert_int_eq(kill(child, SIGKILL), 0);
    ck_assert_int_eq(waitpid(child, &status, 0), child);
}

START_TEST(no_limit_counts_all_the_same)
{
    make_table(1, 1);
    for (int i = 0; i < 5; i++) {
        ck_assert_int_eq(pyw_admission_enter(table, &seat, 0), 0);
    }
    ck_assert_uint_eq(pyw_admission_waiting(table), 5);
    ck_assert_uint_eq(pyw_admission_in_flight(table), 5);
    set_process(0, PYW_STATE_READY, 3);
    ck_assert_uint_eq(pyw_admission_waiting(table), 2);
    ck_assert_uint_eq(pyw_admission_in_flight(table), 5);
    for (int i = 0; i < 7; i++) {
        pyw_admission_leave(table, &seat); /* below none there is nothing */
    }
    ck_assert_uint_eq(pyw_admission_in_flight(table), 0);
    drop_table();
}
END_TEST

START_TEST(the_limit_is_of_those_that_wait)
{
    make_table(2, 1);
    set_process(0, PYW_STATE_READY, 3);
    for (int i = 0; i < 5; i++) {
        ck_assert_int_eq(pyw_admission_enter(table, &seat, 2), 0);
    }
    ck_assert_int_eq(pyw_admission_enter(table, &seat, 2), -EBUSY);
    ck_assert_uint_eq(pyw_admission_waiting(table), 2);
    pyw_admission_leave(table, &seat);
    ck_assert_int_eq(pyw_admission_enter(table, &seat, 2), 0);
    ck_assert_int_eq(pyw_admission_enter(table, &seat, 2), -EBUSY);
    set_process(1, PYW_STATE_STARTING, 3);
    ck_assert_int_eq(pyw_admission_enter(table, &seat, 2), -EBUSY);
    pyw_table_set_state(table, 1, PYW_STATE_READY);
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(pyw_admission_enter(table, &seat, 2), 0);
    }
    ck_assert_int_eq(pyw_admission_enter(table, &seat, 2), -EBUSY);
    drop_table();
}
END_TEST

/* Left the queue, and the thread is busy: it is none for those that wait. */
START_TEST(a_thread_that_answers_is_not_free)
{
    make_table(1, 1);
    set_process(0, PYW_STATE_READY, 1);
    ck_assert_int_eq(pyw_admission_enter(table, &seat, 1), 0);
    pyw_table_begin_request(table, 0);
    pyw_table_begin_answer(table, 0);
    pyw_admission_leave(table, &seat);
    ck_assert_uint_eq(pyw_admission_in_flight(table), 1);
    ck_assert_int_eq(pyw_admission_enter(table, &seat, 1), 0);
    ck_assert_int_eq(pyw_admission_enter(table, &seat, 1), -EBUSY);
    pyw_table_end_answer(table, 0);
    ck_assert_int_eq(pyw_admission_enter(table, &seat, 1), 0);
    ck_assert_uint_eq(pyw_admission_in_flight(table), 2);
    drop_table();
}
END_TEST

/* A cold start, or a process that was killed: as many as always are let in. */
START_TEST(where_one_is_missing_it_will_serve)
{
    make_table(2, 1);
    pyw_table_set_size(table, 1, 3);
    for (int i = 0; i < 5; i++) {
        ck_assert_int_eq(pyw_admission_enter(table, &seat, 2), 0);
    }
    ck_assert_int_eq(pyw_admission_enter(table, &seat, 2), -EBUSY);
    pyw_table_set_state(table, 0, PYW_STATE_STARTING);
    ck_assert_int_eq(pyw_admission_enter(table, &seat, 2), -EBUSY);
    set_process(0, PYW_STATE_READY, 3);
    ck_assert_int_eq(pyw_admission_enter(table, &seat, 2), -EBUSY);
    ck_assert_uint_eq(pyw_admission_waiting(table), 2);
    pyw_table_set_size(table, 2, 3);
    ck_assert_int_eq(pyw_admission_enter(table, &seat, 2), 0);
    pyw_table_set_failures(table, 1); /* it does not come */
    ck_assert_int_eq(pyw_admission_enter(table, &seat, 2), -EBUSY);
    ck_assert_uint_eq(pyw_admission_waiting(table), 3);
    set_process(1, PYW_STATE_READY, 3);
    ck_assert_uint_eq(pyw_admission_waiting(table), 0);
    drop_table();
}
END_TEST

START_TEST(one_that_sleeps_will_have_a_process)
{
    make_table(2, 1);
    pyw_table_set_size(table, 0, 3);
    for (int i = 0; i < 5; i++) {
        ck_assert_int_eq(pyw_admission_enter(table, &seat, 2), 0);
    }
    ck_assert_int_eq(pyw_admission_enter(table, &seat, 2), -EBUSY);
    drop_table();
}
END_TEST

/* What the old process of two still runs does not wait. */
START_TEST(a_process_that_drains_serves_what_it_has)
{
    make_table(2, 1);
    set_process(0, PYW_STATE_READY, 4);
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(pyw_admission_enter(table, &seat, 1), 0);
        pyw_table_begin_request(table, 0);
    }
    pyw_table_set_state(table, 0, PYW_STATE_DRAINING);
    ck_assert_uint_eq(pyw_admission_waiting(table), 0);
    ck_assert_int_eq(pyw_admission_enter(table, &seat, 1), 0);
    ck_assert_int_eq(pyw_admission_enter(table, &seat, 1), -EBUSY);
    drop_table();
}
END_TEST

struct race {
    atomic_uint arrived; /* at the end of a step, both together */
    atomic_uint in;
    atomic_uint wrong; /* rounds in which not exactly one got the place */
};

/* Waits until both have come `steps` times. */
static void meet(struct race *race, unsigned steps)
{
    atomic_fetch_add(&race->arrived, 1);
    while (atomic_load(&race->arrived) < 2 * steps) {
        sched_yield();
    }
}

/* One of two children that want the one place at the same moment, again and again. */
static void compete(struct race *race)
{
    struct pyw_seat own;
    unsigned steps = 0;

    (void)pyw_admission_take_seat(table, getpid(), &own);
    for (unsigned round = 1; round <= ROUNDS; round++) {
        int rv;

        meet(race, ++steps);
        rv = pyw_admission_enter(table, &own, 1);
        atomic_fetch_add(&race->in, rv == 0);
        meet(race, ++steps);
        atomic_fetch_add(&race->wrong, atomic_load(&race->in) != round);
        if (rv == 0) {
            pyw_admission_leave(table, &own);
        }
    }
}

/* Neither do both get it, nor does none because each saw the other. */
START_TEST(one_place_and_two_who_want_it)
{
    struct race *race = mmap(NULL, sizeof(*race), PROT_READ | PROT_WRITE,
                             MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    ck_assert_ptr_ne(race, MAP_FAILED);
    make_table(1, 3);
    for (int i = 0; i < 2; i++) {
        if (fork() == 0) {
            compete(race);
            _exit(0);
        }
    }
    for (int i = 0; i < 2; i++) {
        int status;

        ck_assert_int_gt(wait(&status), 0);
        ck_assert_int_eq(status, 0);
    }
    ck_assert_uint_eq(atomic_load(&race->wrong), 0);
    ck_assert_uint_eq(pyw_admission_in_flight(table), 0);
    munmap(race, sizeof(*race));
    drop_table();
}
END_TEST

START_TEST(a_killed_child_leaks_nothing)
{
    pid_t child;

    make_table(1, 2);
    set_process(0, PYW_STATE_READY, 1);
    child = start_child(6);
    ck_assert_uint_eq(pyw_admission_in_flight(table), 6);
    ck_assert_int_eq(pyw_admission_enter(table, &seat, 3), -EBUSY);
    end_child(child);
    while (pyw_admission_enter(table, &seat, 3) != 0) {
        usleep(1000); /* looked at a few times a second */
    }
    ck_assert_uint_eq(pyw_admission_in_flight(table), 1);
    drop_table();
}
END_TEST

START_TEST(the_sum_alone_notices_a_killed_child)
{
    pid_t child;

    make_table(1, 2);
    child = start_child(6);
    end_child(child);
    while (pyw_admission_in_flight(table) != 0) {
        usleep(1000);
    }
    drop_table();
}
END_TEST

START_TEST(seats_are_given_again)
{
    struct pyw_seat other;
    pid_t child;

    make_table(1, 2);
    child = start_child(2);
    ck_assert_int_eq(pyw_admission_take_seat(table, 1, &other), -ENOSPC);
    ck_assert_int_eq(pyw_admission_enter(table, &other, 1), 0); /* let in, uncounted */
    pyw_admission_leave(table, &other);
    pyw_admission_give_seat(table, &other);
    ck_assert_uint_eq(pyw_admission_in_flight(table), 2);
    end_child(child);
    ck_assert_int_eq(pyw_admission_take_seat(table, 1, &other), 0);
    ck_assert_uint_eq(pyw_admission_in_flight(table), 0);
    ck_assert_int_eq(pyw_admission_enter(table, &other, 0), 0);
    pyw_admission_give_seat(table, &other);
    ck_assert_uint_eq(pyw_admission_in_flight(table), 0);
    /* A child with the number of one that was killed finds nothing of it. */
    ck_assert_int_eq(pyw_admission_enter(table, &seat, 0), 0);
    ck_assert_int_eq(pyw_admission_take_seat(table, getpid(), &seat), 0);
    ck_assert_uint_eq(pyw_admission_in_flight(table), 0);
    drop_table();
}
END_TEST

START_TEST(the_lock_of_a_killed_child)
{
    uint32_t count;
    struct pyw_cells *cells;
    pid_t child;

    make_table(1, 2);
    cells = pyw_table_cells(table, &count);
    ck_assert_uint_eq(count, 2);
    child = start_child(0);
    atomic_store(&cells->locked_by, child);
    end_child(child);
    pyw_cells_lock(cells, &seat);
    ck_assert_int_eq(atomic_load(&cells->locked_by), getpid());
    pyw_cells_unlock(cells, &seat);
    ck_assert_int_eq(atomic_load(&cells->locked_by), 0);
    /* One that is held for good, by somebody alive, is taken after a while. */
    atomic_store(&cells->locked_by, getppid());
    pyw_cells_lock(cells, &seat);
    ck_assert_int_eq(atomic_load(&cells->locked_by), getpid());
    drop_table();
}
END_TEST

START_TEST(a_daemon_that_scribbles)
{
    size_t size;
    unsigned char *bytes;
    uint32_t count;

    make_table(2, 3);
    size = (size_t)lseek(fd, 0, SEEK_END);
    bytes = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    ck_assert_ptr_ne(bytes, MAP_FAILED);
    for (int value = 0; value < 256; value += 15) {
        memset(bytes, value, size);
        (void)pyw_admission_enter(table, &seat, 1);
        pyw_admission_leave(table, &seat);
        ck_assert_uint_le(pyw_admission_waiting(table), 3 * 65536);
        ck_assert_uint_le(pyw_admission_in_flight(table),
                          3 * 65536 + 2 * PYW_OPTIONS_MAX_THREADS);
        ck_assert_ptr_nonnull(pyw_table_cells(table, &count));
        ck_assert_uint_eq(count, 3);
        (void)pyw_admission_take_seat(table, getpid(), &seat);
        pyw_admission_give_seat(table, &seat);
    }
    munmap(bytes, size);
    drop_table();
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {no_limit_counts_all_the_same,
                                  the_limit_is_of_those_that_wait,
                                  a_thread_that_answers_is_not_free,
                                  where_one_is_missing_it_will_serve,
                                  one_that_sleeps_will_have_a_process,
                                  a_process_that_drains_serves_what_it_has,
                                  one_place_and_two_who_want_it,
                                  a_killed_child_leaks_nothing,
                                  the_sum_alone_notices_a_killed_child,
                                  seats_are_given_again,
                                  the_lock_of_a_killed_child,
                                  a_daemon_that_scribbles,
                                  NULL};

    return suite_run("admission", tests);
}
