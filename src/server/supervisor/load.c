#include "supervisor/load.h"

#include <time.h>
#include <unistd.h>

#include "channel/admission.h"

/* A nanosecond of every millisecond is so many percent. */
#define NS_PER_MS_PERCENT 10000

/* @return nanoseconds of processor time so far; 0: unknown. */
static int64_t cpu_time_ns(const struct pyw_process *process)
{
    struct timespec used;
    clockid_t clock;

    if (clock_getcpuclockid(process->pid, &clock) != 0 ||
        clock_gettime(clock, &used) != 0) {
        return 0;
    }
    return (int64_t)used.tv_sec * 1000000000 + used.tv_nsec;
}

/* What it used since the last look, in nanoseconds. */
static int64_t take_cpu(struct pyw_process *process)
{
    int64_t before_ns = process->cpu_ns;

    process->cpu_ns = cpu_time_ns(process);
    return before_ns > 0 && process->cpu_ns > before_ns ? process->cpu_ns - before_ns
                                                        : 0;
}

struct pyw_load pyw_load_take(struct pyw_table *table, struct pyw_process *processes,
                              int64_t since_ms)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    uint64_t waiting = pyw_admission_waiting(table);
    struct pyw_load load = {.cores = cores > 0 ? (uint32_t)cores : 1};
    int64_t cpu_ns = 0;

    for (uint32_t slot = 0; slot < pyw_table_slots(table); slot++) {
        struct pyw_process *process = &processes[slot];

        load.starting += process->state == PYW_STATE_STARTING ? 1 : 0;
        if (process->state == PYW_STATE_READY) {
            load.ready++;
            load.threads += pyw_table_capacity(table, slot);
            load.running += pyw_table_active(table, slot);
            cpu_ns += take_cpu(process);
        }
    }
    load.waiting = waiting < UINT32_MAX ? (uint32_t)waiting : UINT32_MAX;
    load.cpu = since_ms > 0 ? (uint32_t)(cpu_ns / since_ms / NS_PER_MS_PERCENT) : 0;
    return load;
}
