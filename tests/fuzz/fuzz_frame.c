/* Frames of either side: cut as a reader does it, each payload read by its type. */
#include <stdint.h>

#include "base/frame.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_payload(unsigned type, struct pyw_span payload)
{
    union {
        struct pyw_hello hello;
        struct pyw_file_range range;
        struct pyw_end end;
        uint8_t reason;
    } into;
    enum pyw_level level;
    struct pyw_span text;

    switch (type) {
    case PYW_FRAME_HELLO:
        (void)pyw_frame_get_hello(payload, &into.hello);
        break;
    case PYW_FRAME_ABORT:
    case PYW_FRAME_REFUSE:
        (void)pyw_frame_get_reason(payload, &into.reason);
        break;
    case PYW_FRAME_FILE:
        if (pyw_frame_get_file(payload, &into.range) == 0 &&
            into.range.offset + into.range.length < into.range.offset) {
            __builtin_trap();
        }
        break;
    case PYW_FRAME_LOG:
        if (pyw_frame_get_log(payload, &level, &text) == 0 &&
            (text.len >= payload.len || level > PYW_LEVEL_DEBUG)) {
            __builtin_trap();
        }
        break;
    case PYW_FRAME_END:
        if (pyw_frame_get_end(payload, &into.end) == 0 &&
            into.end.outcome >= PYW_OUTCOME_COUNT) {
            __builtin_trap();
        }
        break;
    default:
        break;
    }
}

static void read_all(const uint8_t *data, size_t size, enum pyw_frame_way way)
{
    while (size >= PYW_FRAME_HEADER_LEN) {
        struct pyw_frame frame;

        if (pyw_frame_unpack(data, way, &frame) != 0) {
            return;
        }
        data += PYW_FRAME_HEADER_LEN;
        size -= PYW_FRAME_HEADER_LEN;
        if (frame.length > size) {
            return;
        }
        read_payload(frame.type, (struct pyw_span){(const char *)data, frame.length});
        data += frame.length;
        size -= frame.length;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    read_all(data, size, PYW_FROM_CHILD);
    read_all(data, size, PYW_FROM_DAEMON);
    return 0;
}
