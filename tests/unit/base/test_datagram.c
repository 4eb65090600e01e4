/* Datagrams, byte for byte. */
#include <string.h>

#include "base/datagram.h"
#include "suite.h"

START_TEST(header)
{
    static const unsigned char expected[PYW_DATAGRAM_HEADER_LEN] = {
        'W', 'S', 'G', 'I', 1, 2, 0, 0, 0x04, 0x03, 0x02, 0x01,
        7,   0,   0,   0,   0, 0, 0, 0, 0,    0,    0xf8, 0x3f}; /* 1.5 */
    struct pyw_writer writer;

    pyw_bytes_init(&writer);
    pyw_datagram_begin(&writer, PYW_DATAGRAM_REQUEST, 0x01020304, 7, 1.5);
    ck_assert_uint_eq(writer.len, sizeof(expected));
    ck_assert_mem_eq(writer.data, expected, sizeof(expected));
    /* Another one begins in the same writer. */
    pyw_datagram_begin(&writer, PYW_DATAGRAM_REQUEST, 0x01020304, 7, 1.5);
    ck_assert_uint_eq(writer.len, sizeof(expected));
    pyw_bytes_free(&writer);
}
END_TEST

START_TEST(fields)
{
    static const unsigned char expected[] = {
        13,  0, 1, 5, 0, 0,   0,   0,   0, 0,    0,                /* u64 5 */
        60,  0, 2, 0, 0, 0,   0,   0,   0, 0xf8, 0x3f,             /* f64 1.5 */
        205, 0, 4, 3, 0, 'G', 'E', 'T',                            /* bytes */
        90,  0, 5, 2, 0, 1,   0,   0,   0, 0xff, 0xff, 0xff, 0x7f, /* i32s */
        112, 0, 6, 1, 0, 0,   0,   0,   0, 0,    0,    0xf8, 0x3f, /* f64s */
    };
    struct pyw_writer writer;

    pyw_bytes_init(&writer);
    pyw_datagram_put_u64(&writer, PYW_FIELD_REQUESTS, 5);
    pyw_datagram_put_f64(&writer, PYW_FIELD_MEANS, 1.5);
    pyw_datagram_put_text(&writer, PYW_FIELD_SLOW_METHOD, PYW_SPAN("GET"));
    pyw_datagram_put_i32s(&writer, PYW_FIELD_HISTOGRAMS, 2);
    pyw_datagram_add_i32(&writer, 1);
    pyw_datagram_add_i32(&writer, UINT64_MAX);
    pyw_datagram_put_f64s(&writer, PYW_FIELD_EACH_CPU, 1);
    pyw_datagram_add_f64(&writer, 1.5);
    ck_assert_uint_eq(writer.len, sizeof(expected));
    ck_assert_mem_eq(writer.data, expected, sizeof(expected));
    pyw_bytes_free(&writer);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {header, fields, NULL};

    return suite_run("datagram", tests);
}
