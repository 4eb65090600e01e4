/* Cursors: every field at the edge of its buffer. */
#include <stdint.h>
#include <string.h>

#include "base/bytes.h"
#include "suite.h"

START_TEST(numbers_go_round)
{
    struct pyw_writer writer;
    struct pyw_reader reader;

    pyw_bytes_init(&writer);
    pyw_bytes_put_u8(&writer, 0xab);
    pyw_bytes_put_u16(&writer, 0xabcd);
    pyw_bytes_put_u32(&writer, 0xabcdef01);
    pyw_bytes_put_u64(&writer, 0xabcdef0123456789);
    pyw_bytes_put_i64(&writer, INT64_MIN);
    ck_assert_uint_eq(writer.len, 23);
    ck_assert_uint_eq(writer.data[1], 0xcd); /* little-endian */
    pyw_bytes_read_from(&reader, writer.data, writer.len);
    ck_assert_uint_eq(pyw_bytes_get_u8(&reader), 0xab);
    ck_assert_uint_eq(pyw_bytes_get_u16(&reader), 0xabcd);
    ck_assert_uint_eq(pyw_bytes_get_u32(&reader), 0xabcdef01);
    ck_assert_uint_eq(pyw_bytes_get_u64(&reader), 0xabcdef0123456789);
    ck_assert_int_eq(pyw_bytes_get_i64(&reader), INT64_MIN);
    ck_assert(pyw_bytes_is_done(&reader));
    pyw_bytes_free(&writer);
}
END_TEST

START_TEST(a_read_that_does_not_fit_fails_for_good)
{
    struct pyw_reader reader;

    pyw_bytes_read_from(&reader, "\1\2\3", 3);
    ck_assert_uint_eq(pyw_bytes_get_u32(&reader), 0);
    ck_assert(reader.failed);
    ck_assert_uint_eq(pyw_bytes_get_u8(&reader), 0);
    ck_assert(!pyw_bytes_is_done(&reader));
}
END_TEST

START_TEST(a_string_longer_than_the_rest_is_empty)
{
    struct pyw_reader reader;
    struct pyw_span span;

    pyw_bytes_read_from(&reader, "\5\0abcd", 6);
    span = pyw_bytes_get_str16(&reader);
    ck_assert_uint_eq(span.len, 0);
    ck_assert(reader.failed);
    pyw_bytes_read_from(&reader, "\xff\xff\xff\xff", 4);
    span = pyw_bytes_get_str32(&reader);
    ck_assert_uint_eq(span.len, 0);
    ck_assert(reader.failed);
}
END_TEST

START_TEST(strings_go_round)
{
    struct pyw_writer writer;
    struct pyw_reader reader;

    pyw_bytes_init(&writer);
    pyw_bytes_put_str16(&writer, "ab\0c", 4);
    pyw_bytes_put_str32(&writer, "", 0);
    pyw_bytes_read_from(&reader, writer.data, writer.len);
    ck_assert_uint_eq(pyw_bytes_get_str16(&reader).len, 4);
    ck_assert_uint_eq(pyw_bytes_get_str32(&reader).len, 0);
    ck_assert(pyw_bytes_is_done(&reader));
    pyw_bytes_free(&writer);
}
END_TEST

START_TEST(a_string_too_long_for_its_field_fails)
{
    static char text[UINT16_MAX + 1];
    struct pyw_writer writer;

    pyw_bytes_init(&writer);
    pyw_bytes_put_str16(&writer, text, sizeof(text) - 1);
    ck_assert(!writer.failed);
    pyw_bytes_put_str16(&writer, text, sizeof(text));
    ck_assert(writer.failed);
    pyw_bytes_clear(&writer);
    ck_assert(!writer.failed);
    pyw_bytes_free(&writer);
    pyw_bytes_free(&writer);
}
END_TEST

START_TEST(a_size_that_overflows_fails)
{
    struct pyw_writer writer;

    pyw_bytes_init(&writer);
    pyw_bytes_put_u8(&writer, 1);
    ck_assert(!pyw_bytes_reserve(&writer, SIZE_MAX - 1));
    ck_assert(writer.failed);
    pyw_bytes_free(&writer);
}
END_TEST

START_TEST(equality)
{
    ck_assert(pyw_bytes_is_equal(PYW_SPAN("abc"), "abc"));
    ck_assert(!pyw_bytes_is_equal(PYW_SPAN("abc"), "abcd"));
    ck_assert(!pyw_bytes_is_equal(PYW_SPAN("abd"), "abc"));
    ck_assert(pyw_bytes_is_equal(PYW_SPAN(""), ""));
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {numbers_go_round,
                                  a_read_that_does_not_fit_fails_for_good,
                                  a_string_longer_than_the_rest_is_empty,
                                  strings_go_round,
                                  a_string_too_long_for_its_field_fails,
                                  a_size_that_overflows_fails,
                                  equality,
                                  NULL};

    return suite_run("bytes", tests);
}
