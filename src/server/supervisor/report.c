#include "supervisor/report.h"

#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "channel/admission.h"
#include "supervisor/memory.h"

/* The memory of processes is left out once it took this long: others wait. */
#define MEMORY_MS 200

static const char *const courses[] = {"running", "retiring", "stopping"};
static const char *const roll_states[] = {"none", "running", "done", "failed"};

void pyw_report_ending(struct pyw_json *json, int32_t wait_status)
{
    if (WIFSIGNALED(wait_status)) {
        char name[PYW_PROCESS_SIGNAL_NAME];

        pyw_json_put_text(json, "signal",
                          pyw_process_signal_name(WTERMSIG(wait_status), name));
    } else {
        pyw_json_put_int(json, "status", WEXITSTATUS(wait_status));
    }
}

void pyw_report_tail(struct pyw_json *json, const char *key,
                     const struct pyw_tail *tail)
{
    size_t from = 0;

    pyw_json_open_array(json, key);
    while (from < tail->len) {
        const char *end = memchr(tail->text + from, '\n', tail->len - from);
        size_t to = end != NULL ? (size_t)(end - tail->text) : tail->len;

        pyw_json_put_bytes(json, NULL, tail->text + from, to - from);
        from = to + 1;
    }
    pyw_json_close_array(json);
}

static void put_bytes_or_null(struct pyw_json *json, const char *key, int64_t bytes)
{
    if (bytes >= 0) {
        pyw_json_put_int(json, key, bytes);
    } else {
        pyw_json_put_null(json, key);
    }
}

static void put_process(struct pyw_json *json, const struct pyw_process *process,
                        int64_t memory_until_ms)
{
    const struct pyw_table *table = process->group->table;
    int64_t now_ms = pyw_clock_now_ms();
    struct pyw_memory memory = {-1, -1};

    if (now_ms < memory_until_ms) {
        memory = pyw_memory_of(process->pid);
    }
    pyw_json_open_object(json, NULL);
    pyw_json_put_int(json, "slot", process->slot);
    pyw_json_put_int(json, "pid", process->pid);
    pyw_json_put_text(json, "state", pyw_table_state_name(process->state));
    pyw_json_put_bool(json, "due", process->is_due);
    pyw_json_put_int(json, "generation", process->generation);
    pyw_json_put_seconds(json, "age", now_ms - process->spawned_ms);
    pyw_json_put_int(json, "requests", (int64_t)pyw_table_served(table, process->slot));
    pyw_json_put_int(json, "active", pyw_table_active(table, process->slot));
    pyw_json_put_int(json, "capacity", pyw_table_capacity(table, process->slot));
    put_bytes_or_null(json, "rss", memory.rss);
    put_bytes_or_null(json, "pss", memory.pss);
    pyw_json_close_object(json);
}

static void put_roll(struct pyw_json *json, const struct pyw_roll *roll)
{
    int64_t end_ms = roll->state == PYW_ROLL_ON ? pyw_clock_now_ms() : roll->ended_ms;

    pyw_json_open_object(json, "reload");
    pyw_json_put_text(json, "state", roll_states[roll->state]);
    pyw_json_put_int(json, "replaced", roll->replaced);
    pyw_json_put_seconds(json, "seconds", end_ms - roll->begun_ms);
    pyw_json_close_object(json);
}

/* In a row, of successors or of others. */
static unsigned count_failures(const struct pyw_crew *crew)
{
    return crew->failures > 0 ? crew->failures : crew->replace_failures;
}

/* The children still use the group of the configuration before: of ours none is ready.
 */
static bool is_served_by_predecessor(const struct pyw_crew *crew)
{
    const struct pyw_group *before = crew->group->before;

    return before != NULL && !pyw_group_serves(crew->group) && pyw_group_serves(before);
}

/* The last end that nobody asked for, and the last start that came to nothing. */
static void put_endings(struct pyw_json *json, const struct pyw_crew *crew)
{
    int64_t now_ms = pyw_clock_now_ms();

    if (crew->last.ending.pid != 0) {
        pyw_json_open_object(json, "last_ending");
        pyw_json_put_int(json, "pid", crew->last.ending.pid);
        pyw_report_ending(json, crew->last.ending.status);
        pyw_json_put_seconds(json, "ago", now_ms - crew->last.at_ms);
        pyw_json_close_object(json);
    } else {
        pyw_json_put_null(json, "last_ending");
    }
    if (count_failures(crew) > 0 && crew->failed.ending.pid != 0) {
        pyw_json_open_object(json, "failure");
        pyw_json_put_int(json, "pid", crew->failed.ending.pid);
        pyw_report_ending(json, crew->failed.ending.status);
        pyw_report_tail(json, "log", &crew->failed_tail);
        pyw_json_close_object(json);
    } else {
        pyw_json_put_null(json, "failure");
    }
}

static void put_group(struct pyw_json *json, const struct pyw_crew *crew,
                      int64_t memory_until_ms)
{
    const struct pyw_group *group = crew->group;
    int64_t retry_at_ms = crew->failures > 0 ? crew->retry_at_ms : crew->replace_at_ms;
    int64_t retry_ms = retry_at_ms - pyw_clock_now_ms();

    pyw_json_open_object(json, NULL);
    pyw_json_put_text(json, "name", group->name);
    pyw_json_put_text(json, "user", group->identity.name);
    pyw_json_put_int(json, "wanted", crew->target);
    pyw_json_put_int(json, "least", crew->size.least);
    pyw_json_put_int(json, "most", crew->size.most);
    pyw_json_put_int(json, "threads", group->setup.options.threads);
    pyw_json_put_int(json, "waiting", (int64_t)pyw_admission_waiting(group->table));
    pyw_json_put_int(json, "queue_size", group->setup.options.queue_size);
    pyw_json_put_bool(json, "served_by_predecessor", is_served_by_predecessor(crew));
    pyw_json_put_int(json, "failures", count_failures(crew));
    if (count_failures(crew) > 0 && retry_ms > 0) {
        pyw_json_put_seconds(json, "retry_in", retry_ms);
    } else {
        pyw_json_put_null(json, "retry_in");
    }
    put_roll(json, &crew->roll);
    put_endings(json, crew);
    pyw_json_open_array(json, "processes");
    for (uint32_t slot = 0; slot < group->slots; slot++) {
        if (!pyw_process_is_empty(&crew->processes[slot])) {
            put_process(json, &crew->processes[slot], memory_until_ms);
        }
    }
    pyw_json_close_array(json);
    pyw_json_close_object(json);
}

void pyw_report_status(struct pyw_json *json, const struct pyw_realm *realm)
{
    const struct pyw_supervisor_plan *plan = realm->plan;
    int64_t now_ms = pyw_clock_now_ms();

    pyw_json_put_text(json, "version", PYW_VERSION);
    pyw_json_put_int(json, "pid", plan->parent);
    pyw_json_put_int(json, "supervisor", getpid());
    pyw_json_put_text(json, "state", courses[realm->course]);
    pyw_json_put_int(json, "generation", plan->generation);
    pyw_json_put_seconds(json, "uptime", now_ms - plan->server_started_ms);
    pyw_json_put_seconds(json, "age", now_ms - realm->started_ms);
    pyw_json_open_array(json, "groups");
    for (size_t i = 0; i < plan->group_count; i++) {
        put_group(json, &realm->crews[i], now_ms + MEMORY_MS);
    }
    pyw_json_close_array(json);
}
