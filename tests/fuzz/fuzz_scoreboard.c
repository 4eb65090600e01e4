/* Snapshots of the scoreboard: whatever is taken is packed into the same bytes again.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/scoreboard.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* @return 0, or -1: it is no scoreboard. */
static int copy_workers(struct pyw_reader *reader, struct pyw_writer *writer,
                        uint32_t count)
{
    struct pyw_scoreboard_worker worker;

    for (uint32_t i = 0; i < count; i++) {
        if (pyw_scoreboard_get_worker(reader, &worker) != 0) {
            return -1;
        }
        pyw_scoreboard_put_worker(writer, &worker);
    }
    return 0;
}

static int copy(struct pyw_reader *reader, struct pyw_writer *writer)
{
    struct pyw_scoreboard board;
    struct pyw_scoreboard_process process;

    if (pyw_scoreboard_get(reader, &board) != 0) {
        return -1;
    }
    pyw_scoreboard_put(writer, &board);
    for (uint32_t i = 0; i < board.processes; i++) {
        if (pyw_scoreboard_get_process(reader, &process) != 0) {
            return -1;
        }
        pyw_scoreboard_put_process(writer, &process);
        if (copy_workers(reader, writer, board.workers) != 0) {
            return -1;
        }
    }
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct pyw_reader reader;
    struct pyw_writer writer;

    pyw_bytes_init(&writer);
    pyw_bytes_read_from(&reader, data, size);
    if (copy(&reader, &writer) == 0 && pyw_bytes_is_done(&reader) && !writer.failed &&
        (writer.len != size || memcmp(writer.data, data, size) != 0)) {
        abort();
    }
    pyw_bytes_free(&writer);
    return 0;
}
