/* scoreboard.h: what Apache's processes and their workers do, as bytes: one snapshot of
 * its scoreboard. Written in the Apache half (apache/scoreboard), read in the Python
 * half (python/scoreboard), which does not trust what it reads.
 *
 * All numbers are little-endian: u32 number of processes, u32 workers of each, u32
 * generation, i64 time of the last restart, i64 now; then for each process i64 pid, u32
 * generation, u8 whether it goes, and for each of its workers u32 generation, u8
 * status (a letter), u64 accesses, u64 bytes, i64 start and stop of its last request,
 * i64 last use, and str16 client, request line and virtual host. Times are microseconds
 * since the epoch; 0: none.
 */
#ifndef PYW_BASE_SCOREBOARD_H
#define PYW_BASE_SCOREBOARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"

/* The letters of a worker's status, in the order of Apache's numbers. */
#define PYW_SCOREBOARD_LETTERS ".S_RWKLDCGI"
/* More than any server has. */
#define PYW_SCOREBOARD_MAX_PROCESSES 100000
#define PYW_SCOREBOARD_MAX_WORKERS 100000

struct pyw_scoreboard {
    uint32_t processes;
    uint32_t workers;
    uint32_t generation;
    int64_t restart_us;
    int64_t now_us;
};

struct pyw_scoreboard_process {
    int64_t pid; /* 0: none */
    uint32_t generation;
    bool is_quiescing;
};

struct pyw_scoreboard_worker {
    uint32_t generation;
    char status;
    uint64_t accesses;
    uint64_t bytes;
    int64_t start_us;
    int64_t stop_us;
    int64_t last_us;
    struct pyw_span client;
    struct pyw_span request;
    struct pyw_span vhost;
};

void pyw_scoreboard_put(struct pyw_writer *writer, const struct pyw_scoreboard *board);
void pyw_scoreboard_put_process(struct pyw_writer *writer,
                                const struct pyw_scoreboard_process *process);
void pyw_scoreboard_put_worker(struct pyw_writer *writer,
                               const struct pyw_scoreboard_worker *worker);

/* Each: @return 0, or -EPROTO: what was read is no scoreboard. Spans point into what is
 * read. */
int pyw_scoreboard_get(struct pyw_reader *reader, struct pyw_scoreboard *board);
int pyw_scoreboard_get_process(struct pyw_reader *reader,
                               struct pyw_scoreboard_process *process);
int pyw_scoreboard_get_worker(struct pyw_reader *reader,
                              struct pyw_scoreboard_worker *worker);

/* Appends a snapshot of now to the writer. @return 0 or -errno. */
typedef int pyw_scoreboard_read(struct pyw_writer *writer);

#endif
