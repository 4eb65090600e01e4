/* bytes.h: cursors over byte buffers, for reading and writing the little-endian fields
 * of docs/protocol.md without a cast and without running past an end.
 *
 * A cursor never fails half-way: the first read or write that does not fit sets
 * `failed`, later ones do nothing (reads give 0 and empty strings), and the caller
 * checks once at the end.
 *
 * Thread: none; a cursor belongs to whoever declared it.
 */
#ifndef PYW_BASE_BYTES_H
#define PYW_BASE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes that somebody else owns; `data` may hold any byte, and is not NUL-terminated.
 */
struct pyw_span {
    const char *data;
    size_t len;
};

/* A span over a string literal. */
#define PYW_SPAN(literal)                                                              \
    (struct pyw_span)                                                                  \
    {                                                                                  \
        (literal), sizeof(literal) - 1                                                 \
    }

struct pyw_reader {
    const unsigned char *at;
    const unsigned char *end;
    bool failed;
};

/* A growing buffer that owns its memory (malloc). */
struct pyw_writer {
    unsigned char *data;
    size_t len;
    size_t capacity;
    bool failed; /* out of memory, or a string too long for its length field */
};

void pyw_bytes_read_from(struct pyw_reader *reader, const void *data, size_t len);
uint8_t pyw_bytes_get_u8(struct pyw_reader *reader);
uint16_t pyw_bytes_get_u16(struct pyw_reader *reader);
uint32_t pyw_bytes_get_u32(struct pyw_reader *reader);
uint64_t pyw_bytes_get_u64(struct pyw_reader *reader);
int64_t pyw_bytes_get_i64(struct pyw_reader *reader);

/* The next `len` bytes, borrowed from the buffer under the reader. */
struct pyw_span pyw_bytes_get_span(struct pyw_reader *reader, size_t len);
/* A string behind a u16 (or u32) length, borrowed likewise. */
struct pyw_span pyw_bytes_get_str16(struct pyw_reader *reader);
struct pyw_span pyw_bytes_get_str32(struct pyw_reader *reader);

/* True when everything was read and nothing is left over. */
bool pyw_bytes_is_done(const struct pyw_reader *reader);

void pyw_bytes_init(struct pyw_writer *writer);
void pyw_bytes_free(struct pyw_writer *writer);  /* idempotent */
void pyw_bytes_clear(struct pyw_writer *writer); /* keeps the memory */
/* Makes room for `more` further bytes; false (and `failed`) when memory is short. */
bool pyw_bytes_reserve(struct pyw_writer *writer, size_t more);
/* `len` bytes at the end, for the caller to fill in; NULL (and `failed`) likewise.
 * Valid until the writer grows. */
unsigned char *pyw_bytes_extend(struct pyw_writer *writer, size_t len);
void pyw_bytes_put_u8(struct pyw_writer *writer, uint8_t value);
void pyw_bytes_put_u16(struct pyw_writer *writer, uint16_t value);
void pyw_bytes_put_u32(struct pyw_writer *writer, uint32_t value);
void pyw_bytes_put_u64(struct pyw_writer *writer, uint64_t value);
void pyw_bytes_put_i64(struct pyw_writer *writer, int64_t value);
void pyw_bytes_put(struct pyw_writer *writer, const void *data, size_t len);
void pyw_bytes_put_str16(struct pyw_writer *writer, const char *data, size_t len);
void pyw_bytes_put_str32(struct pyw_writer *writer, const char *data, size_t len);

/* Unaligned little-endian fields at a fixed place. */
void pyw_bytes_store_u16(unsigned char *at, uint16_t value);
void pyw_bytes_store_u32(unsigned char *at, uint32_t value);
uint16_t pyw_bytes_load_u16(const unsigned char *at);
uint32_t pyw_bytes_load_u32(const unsigned char *at);

bool pyw_bytes_is_equal(struct pyw_span span, const char *text);
/* The same but for the case of letters, as names of headers are. */
bool pyw_bytes_is_word(struct pyw_span a, struct pyw_span b);
bool pyw_bytes_is_among(const struct pyw_span *words, size_t count,
                        struct pyw_span word);

#endif
