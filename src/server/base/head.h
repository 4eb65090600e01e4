/* head.h: the head of a request (REQUEST frame) and of a response (HEAD and INFORM
 * frames).
 *
 * A request head is what an application protocol (WSGI now) needs to know before the
 * body: where to go (script, callable, interpreter), when it arrived, and an ordered
 * list of environ names and values. In embedded mode the same struct is filled without
 * any bytes being packed.
 *
 * Ownership: spans borrow; they point into the frame (daemon) or the request pool
 * (child) and live as long as the exchange.
 */
#ifndef PYW_BASE_HEAD_H
#define PYW_BASE_HEAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"

#define PYW_HEAD_MAX_PAIRS 4096
/* Of a script that decides: user, password, realm, host. */
#define PYW_HEAD_MAX_ARGUMENTS 4

/* What the script is asked for. Applications answer with a response; the scripts that
 * decide (compat 4) answer with what they return, packed as base/decision.h says. */
enum pyw_role {
    PYW_ROLE_APPLICATION = 0, /* also handler scripts: a callable of their own */
    PYW_ROLE_DISPATCH = 1,
    PYW_ROLE_ACCESS = 2,
    PYW_ROLE_PASSWORD = 3,
    PYW_ROLE_REALM_HASH = 4,
    PYW_ROLE_GROUPS = 5,
    PYW_ROLE_COUNT = 6
};

/* PYW_KEY_REQUEST_METHOD, ...: the ids of env_keys.def. */
enum pyw_key {
#define X(id, symbol, name) PYW_KEY_##symbol = id,
#include "base/env_keys.def"
#undef X
    PYW_HEAD_KEYS /* one above the highest */
};

struct pyw_pair {
    uint8_t key; /* id of env_keys.def, or 0 */
    struct pyw_span name;
    struct pyw_span value;
};

struct pyw_request_head {
    uint16_t flags;     /* PYW_REQUEST_* of frame.h */
    int64_t arrival_us; /* Apache accepted the request; microseconds since the epoch */
    int64_t queued_us;  /* the child began to look for a process; 0 in embedded mode */
    int64_t
        arrival_clock_us;   /* the arrival on the monotonic clock, which nobody sets,
                               or, where that came later, of the body that was waited
                               for: queue-timeout counts from it; 0 in embedded mode */
    int64_t content_length; /* -1: not known */
    int64_t script_mtime; /* microseconds since the epoch, as APR has it; 0: there is no
                             file */
    struct pyw_span script;
    struct pyw_span callable;
    struct pyw_span application_group; /* "" is the main interpreter */
    uint8_t role;                      /* enum pyw_role */
    uint16_t connects; /* how many processes were asked before this one */
    uint8_t argument_count;
    struct pyw_span arguments[PYW_HEAD_MAX_ARGUMENTS];
    size_t pair_count;
    const struct pyw_pair *pairs;
};

struct pyw_header {
    struct pyw_span name;
    struct pyw_span value;
};

/* The status of RFC 8297, which not every Apache has a name for; what one request may
 * have of them, and each of them of headers. */
#define PYW_HEAD_EARLY_HINTS 103
#define PYW_HEAD_MAX_HINTS 16
#define PYW_HEAD_MAX_HINT_HEADERS 64

struct pyw_reply_head {
    uint16_t status;
    struct pyw_span reason; /* may be empty */
    int64_t content_length; /* as declared or worked out; -1: unknown */
    size_t header_count;
    const struct pyw_header *headers; /* Content-Length is among them when known */
};

/* The name of a key id; empty for 0 and for ids that are not in env_keys.def. */
struct pyw_span pyw_head_key_name(uint8_t key);
/* The id of a name, 0 when it has none. */
uint8_t pyw_head_key_of(const char *name, size_t len);

/* A value of the request's environ; empty when it is not there. */
struct pyw_span pyw_head_value(const struct pyw_request_head *head, const char *name);

/* Appends a REQUEST frame. Writer `failed` when it is too large. */
void pyw_head_put_request(struct pyw_writer *writer,
                          const struct pyw_request_head *head);

/* Writes the head's `connects` anew into the REQUEST frame that `frame` begins with,
 * which was made from this head. */
void pyw_head_patch_tries(unsigned char *frame, const struct pyw_request_head *head);

/* Reads a REQUEST payload; the pairs go to `pairs`, an array of PYW_HEAD_MAX_PAIRS or
 * of `capacity`.
 * @return 0; -EPROTO: malformed; -E2BIG: more pairs than fit. */
int pyw_head_get_request(struct pyw_span payload, uint16_t flags,
                         struct pyw_pair *pairs, size_t capacity,
                         struct pyw_request_head *head);

/* Looks ahead among the bytes that a child has sent for the first REQUEST, of which
 * only the beginning need be there. @return true, with its `arrival_clock_us`. */
bool pyw_head_peek_arrival(const unsigned char *data, size_t len,
                           int64_t *arrival_clock_us);

/* Appends a HEAD (or INFORM) frame. */
void pyw_head_put_reply(struct pyw_writer *writer, uint8_t type,
                        const struct pyw_reply_head *head);
int pyw_head_get_reply(struct pyw_span payload, struct pyw_header *headers,
                       size_t capacity, struct pyw_reply_head *head);

#endif
