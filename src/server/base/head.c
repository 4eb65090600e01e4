#include "base/head.h"

#include <errno.h>
#include <string.h>

#include "base/frame.h"

static const struct pyw_span key_names[PYW_HEAD_KEYS] = {
#define X(id, symbol, name) [id] = {name, sizeof(name) - 1},
#include "base/env_keys.def"
#undef X
};

#define HASH_SIZE 256 /* a power of two, several times PYW_HEAD_KEYS */

struct pyw_span pyw_head_key_name(uint8_t key)
{
    if (key >= PYW_HEAD_KEYS || key_names[key].data == NULL) {
        return PYW_SPAN("");
    }
    return key_names[key];
}

static unsigned hash_name(const char *name, size_t len)
{
    /* First, middle and last byte tell most names apart; the rest is linear probing. */
    return ((unsigned)len * 31u + (unsigned char)name[0] * 7u +
            (unsigned char)name[len / 2] * 13u + (unsigned char)name[len - 1] * 3u) &
           (HASH_SIZE - 1);
}

/* Ids by hash, filled before main() and never written again. */
static uint8_t key_by_hash[HASH_SIZE];

__attribute__((constructor)) static void fill_key_hash(void)
{
    for (unsigned id = 1; id < PYW_HEAD_KEYS; id++) {
        unsigned at = hash_name(key_names[id].data, key_names[id].len);

        while (key_by_hash[at] != 0) {
            at = (at + 1) & (HASH_SIZE - 1);
        }
        key_by_hash[at] = (uint8_t)id;
    }
}

uint8_t pyw_head_key_of(const char *name, size_t len)
{
    unsigned at;

    if (len == 0) {
        return 0;
    }
    for (at = hash_name(name, len); key_by_hash[at] != 0;
         at = (at + 1) & (HASH_SIZE - 1)) {
        const struct pyw_span *key = &key_names[key_by_hash[at]];

        if (key->len == len && memcmp(key->data, name, len) == 0) {
            return key_by_hash[at];
        }
    }
    return 0;
}

struct pyw_span pyw_head_value(const struct pyw_request_head *head, const char *name)
{
    for (size_t i = 0; i < head->pair_count; i++) {
        const struct pyw_pair *pair = &head->pairs[i];

        /* A head that was not read from a frame has ids alone. */
        if (pyw_bytes_is_equal(
                pair->key != 0 ? pyw_head_key_name(pair->key) : pair->name, name)) {
            return pair->value;
        }
    }
    return PYW_SPAN("");
}

static void put_span16(struct pyw_writer *writer, struct pyw_span span)
{
    pyw_bytes_put_str16(writer, span.data, span.len);
}

/* Role, tries and arguments. */
static void put_arguments(struct pyw_writer *writer,
                          const struct pyw_request_head *head)
{
    pyw_bytes_put_u8(writer, head->role);
    pyw_bytes_put_u16(writer, head->connects);
    if (head->argument_count > PYW_HEAD_MAX_ARGUMENTS) {
        writer->failed = true;
        return;
    }
    pyw_bytes_put_u8(writer, head->argument_count);
    for (size_t i = 0; i < head->argument_count; i++) {
        put_span16(writer, head->arguments[i]);
    }
}

/* There are dozens in a request: room is made once for each. */
static void put_pair(struct pyw_writer *writer, const struct pyw_pair *pair)
{
    size_t name_len = pair->key == 0 ? pair->name.len : 0;
    size_t name_size = pair->key == 0 ? 2 + name_len : 0;
    unsigned char *at;

    if (name_len > UINT16_MAX || pair->value.len > UINT32_MAX) {
        writer->failed = true;
        return;
    }
    at = pyw_bytes_extend(writer, 1 + name_size + 4 + pair->value.len);
    if (at == NULL) {
        return;
    }
    *at++ = pair->key;
    if (pair->key == 0) {
        pyw_bytes_store_u16(at, (uint16_t)name_len);
        memcpy(at + 2, pair->name.data, name_len);
        at += name_size;
    }
    pyw_bytes_store_u32(at, (uint32_t)pair->value.len);
    if (pair->value.len > 0) {
        memcpy(at + 4, pair->value.data, pair->value.len);
    }
}

void pyw_head_put_request(struct pyw_writer *writer,
                          const struct pyw_request_head *head)
{
    size_t start = pyw_frame_start(writer, PYW_FRAME_REQUEST, head->flags);

    pyw_bytes_put_i64(writer, head->arrival_us);
    pyw_bytes_put_i64(writer, head->queued_us);
    pyw_bytes_put_i64(writer, head->arrival_clock_us);
    pyw_bytes_put_i64(writer, head->content_length);
    pyw_bytes_put_i64(writer, head->script_mtime);
    put_span16(writer, head->script);
    put_span16(writer, head->callable);
    put_span16(writer, head->application_group);
    put_arguments(writer, head);
    if (head->pair_count > PYW_HEAD_MAX_PAIRS) {
        writer->failed = true;
        return;
    }
    pyw_bytes_put_u16(writer, (uint16_t)head->pair_count);
    for (size_t i = 0; i < head->pair_count; i++) {
        put_pair(writer, &head->pairs[i]);
    }
    pyw_frame_finish(writer, start);
}

void pyw_head_patch_tries(unsigned char *frame, const struct pyw_request_head *head)
{
    /* Behind five numbers, three strings and the role. */
    size_t at = PYW_FRAME_HEADER_LEN + 5 * 8 + 3 * 2 + head->script.len +
                head->callable.len + head->application_group.len + 1;

    pyw_bytes_store_u16(frame + at, head->connects);
}

static int get_pair(struct pyw_reader *reader, struct pyw_pair *pair)
{
    pair->key = pyw_bytes_get_u8(reader);
    pair->name =
        pair->key == 0 ? pyw_bytes_get_str16(reader) : pyw_head_key_name(pair->key);
    pair->value = pyw_bytes_get_str32(reader);
    return reader->failed || pair->name.len == 0 ? -EPROTO : 0;
}

static int get_arguments(struct pyw_reader *reader, struct pyw_request_head *head)
{
    head->role = pyw_bytes_get_u8(reader);
    head->connects = pyw_bytes_get_u16(reader);
    head->argument_count = pyw_bytes_get_u8(reader);
    if (head->role >= PYW_ROLE_COUNT || head->argument_count > PYW_HEAD_MAX_ARGUMENTS) {
        return -EPROTO;
    }
    for (size_t i = 0; i < head->argument_count; i++) {
        head->arguments[i] = pyw_bytes_get_str16(reader);
    }
    return 0;
}

int pyw_head_get_request(struct pyw_span payload, uint16_t flags,
                         struct pyw_pair *pairs, size_t capacity,
                         struct pyw_request_head *head)
{
    struct pyw_reader reader;

    pyw_bytes_read_from(&reader, payload.data, payload.len);
    head->flags = flags;
    head->arrival_us = pyw_bytes_get_i64(&reader);
    head->queued_us = pyw_bytes_get_i64(&reader);
    head->arrival_clock_us = pyw_bytes_get_i64(&reader);
    head->content_length = pyw_bytes_get_i64(&reader);
    head->script_mtime = pyw_bytes_get_i64(&reader);
    head->script = pyw_bytes_get_str16(&reader);
    head->callable = pyw_bytes_get_str16(&reader);
    head->application_group = pyw_bytes_get_str16(&reader);
    if (get_arguments(&reader, head) != 0) {
        return -EPROTO;
    }
    head->pair_count = pyw_bytes_get_u16(&reader);
    head->pairs = pairs;
    if (reader.failed || head->content_length < -1) {
        return -EPROTO;
    }
    if (head->pair_count > capacity) {
        return -E2BIG;
    }
    for (size_t i = 0; i < head->pair_count; i++) {
        if (get_pair(&reader, &pairs[i]) != 0) {
            return -EPROTO;
        }
    }
    return pyw_bytes_is_done(&reader) ? 0 : -EPROTO;
}

bool pyw_head_peek_arrival(const unsigned char *data, size_t len,
                           int64_t *arrival_clock_us)
{
    while (len >= PYW_FRAME_HEADER_LEN) {
        struct pyw_frame frame;

        if (pyw_frame_unpack(data, PYW_FROM_CHILD, &frame) != 0) {
            return false;
        }
        data += PYW_FRAME_HEADER_LEN;
        len -= PYW_FRAME_HEADER_LEN;
        if (frame.type == PYW_FRAME_REQUEST) {
            struct pyw_reader reader;

            pyw_bytes_read_from(&reader, data, len);
            (void)pyw_bytes_get_i64(&reader);
            (void)pyw_bytes_get_i64(&reader);
            *arrival_clock_us = pyw_bytes_get_i64(&reader);
            return !reader.failed;
        }
        if (frame.length > len) {
            return false;
        }
        data += frame.length;
        len -= frame.length;
    }
    return false;
}

void pyw_head_put_reply(struct pyw_writer *writer, uint8_t type,
                        const struct pyw_reply_head *head)
{
    size_t start = pyw_frame_start(writer, (enum pyw_frame_type)type, 0);

    pyw_bytes_put_u16(writer, head->status);
    put_span16(writer, head->reason);
    pyw_bytes_put_i64(writer, head->content_length);
    if (head->header_count > PYW_HEAD_MAX_PAIRS) {
        writer->failed = true;
        return;
    }
    pyw_bytes_put_u16(writer, (uint16_t)head->header_count);
    for (size_t i = 0; i < head->header_count; i++) {
        put_span16(writer, head->headers[i].name);
        pyw_bytes_put_str32(writer, head->headers[i].value.data,
                            head->headers[i].value.len);
    }
    pyw_frame_finish(writer, start);
}

int pyw_head_get_reply(struct pyw_span payload, struct pyw_header *headers,
                       size_t capacity, struct pyw_reply_head *head)
{
    struct pyw_reader reader;

    pyw_bytes_read_from(&reader, payload.data, payload.len);
    head->status = pyw_bytes_get_u16(&reader);
    head->reason = pyw_bytes_get_str16(&reader);
    head->content_length = pyw_bytes_get_i64(&reader);
    head->header_count = pyw_bytes_get_u16(&reader);
    head->headers = headers;
    if (reader.failed || head->content_length < -1) {
        return -EPROTO;
    }
    if (head->header_count > capacity) {
        return -E2BIG;
    }
    for (size_t i = 0; i < head->header_count; i++) {
        headers[i].name = pyw_bytes_get_str16(&reader);
        headers[i].value = pyw_bytes_get_str32(&reader);
    }
    return pyw_bytes_is_done(&reader) ? 0 : -EPROTO;
}
