#include "base/bytes.h"

#include <endian.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define FIRST_CAPACITY 1024

void pyw_bytes_store_u16(unsigned char *at, uint16_t value)
{
    value = htole16(value);
    memcpy(at, &value, sizeof(value));
}

void pyw_bytes_store_u32(unsigned char *at, uint32_t value)
{
    value = htole32(value);
    memcpy(at, &value, sizeof(value));
}

static void store_u64(unsigned char *at, uint64_t value)
{
    value = htole64(value);
    memcpy(at, &value, sizeof(value));
}

uint16_t pyw_bytes_load_u16(const unsigned char *at)
{
    uint16_t value;

    memcpy(&value, at, sizeof(value));
    return le16toh(value);
}

uint32_t pyw_bytes_load_u32(const unsigned char *at)
{
    uint32_t value;

    memcpy(&value, at, sizeof(value));
    return le32toh(value);
}

static uint64_t load_u64(const unsigned char *at)
{
    uint64_t value;

    memcpy(&value, at, sizeof(value));
    return le64toh(value);
}

void pyw_bytes_read_from(struct pyw_reader *reader, const void *data, size_t len)
{
    reader->at = data;
    reader->end = reader->at + len;
    reader->failed = false;
}

/* The next `len` bytes, or NULL (and `failed`) when there are fewer. */
static const unsigned char *take(struct pyw_reader *reader, size_t len)
{
    const unsigned char *at = reader->at;

    if (reader->failed || (size_t)(reader->end - at) < len) {
        reader->failed = true;
        return NULL;
    }
    reader->at += len;
    return at;
}

uint8_t pyw_bytes_get_u8(struct pyw_reader *reader)
{
    const unsigned char *at = take(reader, 1);

    return at != NULL ? *at : 0;
}

uint16_t pyw_bytes_get_u16(struct pyw_reader *reader)
{
    const unsigned char *at = take(reader, 2);

    return at != NULL ? pyw_bytes_load_u16(at) : 0;
}

uint32_t pyw_bytes_get_u32(struct pyw_reader *reader)
{
    const unsigned char *at = take(reader, 4);

    return at != NULL ? pyw_bytes_load_u32(at) : 0;
}

uint64_t pyw_bytes_get_u64(struct pyw_reader *reader)
{
    const unsigned char *at = take(reader, 8);

    return at != NULL ? load_u64(at) : 0;
}

int64_t pyw_bytes_get_i64(struct pyw_reader *reader)
{
    return (int64_t)pyw_bytes_get_u64(reader);
}

struct pyw_span pyw_bytes_get_span(struct pyw_reader *reader, size_t len)
{
    const unsigned char *at = take(reader, len);

    if (at == NULL) {
        return PYW_SPAN("");
    }
    return (struct pyw_span){(const char *)at, len};
}

struct pyw_span pyw_bytes_get_str16(struct pyw_reader *reader)
{
    return pyw_bytes_get_span(reader, pyw_bytes_get_u16(reader));
}

struct pyw_span pyw_bytes_get_str32(struct pyw_reader *reader)
{
    return pyw_bytes_get_span(reader, pyw_bytes_get_u32(reader));
}

bool pyw_bytes_is_done(const struct pyw_reader *reader)
{
    return !reader->failed && reader->at == reader->end;
}

void pyw_bytes_init(struct pyw_writer *writer)
{
    memset(writer, 0, sizeof(*writer));
}

void pyw_bytes_free(struct pyw_writer *writer)
{
    free(writer->data);
    pyw_bytes_init(writer);
}

void pyw_bytes_clear(struct pyw_writer *writer)
{
    writer->len = 0;
    writer->failed = false;
}

bool pyw_bytes_reserve(struct pyw_writer *writer, size_t more)
{
    size_t capacity = writer->capacity != 0 ? writer->capacity : FIRST_CAPACITY;
    unsigned char *data;

    if (writer->failed || more > SIZE_MAX / 4 - writer->len) {
        writer->failed = true;
        return false;
    }
    if (writer->len + more <= writer->capacity) {
        return true;
    }
    while (capacity < writer->len + more) {
        capacity *= 2;
    }
    data = realloc(writer->data, capacity);
    if (data == NULL) {
        writer->failed = true;
        return false;
    }
    writer->data = data;
    writer->capacity = capacity;
    return true;
}

unsigned char *pyw_bytes_extend(struct pyw_writer *writer, size_t len)
{
    unsigned char *at;

    if (!pyw_bytes_reserve(writer, len)) {
        return NULL;
    }
    at = writer->data + writer->len;
    writer->len += len;
    return at;
}

void pyw_bytes_put_u8(struct pyw_writer *writer, uint8_t value)
{
    unsigned char *at = pyw_bytes_extend(writer, 1);

    if (at != NULL) {
        *at = value;
    }
}

void pyw_bytes_put_u16(struct pyw_writer *writer, uint16_t value)
{
    unsigned char *at = pyw_bytes_extend(writer, 2);

    if (at != NULL) {
        pyw_bytes_store_u16(at, value);
    }
}

void pyw_bytes_put_u32(struct pyw_writer *writer, uint32_t value)
{
    unsigned char *at = pyw_bytes_extend(writer, 4);

    if (at != NULL) {
        pyw_bytes_store_u32(at, value);
    }
}

void pyw_bytes_put_u64(struct pyw_writer *writer, uint64_t value)
{
    unsigned char *at = pyw_bytes_extend(writer, 8);

    if (at != NULL) {
        store_u64(at, value);
    }
}

void pyw_bytes_put_i64(struct pyw_writer *writer, int64_t value)
{
    pyw_bytes_put_u64(writer, (uint64_t)value);
}

void pyw_bytes_put(struct pyw_writer *writer, const void *data, size_t len)
{
    unsigned char *at;

    if (len == 0) {
        return;
    }
    at = pyw_bytes_extend(writer, len);
    if (at != NULL) {
        memcpy(at, data, len);
    }
}

void pyw_bytes_put_str16(struct pyw_writer *writer, const char *data, size_t len)
{
    if (len > UINT16_MAX) {
        writer->failed = true;
        return;
    }
    pyw_bytes_put_u16(writer, (uint16_t)len);
    pyw_bytes_put(writer, data, len);
}

void pyw_bytes_put_str32(struct pyw_writer *writer, const char *data, size_t len)
{
    if (len > UINT32_MAX) {
        writer->failed = true;
        return;
    }
    pyw_bytes_put_u32(writer, (uint32_t)len);
    pyw_bytes_put(writer, data, len);
}

bool pyw_bytes_is_equal(struct pyw_span span, const char *text)
{
    size_t len = strlen(text);

    return span.len == len && memcmp(span.data, text, len) == 0;
}

bool pyw_bytes_is_word(struct pyw_span a, struct pyw_span b)
{
    return a.len == b.len && strncasecmp(a.data, b.data, a.len) == 0;
}

bool pyw_bytes_is_among(const struct pyw_span *words, size_t count,
                        struct pyw_span word)
{
    for (size_t i = 0; i < count; i++) {
        if (pyw_bytes_is_word(words[i], word)) {
            return true;
        }
    }
    return false;
}
