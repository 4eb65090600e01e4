/* What a service manager is told, where nobody takes it. */
#include "supervisor/herald.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "suite.h"

static struct pyw_process process;
static struct pyw_group group = {.name = "tested", .slots = 1};
static struct pyw_crew crew = {.group = &group, .processes = &process, .target = 1};
static struct pyw_systemd manager = {.address = "/nonexistent/socket"};

static void take_log(void *where, enum pyw_level level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void take_log(void *where, enum pyw_level level, const char *format, ...)
{
    (void)where;
    (void)level;
    (void)format;
}

START_TEST(what_could_not_be_said_is_due_again_only_while_it_is_so)
{
    struct pyw_herald herald;

    pyw_herald_init(&herald, &manager, take_log);
    process.state = PYW_STATE_READY;
    pyw_herald_tell(&herald, &crew, 1);
    ck_assert(!herald.is_ready_said);
    ck_assert_int_gt(pyw_herald_deadline_ms(&herald), pyw_clock_now_ms());
    ck_assert_int_ne(pyw_herald_deadline_ms(&herald), PYW_CLOCK_NEVER);
    process.state = PYW_STATE_GONE; /* for how long, nobody knows */
    pyw_herald_tell(&herald, &crew, 1);
    ck_assert_int_eq(pyw_herald_deadline_ms(&herald), PYW_CLOCK_NEVER);
    process.state = PYW_STATE_READY;
    pyw_herald_tell(&herald, &crew, 1);
    ck_assert_int_ne(pyw_herald_deadline_ms(&herald), PYW_CLOCK_NEVER);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        what_could_not_be_said_is_due_again_only_while_it_is_so, NULL};

    return suite_run("herald", tests);
}
