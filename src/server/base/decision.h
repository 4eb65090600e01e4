/* decision.h: what a script that decides (compat 4: access, authentication, groups,
 * dispatch) has said, packed as the body of the answer to an exchange with that role.
 *
 * Packed by the Python half, read by the Apache child, which takes it for hostile
 * input: a daemon process may send anything. Layout: `u8` verdict, `u16` number of
 * texts, then for each a `u8`, 1 with a `str16` behind it, or 0 for a text that is
 * absent.
 *
 * Ownership: texts borrow from the packed bytes.
 */
#ifndef PYW_BASE_DECISION_H
#define PYW_BASE_DECISION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"

#define PYW_DECISION_MAX_SIZE (512 * 1024)
#define PYW_DECISION_MAX_TEXTS 8192
/* Pairs of a request whose names begin so are not of environ: variables of mod_ssl, for
 * `mod_ssl.var_lookup`. They come last, and only over https. */
#define PYW_DECISION_SSL_PREFIX "mod_pywsgi.ssl."

enum pyw_verdict {
    PYW_VERDICT_DENIED = 0,
    PYW_VERDICT_GRANTED = 1,
    PYW_VERDICT_UNKNOWN = 2, /* an unknown user; no opinion on access */
    PYW_VERDICT_NAMED = 3,   /* granted, and this is the user's name from now on */
    PYW_VERDICT_HASH = 4,    /* MD5 of user:realm:password, in hex */
    PYW_VERDICT_GROUPS = 5,  /* any number of texts */
    PYW_VERDICT_ROUTE = 6,   /* process group, application group, callable; each may be
                                absent */
    PYW_VERDICT_COUNT = 7
};

/* The texts of a ROUTE. */
enum pyw_route {
    PYW_ROUTE_PROCESS_GROUP = 0,
    PYW_ROUTE_APPLICATION_GROUP = 1,
    PYW_ROUTE_CALLABLE = 2,
    PYW_ROUTE_COUNT = 3
};

struct pyw_decision {
    enum pyw_verdict verdict;
    uint16_t left; /* texts not yet given by pyw_decision_next */
    struct pyw_reader at;
};

/* No NUL and no line break: such a text would not be what it seems as a C string, in a
 * log or in a header. */
bool pyw_decision_is_text(struct pyw_span text);

/* Begins an answer; as many texts must follow. */
void pyw_decision_put(struct pyw_writer *writer, enum pyw_verdict verdict,
                      size_t text_count);
/* A text; absent where `data` is NULL. */
void pyw_decision_put_text(struct pyw_writer *writer, struct pyw_span text);

/* Reads an answer to the question of that role (base/head.h) and checks all of it.
 * @return 0; -EPROTO: it is none. */
int pyw_decision_get(struct pyw_span packed, uint8_t role,
                     struct pyw_decision *decision);
/* The next text, `data` NULL where it is absent. @return false: there are no more. */
bool pyw_decision_next(struct pyw_decision *decision, struct pyw_span *text);

#endif
