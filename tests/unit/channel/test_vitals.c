/* Signs of life: shared with children, old ones count for nothing. */
#include <sys/wait.h>
#include <unistd.h>

#include "channel/vitals.h"
#include "suite.h"

#define NOW_MS 100000

START_TEST(it_lives_as_long_as_it_beats)
{
    struct pyw_vitals *vitals = pyw_vitals_create();

    ck_assert_ptr_nonnull(vitals);
    ck_assert(!pyw_vitals_is_alive(vitals, NOW_MS));
    pyw_vitals_beat(vitals, NOW_MS, false);
    ck_assert(pyw_vitals_is_alive(vitals, NOW_MS));
    ck_assert(pyw_vitals_is_alive(vitals, NOW_MS + PYW_VITALS_STALE_MS));
    ck_assert(!pyw_vitals_is_alive(vitals, NOW_MS + PYW_VITALS_STALE_MS + 1));
    pyw_vitals_beat(vitals, NOW_MS + PYW_VITALS_STALE_MS + 1, false);
    ck_assert(pyw_vitals_is_alive(vitals, NOW_MS + PYW_VITALS_STALE_MS + 1));
    pyw_vitals_clear(vitals);
    ck_assert(!pyw_vitals_is_alive(vitals, NOW_MS));
    pyw_vitals_close(vitals);
}
END_TEST

START_TEST(it_stops)
{
    struct pyw_vitals *vitals = pyw_vitals_create();

    ck_assert_ptr_nonnull(vitals);
    pyw_vitals_beat(vitals, NOW_MS, true);
    ck_assert(pyw_vitals_is_stopping(vitals));
    ck_assert(pyw_vitals_is_alive(vitals, NOW_MS));
    pyw_vitals_clear(vitals); /* another is started */
    ck_assert(!pyw_vitals_is_stopping(vitals));
    pyw_vitals_close(vitals);
}
END_TEST

START_TEST(a_fork_beats_for_its_parent_to_see)
{
    struct pyw_vitals *vitals = pyw_vitals_create();
    int status = -1;
    pid_t pid;

    ck_assert_ptr_nonnull(vitals);
    pid = fork();
    if (pid == 0) {
        pyw_vitals_beat(vitals, NOW_MS, false);
        _exit(0);
    }
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert(pyw_vitals_is_alive(vitals, NOW_MS));
    pyw_vitals_close(vitals);
}
END_TEST

START_TEST(there_may_be_none)
{
    pyw_vitals_beat(NULL, NOW_MS, false);
    pyw_vitals_close(NULL);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {it_lives_as_long_as_it_beats, it_stops,
                                  a_fork_beats_for_its_parent_to_see, there_may_be_none,
                                  NULL};

    return suite_run("vitals", tests);
}
