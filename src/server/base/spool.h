/* spool.h: bytes that one side has produced and the other does not take yet: the last
 * of them in memory, what is too much for that before them in a file without a name.
 * One that may grow keeps more in memory, as long as all those of the process together
 * have not too much there, and needs a file only then.
 *
 * A file that cannot be had or written ends nothing but the growth: what is in the
 * spool stays, and there is no more room than in memory.
 *
 * Floor 1. Not locked: one thread at a time owns a spool. What all of them have grown
 * by is counted atomically.
 */
#ifndef PYW_BASE_SPOOL_H
#define PYW_BASE_SPOOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"

/* So much is in memory at most, but for those that may grow; the file is written in
 * pieces of that size. */
#define PYW_SPOOL_MEMORY 65536
/* So much more have all that may grow, in this process. */
#define PYW_SPOOL_GROWN_MAX (16 << 20)

struct pyw_spool {
    size_t max; /* bytes that it may hold */
    bool may_grow;
    unsigned char *memory; /* owned; NULL: none yet */
    size_t room;           /* of it: PYW_SPOOL_MEMORY bytes, or grown */
    size_t filled;         /* of it; behind what is in the file */
    int fd;                /* the file, owned; -1: none yet */
    uint64_t head; /* what is in the file is [head, tail) of all that ever was: */
    uint64_t tail; /* it lies there modulo max, rounded up to whole pieces */
    int error;     /* errno of the file; 0: none so far */
};

/* A stretch of the file. */
struct pyw_spool_range {
    uint64_t offset;
    uint64_t length;
};

void pyw_spool_init(struct pyw_spool *spool, size_t max);
/* The same, for one that may grow in memory. */
void pyw_spool_init_growing(struct pyw_spool *spool, size_t max);
void pyw_spool_free(struct pyw_spool *spool); /* idempotent; it is empty afterwards */

size_t pyw_spool_size(const struct pyw_spool *spool);

/* More can be added, as far as is known. */
bool pyw_spool_has_room(const struct pyw_spool *spool);
/* Where the next bytes may be put. @return the place, for *len bytes; NULL: it is full,
 * memory is short or the file failed. */
unsigned char *pyw_spool_reserve(struct pyw_spool *spool, size_t *len);
/* They have been put there. */
void pyw_spool_commit(struct pyw_spool *spool, size_t len);
/* Both. @return how many bytes there was room for. */
size_t pyw_spool_append(struct pyw_spool *spool, const void *data, size_t len);

/* Gives the bytes from the `at`th on, as many as lie together and `scratch` could
 * hold; those in a file are read into it. They are valid until the spool or `scratch`
 * changes. @return 0 or -errno: they are lost. */
int pyw_spool_look(const struct pyw_spool *spool, size_t at, void *scratch,
                   size_t scratch_len, struct pyw_span *found);
/* Takes the first `len` bytes out. */
void pyw_spool_drop(struct pyw_spool *spool, size_t len);

/* To hand all of it on: writes what is in memory to the file too; nothing may be added
 * then. @return 0 or -errno: it is still in memory. */
int pyw_spool_spill(struct pyw_spool *spool);
/* Where in the file its bytes are, in their order. @return how many stretches. */
size_t pyw_spool_ranges(const struct pyw_spool *spool,
                        struct pyw_spool_range ranges[2]);
/* What is in memory becomes the caller's, to free. @return it; NULL: nothing. */
unsigned char *pyw_spool_take_memory(struct pyw_spool *spool, size_t *len);

#endif
