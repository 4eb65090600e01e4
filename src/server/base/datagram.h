/* datagram.h: datagrams about a process (docs/telemetry.md): a header of 24 bytes,
 * then fields, each a u16 id, a u8 type and a value. Little-endian.
 */
#ifndef PYW_BASE_DATAGRAM_H
#define PYW_BASE_DATAGRAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"

#define PYW_DATAGRAM_MAX 8192 /* bytes of a datagram */
#define PYW_DATAGRAM_HEADER_LEN 24

enum pyw_datagram_kind {
    PYW_DATAGRAM_PROCESS = 1,
    PYW_DATAGRAM_REQUEST = 2,
    PYW_DATAGRAM_SLOW_REQUEST = 4,
    PYW_DATAGRAM_STARTED = 5,
    PYW_DATAGRAM_STOPPING = 6,
    PYW_DATAGRAM_STOPPED = 7
};

/* Ids of fields; where a number of fields follow each other, the first. */
enum pyw_datagram_field {
    PYW_FIELD_GROUP = 1,
    PYW_FIELD_HOST = 2,
    PYW_FIELD_VERSION = 3,
    PYW_FIELD_PYTHON = 4,
    PYW_FIELD_APACHE = 5,
    PYW_FIELD_MPM = 6,
    PYW_FIELD_START_TIME = 10,
    PYW_FIELD_STOP_TIME = 11,
    PYW_FIELD_PERIOD = 12,
    PYW_FIELD_REQUESTS = 13,
    PYW_FIELD_THROUGHPUT = 20,
    PYW_FIELD_CAPACITY = 21,
    PYW_FIELD_GIL_WAITS = 22,
    PYW_FIELD_CPU_USER = 30,
    PYW_FIELD_CPU_SYSTEM = 31,
    PYW_FIELD_CPU = 32,
    PYW_FIELD_RSS = 40,
    PYW_FIELD_MAX_RSS = 41,
    PYW_FIELD_THREADS_MAXIMUM = 50,
    PYW_FIELD_THREADS_STARTED = 51,
    PYW_FIELD_THREADS_ACTIVE = 52,
    PYW_FIELD_MEANS = 60,  /* one for each time, in the order of docs/telemetry.md */
    PYW_FIELD_MINIMA = 70, /* likewise */
    PYW_FIELD_MAXIMA = 80, /* likewise */
    PYW_FIELD_HISTOGRAMS = 90, /* likewise */
    PYW_FIELD_INPUT_BYTES = 100,
    PYW_FIELD_INPUT_READS = 101,
    PYW_FIELD_OUTPUT_BYTES = 102,
    PYW_FIELD_OUTPUT_WRITES = 103,
    PYW_FIELD_EACH_COMPLETED = 110,
    PYW_FIELD_EACH_BUSY = 111,
    PYW_FIELD_EACH_CPU = 112,
    PYW_FIELD_EACH_ELAPSED = 113,
    PYW_FIELD_EACH_LONGEST = 114,
    PYW_FIELD_STATUSES = 120, /* 1xx to 5xx */
    PYW_FIELD_RESTART_TIME = 130,
    PYW_FIELD_RUNNING_TIME = 131,
    PYW_FIELD_REASON = 132,
    PYW_FIELD_SLOW_ID = 200,
    PYW_FIELD_SLOW_THREAD = 201,
    PYW_FIELD_SLOW_START = 202,
    PYW_FIELD_SLOW_ELAPSED = 203,
    PYW_FIELD_SLOW_OVER = 204,
    PYW_FIELD_SLOW_METHOD = 205,
    PYW_FIELD_SLOW_URI = 206,
    PYW_FIELD_SLOW_SCRIPT = 207,
    PYW_FIELD_SLOW_APPLICATION_GROUP = 208,
    PYW_FIELD_SLOW_CLIENT = 209,
    PYW_FIELD_SLOW_USER_AGENT = 210
};

/* Begins a datagram in an empty writer. */
void pyw_datagram_begin(struct pyw_writer *writer, enum pyw_datagram_kind kind,
                        uint32_t pid, uint32_t sequence, double epoch);
void pyw_datagram_put_u64(struct pyw_writer *writer, unsigned field, uint64_t value);
void pyw_datagram_put_f64(struct pyw_writer *writer, unsigned field, double value);
/* At most 65535 bytes of it; what a datagram has room for is the caller's business. */
void pyw_datagram_put_text(struct pyw_writer *writer, unsigned field,
                           struct pyw_span text);
/* Arrays are begun with their number of values, which follow one by one. */
void pyw_datagram_put_i32s(struct pyw_writer *writer, unsigned field, uint16_t count);
void pyw_datagram_put_f64s(struct pyw_writer *writer, unsigned field, uint16_t count);
/* Counts that are larger than an i32 are given as the largest. */
void pyw_datagram_add_i32(struct pyw_writer *writer, uint64_t value);
void pyw_datagram_add_f64(struct pyw_writer *writer, double value);

#endif
