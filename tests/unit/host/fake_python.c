#include "fake_python.h"

#include "python/handlers.h"
#include "python/interpreter.h"
#include "python/interrupt.h"
#include "python/loader.h"
#include "python/program.h"
#include "python/runtime.h"
#include "python/schedule.h"
#include "wsgi/serve.h"

struct fake_python fake_python;

void pyw_serve_run(struct pyw_exchange *exchange)
{
    fake_python.serve(exchange);
}

void pyw_serve_leave_thread(void)
{
    atomic_fetch_add(&fake_python.leavers, 1);
}

bool pyw_loader_finds_change(const struct pyw_request_head *head)
{
    (void)head;
    return atomic_load(&fake_python.is_stale);
}

int64_t pyw_loader_waits_since_ms(void)
{
    return atomic_load(&fake_python.waits_since_ms);
}

void pyw_runtime_touch(void)
{
}

void pyw_interrupt_deliver(void)
{
    atomic_fetch_add(&fake_python.interrupts, 1);
}

void pyw_runtime_dump_stacks(int fd)
{
    (void)fd;
    atomic_fetch_add(&fake_python.dumps, 1);
}

/* There is one lane; and what runs programs: no test does. Weak, for tests that link
 * the genuine ones. */
#define UNUSED_FAKE __attribute__((weak))

UNUSED_FAKE unsigned pyw_interpreter_lanes(void)
{
    return 1;
}

UNUSED_FAKE void pyw_interpreter_take_lane(unsigned lane)
{
    (void)lane;
}

UNUSED_FAKE bool pyw_handlers_has_ended(void)
{
    return false;
}

UNUSED_FAKE void pyw_program_interrupt(void)
{
}

UNUSED_FAKE int pyw_program_run(const struct pyw_setup *setup,
                                char outcome[PYW_PROGRAM_OUTCOME_MAX])
{
    (void)setup;
    outcome[0] = '\0';
    return 0;
}

UNUSED_FAKE int pyw_schedule_prepare(const struct pyw_setup *setup)
{
    (void)setup;
    return 0;
}

UNUSED_FAKE int pyw_schedule_run(void)
{
    return 0;
}

UNUSED_FAKE void pyw_runtime_stop(void)
{
}

unsigned pyw_runtime_gils(void)
{
    return 1;
}

void pyw_runtime_tell_wants(atomic_bool *wants_gil)
{
    (void)wants_gil;
}
