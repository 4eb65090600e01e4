/* frame.h: the frames of the channel between an Apache child and a daemon process, as
 * laid out in docs/protocol.md: an 8-byte header, then a payload whose length is capped
 * per type.
 *
 * Floor 1: no socket is touched here. Used by channel/ in both processes, by
 * apache/relay (child) and by host/ (daemon).
 */
#ifndef PYW_BASE_FRAME_H
#define PYW_BASE_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"

#define PYW_FRAME_VERSION 1
#define PYW_FRAME_HEADER_LEN 8
#define PYW_FRAME_SECRET_LEN 32
/* What a sender puts into one BODY or DATA frame at most (the cap a reader applies is
 * larger). */
#define PYW_FRAME_CHUNK 65536

/* Who may send a frame. */
enum pyw_frame_way { PYW_FROM_CHILD = 1, PYW_FROM_DAEMON = 2 };

enum pyw_frame_type {
    PYW_FRAME_HELLO = 1,
    PYW_FRAME_REQUEST = 2,
    PYW_FRAME_BODY = 3,
    PYW_FRAME_BODY_END = 4,
    PYW_FRAME_ABORT = 5,
    PYW_FRAME_ADMIT = 6,
    PYW_FRAME_REFUSE = 7,
    PYW_FRAME_INFORM = 8,
    PYW_FRAME_HEAD = 9,
    PYW_FRAME_DATA = 10,
    PYW_FRAME_FILE = 11,
    PYW_FRAME_LOG = 12,
    PYW_FRAME_END = 13,
    PYW_FRAME_TYPES = 14
};

/* Flags of a REQUEST frame. */
#define PYW_REQUEST_HAS_BODY 0x0001 /* BODY frames and a BODY_END follow */
#define PYW_REQUEST_EXPECT 0x0002   /* the client waits for 100 Continue: see INFORM */
#define PYW_REQUEST_RELOAD 0x0004   /* compare the script's mtime before running */
#define PYW_REQUEST_HEAD 0x0008     /* HEAD: the body of the response is not sent */
#define PYW_REQUEST_IGNORE 0x0010   /* does not reset inactivity-timeout */
#define PYW_REQUEST_CONDITIONAL 0x0020 /* see base/conditions.h */
#define PYW_REQUEST_HINTS 0x0040       /* 103 Early Hints reach the client */

/* Why a child sends ABORT. */
enum pyw_abort {
    PYW_ABORT_CLIENT_GONE = 1,
    PYW_ABORT_TIMEOUT = 2,
    PYW_ABORT_TOO_LARGE = 3,
    PYW_ABORT_BAD_BODY = 4
};

/* Why a daemon sends REFUSE; always before anything of the request has run. */
enum pyw_refuse {
    PYW_REFUSE_DRAINING = 1,
    PYW_REFUSE_BUSY = 2,
    PYW_REFUSE_PROTOCOL = 3 /* wrong version or secret; trying again is no use */
};

/* How a request ended (END). Everything but OK that comes after HEAD must be seen by
 * the client as a cut response. */
enum pyw_outcome {
    PYW_OUTCOME_OK = 0,
    PYW_OUTCOME_ERROR = 1,   /* the application failed: 500, or cut */
    PYW_OUTCOME_SHORT = 2,   /* fewer bytes than its Content-Length: cut */
    PYW_OUTCOME_TIMEOUT = 3, /* request-timeout: 504, or cut */
    PYW_OUTCOME_GONE = 4,    /* the client left first: nobody to answer */
    PYW_OUTCOME_COUNT = 5
};

/* Severities of a LOG frame: syslog's numbers, as Apache uses them. */
enum pyw_level {
    PYW_LEVEL_EMERG = 0,
    PYW_LEVEL_ALERT = 1,
    PYW_LEVEL_CRIT = 2,
    PYW_LEVEL_ERR = 3,
    PYW_LEVEL_WARNING = 4,
    PYW_LEVEL_NOTICE = 5,
    PYW_LEVEL_INFO = 6,
    PYW_LEVEL_DEBUG = 7
};

struct pyw_frame {
    uint8_t version;
    uint8_t type; /* enum pyw_frame_type */
    uint16_t flags;
    uint32_t length; /* of the payload, bytes */
};

struct pyw_hello {
    uint8_t version_low;
    uint8_t version_high;
    unsigned char secret[PYW_FRAME_SECRET_LEN];
};

struct pyw_file_range {
    uint64_t offset;
    uint64_t length;
};

/* END: outcome and what the request cost. */
struct pyw_end {
    uint8_t outcome;       /* enum pyw_outcome */
    uint64_t wall_us;      /* from pick-up to end */
    uint64_t cpu_us;       /* of the thread that served it */
    uint64_t body_written; /* bytes of response body that the application produced */
};

void pyw_frame_pack(unsigned char out[PYW_FRAME_HEADER_LEN], enum pyw_frame_type type,
                    uint16_t flags, size_t length);

/* Reads a header. @return 0; -EPROTO: wrong version, unknown type, a type that `way`
 * does not send, or a length over the type's cap. */
int pyw_frame_unpack(const unsigned char in[PYW_FRAME_HEADER_LEN],
                     enum pyw_frame_way way, struct pyw_frame *frame);

/* "REQUEST", ...; "unknown" for anything else. */
const char *pyw_frame_name(unsigned type);
const char *pyw_frame_outcome_name(unsigned outcome);

/* Payloads. Each `put` appends header and payload to the writer; each `get` returns 0
 * or -EPROTO and borrows from `payload`. */
void pyw_frame_put_hello(struct pyw_writer *writer, const struct pyw_hello *hello);
int pyw_frame_get_hello(struct pyw_span payload, struct pyw_hello *hello);
/* True when the secrets are the same; takes the same time wherever they differ. */
bool pyw_frame_is_secret(const unsigned char a[PYW_FRAME_SECRET_LEN],
                         const unsigned char b[PYW_FRAME_SECRET_LEN]);
void pyw_frame_put_empty(struct pyw_writer *writer, enum pyw_frame_type type);
/* ABORT and REFUSE: one byte of reason. */
void pyw_frame_put_reason(struct pyw_writer *writer, enum pyw_frame_type type,
                          uint8_t reason);
int pyw_frame_get_reason(struct pyw_span payload, uint8_t *reason);
void pyw_frame_put_file(struct pyw_writer *writer, const struct pyw_file_range *range);
int pyw_frame_get_file(struct pyw_span payload, struct pyw_file_range *range);
void pyw_frame_put_log(struct pyw_writer *writer, enum pyw_level level,
                       const char *text, size_t len);
int pyw_frame_get_log(struct pyw_span payload, enum pyw_level *level,
                      struct pyw_span *text);
void pyw_frame_put_end(struct pyw_writer *writer, const struct pyw_end *end);
int pyw_frame_get_end(struct pyw_span payload, struct pyw_end *end);

/* Starts a frame whose length is not known yet; `finish` fills it in.
 * @return where the frame starts in the writer. */
size_t pyw_frame_start(struct pyw_writer *writer, enum pyw_frame_type type,
                       uint16_t flags);
void pyw_frame_finish(struct pyw_writer *writer, size_t start);

#endif
