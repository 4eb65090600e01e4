#include "apache/score.h"

#include <httpd.h>
#include <ap_mpm.h>
#include <errno.h>
#include <http_config.h>
#include <mpm_common.h>
#include <scoreboard.h>
#include <string.h>

#include "base/clock.h"

#define AGE_MS 500

/* Of this configuration; inherited by the children. */
static struct pyw_board *current;

/* A text of the scoreboard, which another process may be writing to. */
#define TEXT_OF(array) ((struct pyw_span){(array), strnlen((array), sizeof(array))})

static void put_worker(struct pyw_writer *writer, int child, int thread)
{
    static const char letters[] = PYW_SCOREBOARD_LETTERS;
    worker_score score;
    unsigned status;
    struct pyw_scoreboard_worker worker;

    ap_copy_scoreboard_worker(&score, child, thread);
    status = score.status < sizeof(letters) - 1 ? score.status : SERVER_DEAD;
    worker = (struct pyw_scoreboard_worker){
        .generation = (uint32_t)score.generation,
        .status = letters[status],
        .accesses = score.access_count,
        .bytes = (uint64_t)score.bytes_served,
        .start_us = score.start_time,
        .stop_us = score.stop_time,
        .last_us = score.last_used,
        .client = TEXT_OF(score.client),
        .request = TEXT_OF(score.request),
        .vhost = TEXT_OF(score.vhost),
    };
    pyw_scoreboard_put_worker(writer, &worker);
}

static void put_process(struct pyw_writer *writer, int child, int threads)
{
    const process_score *score = ap_get_scoreboard_process(child);
    const struct pyw_scoreboard_process process = {
        .pid = score->pid,
        .generation = (uint32_t)score->generation,
        .is_quiescing = score->quiescing != 0,
    };

    pyw_scoreboard_put_process(writer, &process);
    for (int thread = 0; thread < threads; thread++) {
        put_worker(writer, child, thread);
    }
}

int pyw_score_read(struct pyw_writer *writer)
{
    const global_score *global;
    struct pyw_scoreboard board;

    if (!ap_exists_scoreboard_image()) {
        return -ENOENT;
    }
    global = ap_get_scoreboard_global();
    board = (struct pyw_scoreboard){
        .processes = (uint32_t)global->server_limit,
        .workers = (uint32_t)global->thread_limit,
        .generation = (uint32_t)global->running_generation,
        .restart_us = global->restart_time,
        .now_us = pyw_clock_epoch_us(),
    };
    pyw_scoreboard_put(writer, &board);
    for (int child = 0; child < global->server_limit; child++) {
        put_process(writer, child, global->thread_limit);
    }
    return writer->failed ? -ENOMEM : 0;
}

void pyw_score_set_board(struct pyw_board *board)
{
    current = board;
}

void pyw_score_refresh(void)
{
    int64_t now_ms = pyw_clock_now_ms();
    struct pyw_writer writer;

    if (current == NULL || !pyw_board_claim(current, now_ms, AGE_MS)) {
        return;
    }
    pyw_bytes_init(&writer);
    if (pyw_score_read(&writer) != 0) {
        pyw_bytes_clear(&writer);
    }
    pyw_board_publish(current, now_ms,
                      (struct pyw_span){(const char *)writer.data, writer.len});
    pyw_bytes_free(&writer);
}

static int maintain(apr_pool_t *pool, server_rec *s)
{
    (void)pool;
    (void)s;
    pyw_score_refresh();
    return DECLINED;
}

static void init_child(apr_pool_t *pool, server_rec *s)
{
    (void)pool;
    (void)s;
    pyw_score_refresh();
}

void pyw_score_register_hooks(apr_pool_t *pool)
{
    (void)pool;
    ap_hook_monitor(maintain, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_child_init(init_child, NULL, NULL, APR_HOOK_MIDDLE);
}
