/* How many processes a group of adaptive size is to have, sample by sample. */
#include "supervisor/size.h"

#include "suite.h"

#define HALF_A_MINUTE (30000 / PYW_SIZE_SAMPLE_MS)

static struct pyw_size size;

static void set_up(uint32_t least, uint32_t most)
{
    size = (struct pyw_size){.least = least, .most = most};
}

/* `ready` processes of 5 threads on a machine of 4 cores. */
static struct pyw_load load_of(uint32_t ready, uint32_t running, uint32_t waiting,
                               uint32_t cpu)
{
    return (struct pyw_load){.ready = ready,
                             .threads = ready * 5,
                             .running = running,
                             .waiting = waiting,
                             .cpu = cpu,
                             .cores = 4};
}

static uint32_t after(unsigned samples, struct pyw_load load, uint32_t target)
{
    for (unsigned i = 0; i < samples; i++) {
        target = pyw_size_next(&size, &load, target);
    }
    return target;
}

START_TEST(grows_where_requests_wait)
{
    set_up(2, 8);
    ck_assert_uint_eq(after(1, load_of(2, 10, 1, 0), 2), 2); /* a moment is no need */
    ck_assert_uint_eq(after(1, load_of(2, 10, 1, 0), 2), 3);
    ck_assert_uint_eq(after(2, load_of(2, 10, 12, 0), 2),
                      5); /* three times 5 threads */
    ck_assert_uint_eq(after(2, load_of(2, 10, 1000, 0), 2), 8);
}
END_TEST

START_TEST(grows_where_threads_are_busy)
{
    set_up(1, 8);
    ck_assert_uint_eq(after(2, load_of(1, 5, 0, 0), 1), 2);
    ck_assert_uint_eq(after(100, load_of(2, 8, 0, 0), 2), 2); /* 80% is not above */
    ck_assert_uint_eq(after(2, load_of(2, 9, 0, 0), 2), 3);
}
END_TEST

START_TEST(grows_where_processors_are_busy_and_there_are_more)
{
    set_up(1, 8);
    ck_assert_uint_eq(after(2, load_of(1, 1, 0, 95), 1), 2);
    ck_assert_uint_eq(after(2, load_of(3, 3, 0, 290), 3), 4);
    ck_assert_uint_eq(after(100, load_of(4, 4, 0, 390), 4), 4); /* of 4 cores */
}
END_TEST

START_TEST(waits_for_what_is_starting)
{
    struct pyw_load load = load_of(2, 10, 5, 0);

    set_up(2, 8);
    load.starting = 1;
    ck_assert_uint_eq(after(100, load, 3), 3);
}
END_TEST

START_TEST(shrinks_after_half_a_minute_without_need)
{
    set_up(2, 8);
    ck_assert_uint_eq(after(HALF_A_MINUTE - 1, load_of(4, 1, 0, 10), 4), 4);
    ck_assert_uint_eq(after(1, load_of(4, 1, 0, 10), 4), 3);
    ck_assert_uint_eq(after(10 * HALF_A_MINUTE, load_of(2, 0, 0, 0), 2), 2);
}
END_TEST

START_TEST(a_moment_of_need_puts_shrinking_off)
{
    set_up(2, 8);
    ck_assert_uint_eq(after(HALF_A_MINUTE - 1, load_of(4, 1, 0, 10), 4), 4);
    ck_assert_uint_eq(after(1, load_of(4, 12, 0, 10), 4), 4);
    ck_assert_uint_eq(after(HALF_A_MINUTE - 1, load_of(4, 1, 0, 10), 4), 4);
}
END_TEST

START_TEST(what_made_it_grow_does_not_make_it_shrink)
{
    set_up(1, 8);
    /* Two processes do what was above 80% of one: more than half of one. */
    ck_assert_uint_eq(after(10 * HALF_A_MINUTE, load_of(2, 5, 0, 0), 2), 2);
    ck_assert_uint_eq(after(10 * HALF_A_MINUTE, load_of(2, 1, 0, 85), 2), 2);
}
END_TEST

START_TEST(stays_within_its_limits_whatever_they_become)
{
    set_up(2, 4);
    ck_assert_uint_eq(after(1, load_of(6, 0, 0, 0), 6), 4);
}
END_TEST

START_TEST(what_has_dozed_off_wakes_up_where_there_is_need)
{
    set_up(4, 4);
    ck_assert_uint_eq(after(10 * HALF_A_MINUTE, load_of(1, 0, 0, 0), 1), 1);
    ck_assert_uint_eq(after(1, load_of(1, 5, 0, 0), 1), 1);
    ck_assert_uint_eq(after(1, load_of(1, 5, 0, 0), 1), 4);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {grows_where_requests_wait,
                                  grows_where_threads_are_busy,
                                  grows_where_processors_are_busy_and_there_are_more,
                                  waits_for_what_is_starting,
                                  shrinks_after_half_a_minute_without_need,
                                  a_moment_of_need_puts_shrinking_off,
                                  what_made_it_grow_does_not_make_it_shrink,
                                  stays_within_its_limits_whatever_they_become,
                                  what_has_dozed_off_wakes_up_where_there_is_need,
                                  NULL};

    return suite_run("supervisor/size", tests);
}
