#include "base/datagram.h"

#include <string.h>

enum type { U64 = 1, F64 = 2, BYTES = 4, I32_ARRAY = 5, F64_ARRAY = 6 };

#define VERSION 1

static void put_f64(struct pyw_writer *writer, double value)
{
    uint64_t bits;

    memcpy(&bits, &value, sizeof(bits)); /* IEEE 754 on every machine with Apache */
    pyw_bytes_put_u64(writer, bits);
}

static void begin_field(struct pyw_writer *writer, unsigned field, enum type type)
{
    pyw_bytes_put_u16(writer, (uint16_t)field);
    pyw_bytes_put_u8(writer, (uint8_t)type);
}

void pyw_datagram_begin(struct pyw_writer *writer, enum pyw_datagram_kind kind,
                        uint32_t pid, uint32_t sequence, double epoch)
{
    pyw_bytes_clear(writer);
    pyw_bytes_put(writer, "WSGI", 4);
    pyw_bytes_put_u8(writer, VERSION);
    pyw_bytes_put_u8(writer, (uint8_t)kind);
    pyw_bytes_put_u16(writer, 0);
    pyw_bytes_put_u32(writer, pid);
    pyw_bytes_put_u32(writer, sequence);
    put_f64(writer, epoch);
}

void pyw_datagram_put_u64(struct pyw_writer *writer, unsigned field, uint64_t value)
{
    begin_field(writer, field, U64);
    pyw_bytes_put_u64(writer, value);
}

void pyw_datagram_put_f64(struct pyw_writer *writer, unsigned field, double value)
{
    begin_field(writer, field, F64);
    put_f64(writer, value);
}

void pyw_datagram_put_text(struct pyw_writer *writer, unsigned field,
                           struct pyw_span text)
{
    begin_field(writer, field, BYTES);
    pyw_bytes_put_str16(writer, text.data, text.len < 65535 ? text.len : 65535);
}

void pyw_datagram_put_i32s(struct pyw_writer *writer, unsigned field, uint16_t count)
{
    begin_field(writer, field, I32_ARRAY);
    pyw_bytes_put_u16(writer, count);
}

void pyw_datagram_put_f64s(struct pyw_writer *writer, unsigned field, uint16_t count)
{
    begin_field(writer, field, F64_ARRAY);
    pyw_bytes_put_u16(writer, count);
}

void pyw_datagram_add_i32(struct pyw_writer *writer, uint64_t value)
{
    pyw_bytes_put_u32(writer, value < INT32_MAX ? (uint32_t)value : INT32_MAX);
}

void pyw_datagram_add_f64(struct pyw_writer *writer, double value)
{
    put_f64(writer, value);
}
