/* How many are let out, by what was seen: without threads and without time. */
#include "host/pacing.h"
#include "suite.h"

#define THREADS 8

static struct pyw_pacing pacing;

/* A lane as it is when a process starts, or where so many are let out. */
static void begin(uint32_t limit)
{
    pyw_pacing_init(&pacing, THREADS);
    ck_assert_uint_eq(pacing.limit, THREADS);
    pacing.limit = limit;
}

static uint32_t after(struct pyw_pacing_window seen)
{
    pyw_pacing_step(&pacing, &seen);
    return pacing.limit;
}

/* Every look the same. */
#define ALL(...) ((struct pyw_pacing_window){__VA_ARGS__})
#define LOOKS PYW_PACING_LOOKS

START_TEST(nothing_is_seen)
{
    begin(THREADS);
    ck_assert_uint_eq(after(ALL(.spare = 0)), THREADS);
    begin(3);
    ck_assert_uint_eq(after(ALL(.spare = 0)), 3);
}
END_TEST

/* As many as only wait for the GIL are parked, in a few windows down to one. */
START_TEST(short_requests_that_compute)
{
    begin(THREADS);
    ck_assert_uint_eq(after(ALL(.wanting = 6 * LOOKS, .lasting = 40)), 2);
    ck_assert_uint_eq(after(ALL(.held = LOOKS, .wanting = LOOKS / 2)), 1);
    ck_assert_uint_eq(after(ALL(.held = LOOKS)), 1);
}
END_TEST

/* It has the GIL while those who are out wait for it: the more they are, the better for
 * them. */
START_TEST(a_thread_of_the_application)
{
    struct pyw_pacing_window between = ALL(.held = LOOKS, .wanting = 3 * LOOKS);

    begin(1);
    ck_assert_uint_eq(after(ALL(.held = LOOKS, .wanting = LOOKS, .elsewhere = LOOKS)),
                      THREADS);
    ck_assert_uint_eq(after(between), THREADS);
    for (int window = 0; window < 100; window++) {
        (void)after(between);
    }
    ck_assert_uint_lt(pacing.limit, THREADS);
}
END_TEST

START_TEST(there_is_always_one)
{
    begin(1);
    ck_assert_uint_eq(after(ALL(.held = LOOKS, .wanting = 9 * LOOKS)), 1);
    begin(2);
    ck_assert_uint_eq(after(ALL(.wanting = 9 * LOOKS)), 1);
}
END_TEST

/* Whoever waits for the GIL now and then, while it is free at other times. */
START_TEST(a_gil_with_room)
{
    begin(THREADS);
    ck_assert_uint_eq(after(ALL(.wanting = 1, .lasting = 50)), THREADS);
    begin(4);
    ck_assert_uint_eq(
        after(ALL(.held = LOOKS, .idle = 1, .wanting = 2 * LOOKS, .lasting = 20)), 4);
}
END_TEST

START_TEST(requests_that_wait)
{
    begin(1);
    pyw_pacing_stalled(&pacing);
    ck_assert_uint_eq(pacing.limit, 2);
    pyw_pacing_stalled(&pacing);
    pyw_pacing_stalled(&pacing);
    ck_assert_uint_eq(pacing.limit, THREADS);
    pyw_pacing_stalled(&pacing);
    ck_assert_uint_eq(pacing.limit, THREADS);
    /* It stays so, however many are free. */
    ck_assert_uint_eq(after(ALL(.spare = 2, .lasting = 6 * LOOKS)), THREADS);
}
END_TEST

/* Each waits for less than the time between looks, and takes the next. */
START_TEST(requests_that_wait_for_moments)
{
    begin(1);
    ck_assert_uint_eq(after(ALL(.held = LOOKS, .idle = 3)), 2);
    ck_assert_uint_eq(after(ALL(.held = LOOKS, .idle = 2)), 3);
    ck_assert_uint_eq(after(ALL(.held = LOOKS, .idle = 2)), 5);
    ck_assert_uint_eq(after(ALL(.held = LOOKS, .idle = 2)), THREADS);
}
END_TEST

START_TEST(more_than_are_needed)
{
    begin(THREADS);
    ck_assert_uint_eq(after(ALL(.spare = 7, .is_coarse = true)), THREADS);
    ck_assert_uint_eq(after(ALL(.spare = 7)), 1);
    begin(THREADS);
    ck_assert_uint_eq(after(ALL(.spare = 8)), 1);
}
END_TEST

/* A cut that proved wrong is made again later and later. */
START_TEST(cuts_that_were_wrong)
{
    uint32_t before = 0;

    begin(4);
    for (int round = 0; round < 4; round++) {
        uint32_t windows = 0;

        while (after(ALL(.spare = 1)) == 4) {
            windows++;
        }
        ck_assert_uint_eq(pacing.limit, 3);
        ck_assert(windows > before || round == 0);
        before = windows;
        pyw_pacing_stalled(&pacing);
        pacing.limit = 4;
    }
    ck_assert_uint_eq(before, 8);
}
END_TEST

/* Computing that needs no GIL is found by trying; where it needs one, ever less often.
 */
START_TEST(trials)
{
    uint32_t before = 0;

    begin(2);
    ck_assert_uint_eq(after(ALL(.held = LOOKS, .wanting = 3)), 1);
    for (int round = 0; round < 4; round++) {
        uint32_t windows = 0;

        while (after(ALL(.held = LOOKS)) == 1) {
            windows++;
        }
        ck_assert_uint_eq(pacing.limit, 2);
        ck_assert_uint_gt(windows, before);
        before = windows;
        ck_assert_uint_eq(after(ALL(.held = LOOKS, .wanting = 3)), 1);
    }
    pyw_pacing_stalled(&pacing); /* it is another world */
    while (after(ALL(.held = LOOKS, .wanting = 3)) == 2) {
        /* the last cut seems to have been wrong: it takes longer */
    }
    for (uint32_t windows = 0; after(ALL(.held = LOOKS)) == 1; windows++) {
        ck_assert_uint_lt(windows, before);
    }
    for (uint32_t limit = 3; limit <= THREADS; limit++) {
        ck_assert_uint_eq(after(ALL(.held = LOOKS)), limit);
    }
}
END_TEST

START_TEST(a_request_that_computes_for_long)
{
    begin(1);
    pyw_pacing_has_long(&pacing);
    ck_assert_uint_eq(pacing.limit, THREADS);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {nothing_is_seen,
                                  short_requests_that_compute,
                                  there_is_always_one,
                                  a_thread_of_the_application,
                                  a_gil_with_room,
                                  requests_that_wait,
                                  requests_that_wait_for_moments,
                                  more_than_are_needed,
                                  cuts_that_were_wrong,
                                  trials,
                                  a_request_that_computes_for_long,
                                  NULL};

    return suite_run("pacing", tests);
}
