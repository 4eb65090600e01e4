#include "apache/health.h"

#include <httpd.h>
#include <ap_mpm.h>
#include <http_config.h>
#include <http_protocol.h>
#include <http_request.h>
#include <mpm_common.h>
#include <scoreboard.h>
#include <string.h>

#include "apache/launch.h"
#include "base/clock.h"
#include "base/json.h"
#include "channel/vitals.h"

#define HEALTH_HANDLER "pywsgi-health"
#define READY_HANDLER "pywsgi-ready"

/* How a process group is; all but the last ones count as ready. */
enum condition {
    READY,   /* a process takes requests */
    ASLEEP,  /* it has none on purpose, and the next request starts one */
    PROGRAM, /* threads=0: it serves no requests */
    STARTING,
    FAILED, /* its processes do not start, or a script does not import */
    DOWN,   /* they end, or have ended */
};

static const char *const condition_names[] = {"ready",    "asleep", "program",
                                              "starting", "failed", "down"};

bool pyw_health_is_handler(const char *name)
{
    return strcmp(name, HEALTH_HANDLER) == 0 || strcmp(name, READY_HANDLER) == 0;
}

/* --- what there is --- */

/* A process that takes requests and has what it was to import. */
static bool has_sound_process(const struct pyw_table *table)
{
    for (uint32_t slot = 0; slot < pyw_table_slots(table); slot++) {
        if (pyw_table_state(table, slot) == PYW_STATE_READY &&
            pyw_table_broken(table, slot) == 0) {
            return true;
        }
    }
    return false;
}

static enum condition find_condition(const struct pyw_group *group)
{
    const struct pyw_table *table = group->table;

    if (pyw_setup_is_service(&group->setup)) {
        return PROGRAM;
    }
    /* Over a graceful restart the processes of before serve until there are others. */
    if (has_sound_process(table) ||
        (group->before != NULL && !pyw_group_serves(group) &&
         has_sound_process(group->before->table))) {
        return READY;
    }
    if (pyw_group_serves(group) || pyw_table_failures(table) > 0) {
        return FAILED;
    }
    if (pyw_table_count(table, PYW_STATE_STARTING) > 0) {
        return STARTING;
    }
    return pyw_table_is_asleep(table) ? ASLEEP : DOWN;
}

/* This child finishes what it has because the server stops. When it does so for a
 * graceful restart, others serve already. */
static bool is_stopping(const struct pyw_supervisor_plan *plan)
{
    int state = AP_MPMQ_RUNNING;
    int generation = 0;

    if (plan->vitals != NULL && pyw_vitals_is_stopping(plan->vitals)) {
        return true;
    }
    return ap_mpm_query(AP_MPMQ_MPM_STATE, &state) == APR_SUCCESS &&
           state == AP_MPMQ_STOPPING && ap_exists_scoreboard_image() &&
           ap_mpm_query(AP_MPMQ_GENERATION, &generation) == APR_SUCCESS &&
           generation == ap_get_scoreboard_global()->running_generation;
}

/* Without process groups there is none, and none is needed. */
static bool has_supervisor(const struct pyw_supervisor_plan *plan)
{
    return plan->group_count == 0 ||
           (plan->vitals != NULL &&
            pyw_vitals_is_alive(plan->vitals, pyw_clock_now_ms()));
}

/* --- what is said --- */

static bool put_health(struct pyw_json *json, const struct pyw_supervisor_plan *plan)
{
    bool is_healthy = has_supervisor(plan);

    pyw_json_put_bool(json, "healthy", is_healthy);
    if (!is_healthy) {
        pyw_json_put_text(json, "why", "the supervisor does not answer");
    }
    return is_healthy;
}

static bool put_groups(struct pyw_json *json, const struct pyw_supervisor_plan *plan)
{
    bool are_ready = true;

    pyw_json_open_object(json, "groups");
    for (size_t i = 0; i < plan->group_count; i++) {
        enum condition condition = find_condition(plan->groups[i]);

        are_ready &= condition <= PROGRAM;
        pyw_json_put_text(json, plan->groups[i]->name, condition_names[condition]);
    }
    pyw_json_close_object(json);
    return are_ready;
}

static bool put_ready(struct pyw_json *json, const struct pyw_supervisor_plan *plan)
{
    const char *why = NULL;
    bool is_ready = put_groups(json, plan);

    if (is_stopping(plan)) {
        why = "the server stops";
    } else if (!has_supervisor(plan)) {
        why = "the supervisor does not answer";
    } else if (!is_ready) {
        why = "a process group serves no requests, or fails them all";
    }
    pyw_json_put_bool(json, "ready", why == NULL);
    if (why != NULL) {
        pyw_json_put_text(json, "why", why);
    }
    return why == NULL;
}

/* @return an HTTP status; the body is in `writer`. */
static int describe(const request_rec *r, struct pyw_writer *writer)
{
    const struct pyw_supervisor_plan *plan = pyw_launch_plan();
    struct pyw_json json;
    bool is_good;

    pyw_json_begin(&json, writer);
    pyw_json_open_object(&json, NULL);
    is_good = strcmp(r->handler, HEALTH_HANDLER) == 0 ? put_health(&json, plan)
                                                      : put_ready(&json, plan);
    pyw_json_close_object(&json);
    return is_good ? HTTP_OK : HTTP_SERVICE_UNAVAILABLE;
}

/* --- the handler --- */

static int handle(request_rec *r)
{
    struct pyw_writer writer;

    if (r->handler == NULL || !pyw_health_is_handler(r->handler)) {
        return DECLINED;
    }
    ap_allow_standard_methods(r, REPLACE_ALLOW, M_GET, -1); /* HEAD too */
    if (r->method_number != M_GET) {
        return HTTP_METHOD_NOT_ALLOWED;
    }
    pyw_bytes_init(&writer);
    r->status = describe(r, &writer);
    pyw_bytes_put(&writer, "\n", 1);
    if (writer.failed) {
        pyw_bytes_free(&writer);
        return HTTP_INTERNAL_SERVER_ERROR;
    }
    ap_set_content_type(r, "application/json");
    ap_set_content_length(r, (apr_off_t)writer.len);
    apr_table_setn(r->headers_out, "Cache-Control", "no-store");
    if (!r->header_only) {
        (void)ap_rwrite(writer.data, (int)writer.len, r); /* a client that has gone */
    }
    pyw_bytes_free(&writer);
    return OK;
}

void pyw_health_register_hooks(apr_pool_t *pool)
{
    (void)pool;
    ap_hook_handler(handle, NULL, NULL, APR_HOOK_FIRST);
}
