/* conditions.h: conditional requests (RFC 9110 13): is a 200 response to GET or HEAD
 * what the client has already, or not what it wanted a part of?
 *
 * All of it is text from outside: what is no tag or no date is passed over.
 */
#ifndef PYW_BASE_CONDITIONS_H
#define PYW_BASE_CONDITIONS_H

#include "base/head.h"

/* Headers of a request; empty: not there. */
struct pyw_conditions {
    struct pyw_span match;            /* If-Match */
    struct pyw_span none_match;       /* If-None-Match */
    struct pyw_span modified_since;   /* If-Modified-Since */
    struct pyw_span unmodified_since; /* If-Unmodified-Since */
    struct pyw_span encodings;        /* Accept-Encoding */
};

/* Headers of its response; likewise. */
struct pyw_validators {
    struct pyw_span tag;      /* ETag */
    struct pyw_span modified; /* Last-Modified */
};

enum pyw_condition {
    PYW_CONDITION_MET,      /* the response goes out */
    PYW_CONDITION_UNNEEDED, /* 304: the client has it */
    PYW_CONDITION_FAILED,   /* 412: it wants another */
};

/* From the environ of a request. */
void pyw_conditions_find(const struct pyw_request_head *head,
                         struct pyw_conditions *conditions);

/* A tag that one of Apache's filters made longer ("abc-gzip" of mod_deflate, "abc-br"
 * of mod_brotli) is the response's "abc" to a client that takes that encoding. With
 * UNNEEDED, `tag` gets the client's word for the response, or the response's own. */
enum pyw_condition pyw_conditions_judge(const struct pyw_conditions *conditions,
                                        const struct pyw_validators *validators,
                                        struct pyw_span *tag);

/* A date as HTTP writes it, in each of its three forms, in seconds since the epoch; -1:
 * it is none, or before that. */
int64_t pyw_conditions_date(struct pyw_span text);

#endif
