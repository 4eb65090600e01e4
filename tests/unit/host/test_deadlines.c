/* What is due when: each limit of a process by itself, at made-up times, without
 * threads.
 */
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "fake_python.h"
#include "host/deadlines.h"
#include "host/handover.h"
#include "host/host.h"
#include "suite.h"

#define BEGUN 1000000

static struct pyw_setup setup;
static struct pyw_host host;

static void begin(void)
{
    struct pyw_table *table;
    int fd;

    setup.group = "test";
    pyw_options_init(&setup.options);
    setup.options.deadlock_timeout_s = 0;
    ck_assert_int_eq(pyw_table_create(1, 1, &table, &fd), 0);
    ck_assert_int_eq(pyw_host_init(&host, &setup, table), 0);
    host.begun_ms = BEGUN;
    host.notify_fd = -1;
    atomic_store(&host.phase, PYW_PHASE_SERVING);
}

/* What the process is asked to hand over for at that time. */
static uint32_t asked_at(int64_t ms)
{
    (void)pyw_deadlines_enforce(&host, BEGUN + ms);
    return atomic_load(&host.asked);
}

START_TEST(nothing_is_due_without_options)
{
    begin();
    ck_assert_int_eq(pyw_deadlines_enforce(&host, BEGUN), PYW_CLOCK_NEVER);
    ck_assert_uint_eq(asked_at(1000000000), 0);
}
END_TEST

START_TEST(restart_interval)
{
    begin();
    host.limits.interval_ms = 2000;
    ck_assert_int_eq(pyw_deadlines_enforce(&host, BEGUN + 5), BEGUN + 2000);
    ck_assert_uint_eq(asked_at(1999), 0);
    ck_assert_uint_eq(asked_at(2000), PYW_REASON_INTERVAL);
    ck_assert_int_eq(pyw_deadlines_enforce(&host, BEGUN + 3000), PYW_CLOCK_NEVER);
}
END_TEST

static void serve_one(void)
{
    pyw_table_begin_request(host.table, 0);
    pyw_table_end_request(host.table, 0);
}

START_TEST(reload_on_rss)
{
    begin();
    host.limits.rss_bytes = 1;
    ck_assert_uint_eq(asked_at(0), 0); /* it has served nothing */
    serve_one();
    ck_assert_int_eq(pyw_deadlines_enforce(&host, BEGUN + 900), BEGUN + 1000);
    ck_assert_uint_eq(asked_at(999), 0);
    ck_assert_uint_eq(asked_at(1000), PYW_REASON_RSS);
    ck_assert_int_eq(pyw_deadlines_enforce(&host, BEGUN + 2000), PYW_CLOCK_NEVER);
}
END_TEST

START_TEST(reload_on_rss_of_one_that_is_small_enough)
{
    begin();
    host.limits.rss_bytes = INT64_MAX;
    serve_one();
    ck_assert_uint_eq(asked_at(0), 0);
    ck_assert_int_eq(pyw_deadlines_enforce(&host, BEGUN + 1000), BEGUN + 2000);
    ck_assert_uint_eq(atomic_load(&host.asked), 0);
}
END_TEST

START_TEST(limits_are_drawn)
{
    struct pyw_options options;
    struct pyw_limits limits;
    int64_t least = INT64_MAX;
    int64_t most = 0;

    pyw_options_init(&options);
    options.maximum_requests_jitter = 5;
    pyw_limits_draw(&limits, &options);
    ck_assert_int_eq(limits.requests, 0); /* nothing to add to */
    ck_assert_int_eq(limits.interval_ms, 0);
    options.maximum_requests = 100;
    options.restart_interval_s = 60;
    options.restart_interval_jitter_s = INT32_MAX;
    options.reload_on_rss = -50;
    for (int i = 0; i < 500; i++) {
        pyw_limits_draw(&limits, &options);
        least = limits.requests < least ? limits.requests : least;
        most = limits.requests > most ? limits.requests : most;
        ck_assert_int_ge(limits.interval_ms, 60000);
        ck_assert_int_le(limits.interval_ms, 60000 + INT32_MAX * INT64_C(1000));
    }
    ck_assert_int_eq(least, 100);
    ck_assert_int_eq(most, 105);
    ck_assert_int_gt(limits.rss_bytes, 0);
    ck_assert_int_le(limits.rss_bytes, pyw_memory_allowed("") / 2 + 100);
}
END_TEST

START_TEST(startup_timeout)
{
    begin();
    setup.options.startup_timeout_s = 2;
    ck_assert_uint_eq(asked_at(100000), 0); /* nothing loads */
    atomic_store(&fake_python.waits_since_ms, BEGUN + 100000);
    ck_assert_int_eq(pyw_deadlines_enforce(&host, BEGUN + 101000), BEGUN + 102000);
    ck_assert_uint_eq(asked_at(101999), 0);
    ck_assert_uint_eq(asked_at(102000), PYW_REASON_STARTUP);
}
END_TEST

START_TEST(startup_timeout_ends_with_the_first_script)
{
    begin();
    setup.options.startup_timeout_s = 2;
    atomic_store(&fake_python.waits_since_ms, -1);
    ck_assert_int_eq(pyw_deadlines_enforce(&host, BEGUN + 90000), PYW_CLOCK_NEVER);
    ck_assert_uint_eq(asked_at(90000), 0);
}
END_TEST

START_TEST(startup_timeout_of_a_preload)
{
    begin();
    setup.options.startup_timeout_s = 2;
    atomic_store(&host.phase, PYW_PHASE_STARTING);
    atomic_store(&fake_python.waits_since_ms, BEGUN);
    ck_assert_uint_eq(asked_at(2000), PYW_REASON_STARTUP);
}
END_TEST

START_TEST(inactivity_timeout)
{
    begin();
    setup.options.inactivity_timeout_s = 2;
    ck_assert_uint_eq(asked_at(100000), 0); /* it has served nothing */
    atomic_store(&host.activity_ms, BEGUN + 100000);
    ck_assert_uint_eq(asked_at(101999), 0);
    pyw_table_begin_request(host.table, 0);
    ck_assert_uint_eq(asked_at(110000), 0); /* a request runs, without news */
    pyw_table_end_request(host.table, 0);
    ck_assert_uint_eq(asked_at(110050), PYW_REASON_INACTIVE);
}
END_TEST

START_TEST(activity_is_noted_unless_ignored)
{
    begin();
    pyw_host_note_activity(&host, 0);
    ck_assert_int_eq(atomic_load(&host.activity_ms), 0); /* not needed */
    setup.options.inactivity_timeout_s = 2;
    pyw_host_note_activity(&host, PYW_REQUEST_IGNORE);
    ck_assert_int_eq(atomic_load(&host.activity_ms), 0);
    pyw_host_note_activity(&host, PYW_REQUEST_RELOAD);
    ck_assert_int_gt(atomic_load(&host.activity_ms), 0);
}
END_TEST

START_TEST(stuck_workers)
{
    begin();
    atomic_store(&host.workers, 3);
    atomic_store(&host.stuck, 1);
    ck_assert_uint_eq(asked_at(0), 0);
    ck_assert_uint_eq(asked_at(900), 0);
    atomic_store(&host.stuck, 0); /* it came back */
    ck_assert_uint_eq(asked_at(1100), 0);
    atomic_store(&host.stuck, 1);
    ck_assert_uint_eq(asked_at(1200), 0);
    ck_assert_uint_eq(asked_at(2300), PYW_REASON_STUCK);
}
END_TEST

START_TEST(all_workers_are_stuck)
{
    begin();
    atomic_store(&host.workers, 3);
    atomic_store(&host.stuck, 1);
    ck_assert_uint_eq(asked_at(0), 0);
    ck_assert_uint_eq(asked_at(1000), PYW_REASON_STUCK);
    atomic_store(&host.stuck, 2);
    ck_assert_uint_eq(asked_at(5000), PYW_REASON_STUCK);
    atomic_store(&host.stuck, 3);
    ck_assert_uint_eq(asked_at(6000), PYW_REASON_STUCK);
    ck_assert_uint_eq(asked_at(7000), PYW_REASON_STUCK | PYW_REASON_ALL_STUCK);
    ck_assert_uint_eq(PYW_REASONS_WISHING & PYW_REASON_ALL_STUCK, 0);
}
END_TEST

START_TEST(the_only_worker_is_stuck)
{
    begin();
    atomic_store(&host.workers, 1);
    atomic_store(&host.stuck, 1);
    ck_assert_uint_eq(asked_at(0), 0);
    ck_assert_uint_eq(asked_at(1000), PYW_REASON_ALL_STUCK);
}
END_TEST

START_TEST(a_process_that_stood_still_is_not_deadlocked)
{
    begin();
    setup.options.deadlock_timeout_s = 2;
    atomic_store(&host.pulse_ms, BEGUN);
    ck_assert_int_eq(pyw_deadlines_enforce(&host, BEGUN), BEGUN + 2000);
    (void)pyw_deadlines_enforce(&host, BEGUN + 60000); /* seems so */
    atomic_store(&host.pulse_ms, BEGUN + 60900);
    (void)pyw_deadlines_enforce(&host, BEGUN + 61000);
    (void)pyw_deadlines_enforce(&host, BEGUN + 62000);
    ck_assert_int_eq(host.deadlock_until_ms, PYW_CLOCK_NEVER);
}
END_TEST

START_TEST(grace)
{
    begin();
    setup.options.shutdown_timeout_s = 3;
    ck_assert_int_eq(pyw_handover_shutdown_ms(&host), 3000);
    ck_assert_int_eq(pyw_handover_grace_ms(&host, PYW_REASON_INTERVAL), 15000);
    ck_assert_int_eq(pyw_handover_grace_ms(&host, PYW_REASON_SIGNAL), 15000);
    ck_assert_int_eq(pyw_handover_grace_ms(&host, PYW_REASON_STARTUP), 3000);
    setup.options.eviction_timeout_s = 7;
    ck_assert_int_eq(pyw_handover_grace_ms(&host, PYW_REASON_INTERVAL), 15000);
    ck_assert_int_eq(pyw_handover_grace_ms(&host, PYW_REASON_SIGNAL), 7000);
    setup.options.graceful_timeout_s = 0;
    ck_assert_int_eq(pyw_handover_grace_ms(&host, PYW_REASON_CPU), 3000);
    setup.options.shutdown_timeout_s = 0;
    ck_assert_int_eq(pyw_handover_grace_ms(&host, PYW_REASON_CPU), PYW_CLOCK_NEVER);
}
END_TEST

START_TEST(one_that_drains_is_not_asked)
{
    begin();
    host.limits.interval_ms = 2000;
    atomic_store(&host.phase, PYW_PHASE_DRAINING);
    ck_assert_uint_eq(asked_at(5000), 0);
    ck_assert(!pyw_host_may_begin(&host));
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {nothing_is_due_without_options,
                                  restart_interval,
                                  reload_on_rss,
                                  reload_on_rss_of_one_that_is_small_enough,
                                  limits_are_drawn,
                                  startup_timeout,
                                  startup_timeout_ends_with_the_first_script,
                                  startup_timeout_of_a_preload,
                                  inactivity_timeout,
                                  activity_is_noted_unless_ignored,
                                  stuck_workers,
                                  all_workers_are_stuck,
                                  the_only_worker_is_stuck,
                                  a_process_that_stood_still_is_not_deadlocked,
                                  grace,
                                  one_that_drains_is_not_asked,
                                  NULL};

    return suite_run("host/deadlines", tests);
}
