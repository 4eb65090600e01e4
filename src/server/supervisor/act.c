#include "supervisor/act.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "channel/lifeline.h"
#include "supervisor/realm.h"
#include "supervisor/report.h"

/* The crews that a command is about: the one that it names, or all. */
struct chosen {
    struct pyw_crew *first;
    size_t count;
};

static struct chosen choose(const struct pyw_realm *realm, const struct pyw_call *call)
{
    struct chosen chosen = {realm->crews, realm->plan->group_count};

    if (call->command.group != NULL) {
        chosen.first = pyw_realm_find(realm, call->command.group);
        chosen.count = chosen.first != NULL ? 1 : 0;
    }
    return chosen;
}

#define FOR_EACH_CHOSEN(chosen, crew_var)                                              \
    for (struct pyw_crew *crew_var = (chosen).first;                                   \
         crew_var < (chosen).first + (chosen).count; crew_var++)

#define FOR_EACH_PROCESS(crew, process_var)                                            \
    for (struct pyw_process *process_var = (crew)->processes;                          \
         process_var < (crew)->processes + (crew)->group->slots; process_var++)

/* --- answers --- */

static void open_answer(struct pyw_json *json, struct pyw_call *call, const char *error)
{
    pyw_json_begin(json, &call->answer);
    pyw_json_open_object(json, NULL);
    pyw_json_put_bool(json, "ok", error == NULL);
    if (error != NULL) {
        pyw_json_put_text(json, "error", error);
    }
}

static bool refuse(struct pyw_call *call, const char *error)
{
    struct pyw_json json;

    open_answer(&json, call, error);
    pyw_json_close_object(&json);
    return true;
}

/* --- status --- */

static bool serve_status(struct pyw_realm *realm, struct pyw_call *call)
{
    struct pyw_json json;

    open_answer(&json, call, NULL);
    pyw_report_status(&json, realm);
    pyw_json_close_object(&json);
    return true;
}

/* --- reload, restart --- */

enum progress { PROGRESS_ON, PROGRESS_DONE, PROGRESS_FAILED };

/* In the same millisecond: it ended before, and may be why the command came. */
static bool has_failed(const struct pyw_crew *crew, const struct pyw_call *call)
{
    return crew->roll.state == PYW_ROLL_FAILED ||
           (crew->failed.ending.pid != 0 && crew->failed.at_ms > call->came_ms);
}

/* Nothing starts, and somebody serves where somebody is to. Processes that were told to
 * end are left out where they may take their time. */
static bool is_settled(const struct pyw_crew *crew, bool with_those_told)
{
    bool is_served = crew->target == 0;

    FOR_EACH_PROCESS(crew, process)
    {
        is_served |= process->state == PYW_STATE_READY;
        if (process->state == PYW_STATE_STARTING) {
            return false;
        }
        if (with_those_told && !pyw_process_is_empty(process) &&
            process->lifeline_fd < 0) {
            return false;
        }
    }
    return is_served || crew->failures > 0;
}

static enum progress look_at(const struct pyw_crew *crew, const struct pyw_call *call)
{
    bool is_restart = call->command.verb == PYW_VERB_RESTART;

    if (has_failed(crew, call)) {
        return PROGRESS_FAILED;
    }
    if (crew->roll.state == PYW_ROLL_ON || !is_settled(crew, is_restart)) {
        return PROGRESS_ON;
    }
    return crew->failures > 0 ? PROGRESS_FAILED : PROGRESS_DONE;
}

static void put_outcome(struct pyw_json *json, const struct pyw_crew *crew,
                        const struct pyw_call *call)
{
    bool is_ok = look_at(crew, call) == PROGRESS_DONE;

    pyw_json_open_object(json, NULL);
    pyw_json_put_text(json, "name", crew->group->name);
    pyw_json_put_bool(json, "ok", is_ok);
    pyw_json_put_int(json, "replaced", crew->roll.replaced);
    pyw_json_put_seconds(json, "seconds", pyw_clock_now_ms() - call->came_ms);
    if (!is_ok && crew->failed.ending.pid != 0) {
        pyw_json_put_int(json, "pid", crew->failed.ending.pid);
        pyw_report_ending(json, crew->failed.ending.status);
        pyw_report_tail(json, "log", &crew->failed_tail);
    }
    pyw_json_close_object(json);
}

static bool answer_outcome(const struct chosen *chosen, struct pyw_call *call)
{
    bool is_restart = call->command.verb == PYW_VERB_RESTART;
    const char *error = NULL;
    struct pyw_json json;

    FOR_EACH_CHOSEN(*chosen, crew)
    {
        enum progress progress = look_at(crew, call);

        if (progress == PROGRESS_ON) {
            return false;
        }
        if (progress == PROGRESS_FAILED) {
            error = is_restart
                        ? "A process did not start; it is tried again, less and "
                          "less often."
                        : "The new processes do not start. Those that were there "
                          "go on serving; it is tried again, less and less often.";
        }
    }
    open_answer(&json, call, error);
    pyw_json_open_array(&json, "groups");
    FOR_EACH_CHOSEN(*chosen, crew)
    {
        put_outcome(&json, crew, call);
    }
    pyw_json_close_array(&json);
    pyw_json_close_object(&json);
    return true;
}

static bool serve_replacement(struct pyw_realm *realm, struct pyw_call *call)
{
    struct chosen chosen = choose(realm, call);

    if (realm->course == PYW_COURSE_STOP) {
        return refuse(call, "The server is stopping.");
    }
    if (call->is_begun) {
        return answer_outcome(&chosen, call);
    }
    if (realm->course == PYW_COURSE_RETIRE) {
        return refuse(call, "The server is being restarted: try again.");
    }
    call->is_begun = true;
    FOR_EACH_CHOSEN(chosen, crew)
    {
        if (call->command.verb == PYW_VERB_RESTART) {
            pyw_crew_restart(crew);
        } else {
            pyw_crew_roll(crew);
        }
    }
    return false;
}

/* --- scale --- */

static bool serve_scale(struct pyw_realm *realm, struct pyw_call *call)
{
    struct chosen chosen = choose(realm, call);
    const struct pyw_command *command = &call->command;
    struct pyw_json json;
    char why[128];

    if (realm->course != PYW_COURSE_RUN) {
        return refuse(call, "The server is being restarted or stopped: try again.");
    }
    if (pyw_crew_scale(chosen.first, (uint32_t)command->least,
                       (uint32_t)command->most) != 0) {
        long long most = (long long)chosen.first->group->setup.options.processes;
        (void)snprintf(why, sizeof(why),
                       "The group has room for %lld process%s: raise processes= of its "
                       "WSGIDaemonProcess, or start-server's --processes.",
                       most, most == 1 ? "" : "es");
        return refuse(call, why);
    }
    open_answer(&json, call, NULL);
    pyw_json_put_text(&json, "name", chosen.first->group->name);
    pyw_json_put_int(&json, "least", command->least);
    pyw_json_put_int(&json, "most", command->most);
    pyw_json_close_object(&json);
    return true;
}

/* --- stacks --- */

/* Asks a process for its stacks. @return the end to read them from; -errno. */
static int ask_for_stacks(const struct pyw_process *process)
{
    int ends[2];
    int rv;

    if (pipe2(ends, O_CLOEXEC) != 0) {
        return -errno;
    }
    rv = pyw_lifeline_say(process->lifeline_fd, PYW_WORD_STACKS, ends[1]);
    close(ends[1]);
    if (rv != 0) {
        close(ends[0]);
        return rv;
    }
    return ends[0];
}

static void put_stacks(struct pyw_json *json, const struct pyw_process *process,
                       struct pyw_call *call)
{
    int fd = process->lifeline_fd >= 0 ? ask_for_stacks(process) : -EPIPE;

    if (fd >= 0 && !pyw_call_add_fd(call, fd)) {
        close(fd);
        fd = -ENOMEM;
    }
    pyw_json_open_object(json, NULL);
    pyw_json_put_text(json, "group", process->group->name);
    pyw_json_put_int(json, "pid", process->pid);
    pyw_json_put_text(json, "state", pyw_table_state_name(process->state));
    if (fd < 0) {
        pyw_json_put_text(json, "error", fd == -EPIPE ? "it is ending" : strerror(-fd));
    } else {
        pyw_json_put_null(json, "error");
    }
    pyw_json_close_object(json);
}

static bool serve_stacks(struct pyw_realm *realm, struct pyw_call *call)
{
    struct chosen chosen = choose(realm, call);
    struct pyw_json json;

    open_answer(&json, call, NULL);
    pyw_json_open_array(&json, "processes");
    FOR_EACH_CHOSEN(chosen, crew)
    {
        FOR_EACH_PROCESS(crew, process)
        {
            if (!pyw_process_is_empty(process)) {
                put_stacks(&json, process, call);
            }
        }
    }
    pyw_json_close_array(&json);
    pyw_json_close_object(&json);
    return true;
}

/* --- the table --- */

bool pyw_act_serve(void *context, struct pyw_call *call)
{
    static bool (*const serve[])(struct pyw_realm *, struct pyw_call *) = {
        [PYW_VERB_STATUS] = serve_status,       [PYW_VERB_RELOAD] = serve_replacement,
        [PYW_VERB_RESTART] = serve_replacement, [PYW_VERB_SCALE] = serve_scale,
        [PYW_VERB_STACKS] = serve_stacks,
    };
    struct pyw_realm *realm = context;

    if (call->command.group != NULL &&
        pyw_realm_find(realm, call->command.group) == NULL) {
        return refuse(call,
                      "There is no process group of that name: status lists them.");
    }
    return serve[call->command.verb](realm, call);
}
