/* Frames as bytes: against the shared vectors, and against everything that is not a
 * frame. */
#include <errno.h>
#include <string.h>

#include "base/frame.h"
#include "suite.h"
#include "vectors.h"

/* Compares what was packed with the vector of that name. */
static void assert_vector(const char *name, struct pyw_writer *writer)
{
    struct vector vector;

    vectors_find(name, &vector);
    ck_assert(!writer->failed);
    ck_assert_uint_eq(writer->len, vector.len);
    ck_assert_mem_eq(writer->data, vector.data, vector.len);
    pyw_bytes_free(writer);
}

static struct pyw_span payload_of(const struct vector *vector)
{
    return (struct pyw_span){(const char *)vector->data + PYW_FRAME_HEADER_LEN,
                             vector->len - PYW_FRAME_HEADER_LEN};
}

START_TEST(every_vector_is_a_frame)
{
    struct vector vector;
    size_t count = 0;

    for (; vectors_at(count, &vector) == 0; count++) {
        struct pyw_frame frame;
        bool from_child = strcmp(vector.way, "daemon") != 0;
        bool from_daemon = strcmp(vector.way, "child") != 0;

        ck_assert_msg((pyw_frame_unpack(vector.data, PYW_FROM_CHILD, &frame) == 0) ==
                          from_child,
                      "%s", vector.name);
        ck_assert_msg((pyw_frame_unpack(vector.data, PYW_FROM_DAEMON, &frame) == 0) ==
                          from_daemon,
                      "%s", vector.name);
        ck_assert_uint_eq(frame.length + PYW_FRAME_HEADER_LEN, vector.len);
    }
    ck_assert_uint_ge(count, 15);
}
END_TEST

START_TEST(hello_and_back)
{
    struct pyw_hello hello = {1, 3, {0}};
    struct pyw_hello read;
    struct pyw_writer writer;
    struct vector vector;

    for (unsigned i = 0; i < PYW_FRAME_SECRET_LEN; i++) {
        hello.secret[i] = (unsigned char)i;
    }
    pyw_bytes_init(&writer);
    pyw_frame_put_hello(&writer, &hello);
    assert_vector("hello", &writer);
    vectors_find("hello", &vector);
    ck_assert_int_eq(pyw_frame_get_hello(payload_of(&vector), &read), 0);
    ck_assert_uint_eq(read.version_low, 1);
    ck_assert_uint_eq(read.version_high, 3);
    ck_assert(pyw_frame_is_secret(read.secret, hello.secret));
    read.secret[31] ^= 1;
    ck_assert(!pyw_frame_is_secret(read.secret, hello.secret));
}
END_TEST

START_TEST(empty_frames_and_reasons)
{
    struct pyw_writer writer;
    struct vector vector;
    uint8_t reason;

    pyw_bytes_init(&writer);
    pyw_frame_put_empty(&writer, PYW_FRAME_BODY_END);
    assert_vector("body end", &writer);
    pyw_frame_put_empty(&writer, PYW_FRAME_ADMIT);
    assert_vector("admit", &writer);
    pyw_frame_put_reason(&writer, PYW_FRAME_ABORT, PYW_ABORT_CLIENT_GONE);
    assert_vector("abort: client gone", &writer);
    pyw_frame_put_reason(&writer, PYW_FRAME_REFUSE, PYW_REFUSE_PROTOCOL);
    assert_vector("refuse: protocol", &writer);
    vectors_find("abort: body malformed", &vector);
    ck_assert_int_eq(pyw_frame_get_reason(payload_of(&vector), &reason), 0);
    ck_assert_uint_eq(reason, PYW_ABORT_BAD_BODY);
    ck_assert_int_eq(pyw_frame_get_reason(PYW_SPAN(""), &reason), -EPROTO);
    ck_assert_int_eq(pyw_frame_get_reason(PYW_SPAN("\1\1"), &reason), -EPROTO);
}
END_TEST

START_TEST(file_and_back)
{
    struct pyw_file_range range = {4096, (uint64_t)1 << 40};
    struct pyw_writer writer;
    struct vector vector;

    pyw_bytes_init(&writer);
    pyw_frame_put_file(&writer, &range);
    assert_vector("file", &writer);
    vectors_find("file", &vector);
    ck_assert_int_eq(pyw_frame_get_file(payload_of(&vector), &range), 0);
    ck_assert_uint_eq(range.offset, 4096);
    ck_assert_uint_eq(range.length, (uint64_t)1 << 40);
}
END_TEST

START_TEST(file_range_beyond_any_file)
{
    static const struct pyw_file_range rows[] = {
        {UINT64_MAX, 0}, {0, UINT64_MAX}, {INT64_MAX, 1}, {1, INT64_MAX}};
    struct pyw_file_range range;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct pyw_writer writer;
        struct pyw_span payload;

        pyw_bytes_init(&writer);
        pyw_frame_put_file(&writer, &rows[i]);
        payload = (struct pyw_span){(char *)writer.data + PYW_FRAME_HEADER_LEN, 16};
        ck_assert_int_eq(pyw_frame_get_file(payload, &range), -EPROTO);
        pyw_bytes_free(&writer);
    }
}
END_TEST

START_TEST(log_and_back)
{
    static const char text[] = "Traceback:\n  x";
    enum pyw_level level;
    struct pyw_span read;
    struct pyw_writer writer;
    struct vector vector;

    pyw_bytes_init(&writer);
    pyw_frame_put_log(&writer, PYW_LEVEL_ERR, text, strlen(text));
    assert_vector("log", &writer);
    vectors_find("log", &vector);
    ck_assert_int_eq(pyw_frame_get_log(payload_of(&vector), &level, &read), 0);
    ck_assert_int_eq(level, PYW_LEVEL_ERR);
    ck_assert(pyw_bytes_is_equal(read, text));
    ck_assert_int_eq(pyw_frame_get_log(PYW_SPAN(""), &level, &read), -EPROTO);
    ck_assert_int_eq(pyw_frame_get_log(PYW_SPAN("\x08x"), &level, &read), -EPROTO);
}
END_TEST

START_TEST(long_log_is_cut_to_its_cap)
{
    static char text[100000];
    struct pyw_writer writer;
    struct pyw_frame frame;

    memset(text, 'x', sizeof(text));
    pyw_bytes_init(&writer);
    pyw_frame_put_log(&writer, PYW_LEVEL_INFO, text, sizeof(text));
    ck_assert(!writer.failed);
    ck_assert_int_eq(pyw_frame_unpack(writer.data, PYW_FROM_DAEMON, &frame), 0);
    ck_assert_uint_ge(frame.length, 65536);
    ck_assert_uint_lt(frame.length, sizeof(text));
    pyw_bytes_free(&writer);
}
END_TEST

START_TEST(end_and_back)
{
    struct pyw_end end = {PYW_OUTCOME_SHORT, 1500, 700, (uint64_t)1 << 33};
    struct pyw_writer writer;
    struct vector vector;

    pyw_bytes_init(&writer);
    pyw_frame_put_end(&writer, &end);
    assert_vector("end", &writer);
    vectors_find("end", &vector);
    ck_assert_int_eq(pyw_frame_get_end(payload_of(&vector), &end), 0);
    ck_assert_uint_eq(end.outcome, PYW_OUTCOME_SHORT);
    ck_assert_uint_eq(end.wall_us, 1500);
    ck_assert_uint_eq(end.cpu_us, 700);
    ck_assert_uint_eq(end.body_written, (uint64_t)1 << 33);
    vector.data[PYW_FRAME_HEADER_LEN] = PYW_OUTCOME_COUNT;
    ck_assert_int_eq(pyw_frame_get_end(payload_of(&vector), &end), -EPROTO);
}
END_TEST

START_TEST(what_is_no_frame)
{
    static const unsigned char rows[][PYW_FRAME_HEADER_LEN] = {
        {0, 3, 0, 0, 0, 0, 0, 0},  /* version 0 */
        {2, 3, 0, 0, 0, 0, 0, 0},  /* version 2 */
        {1, 0, 0, 0, 0, 0, 0, 0},  /* no type */
        {1, 14, 0, 0, 0, 0, 0, 0}, /* behind the last type */
        {1, 255, 0, 0, 0, 0, 0, 0},
        {1, 10, 0, 0, 0, 0, 0, 0},   /* DATA does not come from a child */
        {1, 1, 0, 0, 65, 0, 0, 0},   /* HELLO over its cap */
        {1, 4, 0, 0, 1, 0, 0, 0},    /* BODY_END with a payload */
        {1, 3, 0, 0, 1, 0, 0x10, 0}, /* BODY of 1 MiB + 1 */
        {1, 2, 0, 0, 1, 0, 0x40, 0}, /* REQUEST of 4 MiB + 1 */
        {1, 3, 0, 0, 255, 255, 255, 255},
        {'G', 'E', 'T', ' ', '/', ' ', 'H', 'T'},
    };
    struct pyw_frame frame;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        ck_assert_msg(pyw_frame_unpack(rows[i], PYW_FROM_CHILD, &frame) == -EPROTO,
                      "row %zu", i);
    }
}
END_TEST

START_TEST(names)
{
    ck_assert_str_eq(pyw_frame_name(PYW_FRAME_REQUEST), "REQUEST");
    ck_assert_str_eq(pyw_frame_name(0), "unknown");
    ck_assert_str_eq(pyw_frame_name(200), "unknown");
    ck_assert_str_eq(pyw_frame_outcome_name(PYW_OUTCOME_TIMEOUT), "timeout");
    ck_assert_str_eq(pyw_frame_outcome_name(PYW_OUTCOME_COUNT), "unknown");
}
END_TEST

START_TEST(frame_over_its_cap_cannot_be_built)
{
    struct pyw_writer writer;
    size_t start;

    pyw_bytes_init(&writer);
    start = pyw_frame_start(&writer, PYW_FRAME_ABORT, 0);
    pyw_bytes_put(&writer, "ab", 2);
    pyw_frame_finish(&writer, start);
    ck_assert(writer.failed);
    pyw_bytes_free(&writer);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {every_vector_is_a_frame,
                                  hello_and_back,
                                  empty_frames_and_reasons,
                                  file_and_back,
                                  file_range_beyond_any_file,
                                  log_and_back,
                                  long_log_is_cut_to_its_cap,
                                  end_and_back,
                                  what_is_no_frame,
                                  names,
                                  frame_over_its_cap_cannot_be_built,
                                  NULL};

    return suite_run("frame", tests);
}
