#include "base/frame.h"

#include <errno.h>
#include <string.h>

#define KIB(n) ((uint32_t)(n)*1024u)
#define LOG_CAP KIB(66)

struct frame_rule {
    const char *name;
    unsigned ways; /* enum pyw_frame_way, or-ed */
    uint32_t cap;  /* longest payload, bytes */
};

static const struct frame_rule rules[PYW_FRAME_TYPES] = {
    [PYW_FRAME_HELLO] = {"HELLO", PYW_FROM_CHILD | PYW_FROM_DAEMON, 64},
    [PYW_FRAME_REQUEST] = {"REQUEST", PYW_FROM_CHILD, KIB(4096)},
    [PYW_FRAME_BODY] = {"BODY", PYW_FROM_CHILD, KIB(1024)},
    [PYW_FRAME_BODY_END] = {"BODY_END", PYW_FROM_CHILD, 0},
    [PYW_FRAME_ABORT] = {"ABORT", PYW_FROM_CHILD, 1},
    [PYW_FRAME_ADMIT] = {"ADMIT", PYW_FROM_DAEMON, 0},
    [PYW_FRAME_REFUSE] = {"REFUSE", PYW_FROM_DAEMON, 1},
    [PYW_FRAME_INFORM] = {"INFORM", PYW_FROM_DAEMON, KIB(64)},
    [PYW_FRAME_HEAD] = {"HEAD", PYW_FROM_DAEMON, KIB(1024)},
    [PYW_FRAME_DATA] = {"DATA", PYW_FROM_DAEMON, KIB(1024)},
    [PYW_FRAME_FILE] = {"FILE", PYW_FROM_DAEMON, 16},
    [PYW_FRAME_LOG] = {"LOG", PYW_FROM_DAEMON, LOG_CAP},
    [PYW_FRAME_END] = {"END", PYW_FROM_DAEMON, 25},
};

static const char *const outcome_names[PYW_OUTCOME_COUNT] = {
    [PYW_OUTCOME_OK] = "ok",
    [PYW_OUTCOME_ERROR] = "error",
    [PYW_OUTCOME_SHORT] = "short",
    [PYW_OUTCOME_TIMEOUT] = "timeout",
    [PYW_OUTCOME_GONE] = "client gone",
};

void pyw_frame_pack(unsigned char out[PYW_FRAME_HEADER_LEN], enum pyw_frame_type type,
                    uint16_t flags, size_t length)
{
    out[0] = PYW_FRAME_VERSION;
    out[1] = (unsigned char)type;
    pyw_bytes_store_u16(out + 2, flags);
    pyw_bytes_store_u32(out + 4, (uint32_t)length);
}

int pyw_frame_unpack(const unsigned char in[PYW_FRAME_HEADER_LEN],
                     enum pyw_frame_way way, struct pyw_frame *frame)
{
    frame->version = in[0];
    frame->type = in[1];
    frame->flags = pyw_bytes_load_u16(in + 2);
    frame->length = pyw_bytes_load_u32(in + 4);
    if (frame->version != PYW_FRAME_VERSION || frame->type >= PYW_FRAME_TYPES) {
        return -EPROTO;
    }
    if ((rules[frame->type].ways & way) == 0 ||
        frame->length > rules[frame->type].cap) {
        return -EPROTO;
    }
    return 0;
}

const char *pyw_frame_name(unsigned type)
{
    if (type >= PYW_FRAME_TYPES || rules[type].name == NULL) {
        return "unknown";
    }
    return rules[type].name;
}

const char *pyw_frame_outcome_name(unsigned outcome)
{
    return outcome < PYW_OUTCOME_COUNT ? outcome_names[outcome] : "unknown";
}

size_t pyw_frame_start(struct pyw_writer *writer, enum pyw_frame_type type,
                       uint16_t flags)
{
    unsigned char header[PYW_FRAME_HEADER_LEN];
    size_t start = writer->len;

    pyw_frame_pack(header, type, flags, 0);
    pyw_bytes_put(writer, header, sizeof(header));
    return start;
}

void pyw_frame_finish(struct pyw_writer *writer, size_t start)
{
    size_t length;

    if (writer->failed) {
        return;
    }
    length = writer->len - start - PYW_FRAME_HEADER_LEN;
    if (length > rules[writer->data[start + 1]].cap) {
        writer->failed = true;
        return;
    }
    pyw_bytes_store_u32(writer->data + start + 4, (uint32_t)length);
}

void pyw_frame_put_hello(struct pyw_writer *writer, const struct pyw_hello *hello)
{
    size_t start = pyw_frame_start(writer, PYW_FRAME_HELLO, 0);

    pyw_bytes_put_u8(writer, hello->version_low);
    pyw_bytes_put_u8(writer, hello->version_high);
    pyw_bytes_put(writer, hello->secret, sizeof(hello->secret));
    pyw_frame_finish(writer, start);
}

int pyw_frame_get_hello(struct pyw_span payload, struct pyw_hello *hello)
{
    struct pyw_reader reader;
    struct pyw_span secret;

    pyw_bytes_read_from(&reader, payload.data, payload.len);
    hello->version_low = pyw_bytes_get_u8(&reader);
    hello->version_high = pyw_bytes_get_u8(&reader);
    secret = pyw_bytes_get_span(&reader, PYW_FRAME_SECRET_LEN);
    if (!pyw_bytes_is_done(&reader)) {
        return -EPROTO;
    }
    memcpy(hello->secret, secret.data, PYW_FRAME_SECRET_LEN);
    return 0;
}

bool pyw_frame_is_secret(const unsigned char a[PYW_FRAME_SECRET_LEN],
                         const unsigned char b[PYW_FRAME_SECRET_LEN])
{
    unsigned char difference = 0;

    for (size_t i = 0; i < PYW_FRAME_SECRET_LEN; i++) {
        difference |= (unsigned char)(a[i] ^ b[i]);
    }
    return difference == 0;
}

void pyw_frame_put_empty(struct pyw_writer *writer, enum pyw_frame_type type)
{
    pyw_frame_finish(writer, pyw_frame_start(writer, type, 0));
}

void pyw_frame_put_reason(struct pyw_writer *writer, enum pyw_frame_type type,
                          uint8_t reason)
{
    size_t start = pyw_frame_start(writer, type, 0);

    pyw_bytes_put_u8(writer, reason);
    pyw_frame_finish(writer, start);
}

int pyw_frame_get_reason(struct pyw_span payload, uint8_t *reason)
{
    struct pyw_reader reader;

    pyw_bytes_read_from(&reader, payload.data, payload.len);
    *reason = pyw_bytes_get_u8(&reader);
    return pyw_bytes_is_done(&reader) ? 0 : -EPROTO;
}

void pyw_frame_put_file(struct pyw_writer *writer, const struct pyw_file_range *range)
{
    size_t start = pyw_frame_start(writer, PYW_FRAME_FILE, 0);

    pyw_bytes_put_u64(writer, range->offset);
    pyw_bytes_put_u64(writer, range->length);
    pyw_frame_finish(writer, start);
}

int pyw_frame_get_file(struct pyw_span payload, struct pyw_file_range *range)
{
    struct pyw_reader reader;

    pyw_bytes_read_from(&reader, payload.data, payload.len);
    range->offset = pyw_bytes_get_u64(&reader);
    range->length = pyw_bytes_get_u64(&reader);
    if (!pyw_bytes_is_done(&reader) || range->offset > INT64_MAX ||
        range->length > INT64_MAX - range->offset) {
        return -EPROTO;
    }
    return 0;
}

void pyw_frame_put_log(struct pyw_writer *writer, enum pyw_level level,
                       const char *text, size_t len)
{
    size_t start = pyw_frame_start(writer, PYW_FRAME_LOG, 0);

    pyw_bytes_put_u8(writer, (uint8_t)level);
    pyw_bytes_put(writer, text, len < LOG_CAP - 1 ? len : LOG_CAP - 1);
    pyw_frame_finish(writer, start);
}

int pyw_frame_get_log(struct pyw_span payload, enum pyw_level *level,
                      struct pyw_span *text)
{
    struct pyw_reader reader;
    uint8_t number;

    pyw_bytes_read_from(&reader, payload.data, payload.len);
    number = pyw_bytes_get_u8(&reader);
    if (reader.failed || number > PYW_LEVEL_DEBUG) {
        return -EPROTO;
    }
    *level = (enum pyw_level)number;
    *text = pyw_bytes_get_span(&reader, payload.len - 1);
    return 0;
}

void pyw_frame_put_end(struct pyw_writer *writer, const struct pyw_end *end)
{
    size_t start = pyw_frame_start(writer, PYW_FRAME_END, 0);

    pyw_bytes_put_u8(writer, end->outcome);
    pyw_bytes_put_u64(writer, end->wall_us);
    pyw_bytes_put_u64(writer, end->cpu_us);
    pyw_bytes_put_u64(writer, end->body_written);
    pyw_frame_finish(writer, start);
}

int pyw_frame_get_end(struct pyw_span payload, struct pyw_end *end)
{
    struct pyw_reader reader;

    pyw_bytes_read_from(&reader, payload.data, payload.len);
    end->outcome = pyw_bytes_get_u8(&reader);
    end->wall_us = pyw_bytes_get_u64(&reader);
    end->cpu_us = pyw_bytes_get_u64(&reader);
    end->body_written = pyw_bytes_get_u64(&reader);
    if (!pyw_bytes_is_done(&reader) || end->outcome >= PYW_OUTCOME_COUNT) {
        return -EPROTO;
    }
    return 0;
}
