/* Who is parked and who is let out; nobody sleeps who has something to watch. */
#include <pthread.h>
#include <unistd.h>

#include "base/clock.h"
#include "host/gate.h"
#include "suite.h"

#define THREADS 4

static struct pyw_gate *gate;
static pthread_t threads[THREADS];
static _Atomic int rounds[THREADS];
static atomic_bool is_over;

static void *work(void *argument)
{
    uint32_t index = (uint32_t)(uintptr_t)argument;

    pyw_gate_join(gate, index);
    while (!atomic_load(&is_over)) {
        pyw_gate_pass(gate, index);
        pyw_gate_take(gate, index);
        atomic_fetch_add(&rounds[index], 1);
        pyw_gate_done(gate, index);
    }
    return NULL;
}

static void begin(uint32_t lanes)
{
    ck_assert_int_eq(pyw_gate_init(&gate, lanes, THREADS), 0);
    pyw_gate_count(gate);
    for (uintptr_t i = 0; i < THREADS; i++) {
        ck_assert_int_eq(pthread_create(&threads[i], NULL, work, (void *)i), 0);
    }
}

static void finish(void)
{
    atomic_store(&is_over, true);
    pyw_gate_open(gate);
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    pyw_gate_free(gate);
}

static int parked(uint32_t lane)
{
    int count = 0;

    for (uint32_t i = lane; i < THREADS; i += pyw_gate_lanes(gate)) {
        const struct pyw_gate_worker *worker = pyw_gate_worker(gate, i);

        count += atomic_load(&worker->is_here) &&
                         atomic_load(&worker->phase) == PYW_GATE_PARKED
                     ? 1
                     : 0;
    }
    return count;
}

static void wait_for_parked(uint32_t lane, int count)
{
    while (parked(lane) != count) {
        usleep(100);
    }
}

/* All that are out get on. */
static void wait_for_rounds(int count)
{
    int before[THREADS];
    int going = 0;

    for (int i = 0; i < THREADS; i++) {
        before[i] = atomic_load(&rounds[i]);
    }
    while (going < count) {
        usleep(100);
        going = 0;
        for (int i = 0; i < THREADS; i++) {
            going += atomic_load(&rounds[i]) > before[i] ? 1 : 0;
        }
    }
}

START_TEST(the_limit_falls_and_rises)
{
    begin(1);
    wait_for_rounds(THREADS);
    ck_assert_uint_eq(pyw_gate_limit(gate), THREADS);
    for (uint32_t limit = 1; limit <= THREADS; limit++) {
        pyw_gate_set_limit(gate, 0, limit);
        ck_assert_uint_eq(pyw_gate_limit(gate), limit);
        wait_for_parked(0, THREADS - (int)limit);
        wait_for_rounds((int)limit);
    }
    pyw_gate_set_limit(gate, 0, 1);
    wait_for_parked(0, THREADS - 1);
    finish();
}
END_TEST

START_TEST(each_lane_by_itself)
{
    begin(2);
    pyw_gate_set_limit(gate, 0, 1);
    wait_for_parked(0, 1);
    ck_assert_int_eq(parked(1), 0);
    wait_for_rounds(3);
    pyw_gate_set_limit(gate, 1, 1);
    wait_for_parked(1, 1);
    pyw_gate_set_limit(gate, 0, 2);
    wait_for_parked(0, 0);
    ck_assert_int_eq(parked(1), 1);
    finish();
}
END_TEST

START_TEST(an_open_gate_stays_open)
{
    begin(1);
    pyw_gate_set_limit(gate, 0, 1);
    wait_for_parked(0, THREADS - 1);
    pyw_gate_open(gate);
    ck_assert(pyw_gate_is_open(gate));
    pyw_gate_set_limit(gate, 0, 1);
    wait_for_parked(0, 0);
    wait_for_rounds(THREADS);
    ck_assert_uint_eq(pyw_gate_limit(gate), THREADS);
    finish();
}
END_TEST

START_TEST(what_wakes_the_watcher)
{
    ck_assert_int_eq(pyw_gate_init(&gate, 1, THREADS), 0);
    pyw_gate_count(gate);
    pyw_gate_take(gate, 0);
    ck_assert(!pyw_gate_is_used(gate, 0));
    ck_assert(!pyw_gate_sleep(gate, pyw_clock_now_ms())); /* nobody meets anybody */
    pyw_gate_take(gate, 1);
    ck_assert(pyw_gate_sleep(gate, PYW_CLOCK_NEVER));
    pyw_gate_done(gate, 1);
    ck_assert(!pyw_gate_sleep(gate, pyw_clock_now_ms()));
    pyw_gate_set_limit(gate, 0, 1);
    ck_assert(pyw_gate_sleep(gate, PYW_CLOCK_NEVER)); /* busy: all that are let out */
    pyw_gate_done(gate, 0);
    ck_assert(!pyw_gate_sleep(gate, pyw_clock_now_ms()));
    pyw_gate_take(gate, 0);
    ck_assert(pyw_gate_sleep(gate, PYW_CLOCK_NEVER));
    pyw_gate_free(gate);
}
END_TEST

/* The watcher goes to sleep just when there is something to watch. */
START_TEST(nothing_is_missed)
{
    begin(1);
    pyw_gate_set_limit(gate, 0, 1);
    for (int i = 0; i < 2000; i++) {
        ck_assert(pyw_gate_sleep(gate, PYW_CLOCK_NEVER));
    }
    finish();
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {the_limit_falls_and_rises, each_lane_by_itself,
                                  an_open_gate_stays_open,   what_wakes_the_watcher,
                                  nothing_is_missed,         NULL};

    return suite_run("gate", tests);
}
