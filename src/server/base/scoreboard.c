#include "base/scoreboard.h"

#include <errno.h>
#include <string.h>

void pyw_scoreboard_put(struct pyw_writer *writer, const struct pyw_scoreboard *board)
{
    pyw_bytes_put_u32(writer, board->processes);
    pyw_bytes_put_u32(writer, board->workers);
    pyw_bytes_put_u32(writer, board->generation);
    pyw_bytes_put_i64(writer, board->restart_us);
    pyw_bytes_put_i64(writer, board->now_us);
}

void pyw_scoreboard_put_process(struct pyw_writer *writer,
                                const struct pyw_scoreboard_process *process)
{
    pyw_bytes_put_i64(writer, process->pid);
    pyw_bytes_put_u32(writer, process->generation);
    pyw_bytes_put_u8(writer, process->is_quiescing ? 1 : 0);
}

void pyw_scoreboard_put_worker(struct pyw_writer *writer,
                               const struct pyw_scoreboard_worker *worker)
{
    pyw_bytes_put_u32(writer, worker->generation);
    pyw_bytes_put_u8(writer, (uint8_t)worker->status);
    pyw_bytes_put_u64(writer, worker->accesses);
    pyw_bytes_put_u64(writer, worker->bytes);
    pyw_bytes_put_i64(writer, worker->start_us);
    pyw_bytes_put_i64(writer, worker->stop_us);
    pyw_bytes_put_i64(writer, worker->last_us);
    pyw_bytes_put_str16(writer, worker->client.data, worker->client.len);
    pyw_bytes_put_str16(writer, worker->request.data, worker->request.len);
    pyw_bytes_put_str16(writer, worker->vhost.data, worker->vhost.len);
}

static int judge(const struct pyw_reader *reader, bool is_valid)
{
    return reader->failed || !is_valid ? -EPROTO : 0;
}

int pyw_scoreboard_get(struct pyw_reader *reader, struct pyw_scoreboard *board)
{
    board->processes = pyw_bytes_get_u32(reader);
    board->workers = pyw_bytes_get_u32(reader);
    board->generation = pyw_bytes_get_u32(reader);
    board->restart_us = pyw_bytes_get_i64(reader);
    board->now_us = pyw_bytes_get_i64(reader);
    return judge(reader, board->processes <= PYW_SCOREBOARD_MAX_PROCESSES &&
                             board->workers <= PYW_SCOREBOARD_MAX_WORKERS);
}

int pyw_scoreboard_get_process(struct pyw_reader *reader,
                               struct pyw_scoreboard_process *process)
{
    uint8_t flag;

    process->pid = pyw_bytes_get_i64(reader);
    process->generation = pyw_bytes_get_u32(reader);
    flag = pyw_bytes_get_u8(reader);
    process->is_quiescing = flag != 0;
    return judge(reader, flag <= 1);
}

int pyw_scoreboard_get_worker(struct pyw_reader *reader,
                              struct pyw_scoreboard_worker *worker)
{
    worker->generation = pyw_bytes_get_u32(reader);
    worker->status = (char)pyw_bytes_get_u8(reader);
    worker->accesses = pyw_bytes_get_u64(reader);
    worker->bytes = pyw_bytes_get_u64(reader);
    worker->start_us = pyw_bytes_get_i64(reader);
    worker->stop_us = pyw_bytes_get_i64(reader);
    worker->last_us = pyw_bytes_get_i64(reader);
    worker->client = pyw_bytes_get_str16(reader);
    worker->request = pyw_bytes_get_str16(reader);
    worker->vhost = pyw_bytes_get_str16(reader);
    return judge(reader, worker->status != '\0' &&
                             strchr(PYW_SCOREBOARD_LETTERS, worker->status) != NULL);
}
