/* Request and response heads: against the shared vectors, cut at every byte, and with
 * hostile counts. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/frame.h"
#include "base/head.h"
#include "suite.h"
#include "vectors.h"

static struct pyw_pair pairs[PYW_HEAD_MAX_PAIRS];
static struct pyw_header headers[PYW_HEAD_MAX_PAIRS];

static struct pyw_span payload_of(const struct vector *vector)
{
    return (struct pyw_span){(const char *)vector->data + PYW_FRAME_HEADER_LEN,
                             vector->len - PYW_FRAME_HEADER_LEN};
}

static struct pyw_pair pair(const char *name, const char *value)
{
    return (struct pyw_pair){pyw_head_key_of(name, strlen(name)),
                             {name, strlen(name)},
                             {value, strlen(value)}};
}

START_TEST(request_is_packed_as_the_vector)
{
    const struct pyw_pair list[] = {
        pair("REQUEST_METHOD", "GET"), pair("REQUEST_URI", "/a%20b?x=1"),
        pair("HTTP_X_ODD", "\xe9"),    pair("wsgi.url_scheme", "https"),
        pair("QUERY_STRING", ""),
    };
    const struct pyw_request_head head = {
        .flags = PYW_REQUEST_RELOAD,
        .arrival_us = 1700000000123456,
        .queued_us = 1700000000123999,
        .arrival_clock_us = 86400123456,
        .content_length = 0,
        .script_mtime = 1700000000000000001,
        .script = PYW_SPAN("/srv/app.wsgi"),
        .callable = PYW_SPAN("application"),
        .application_group = PYW_SPAN("www.example.org|/app"),
        .role = PYW_ROLE_PASSWORD,
        .connects = 2,
        .argument_count = 2,
        .arguments = {PYW_SPAN("ann"), PYW_SPAN("secret")},
        .pair_count = 5,
        .pairs = list,
    };
    struct pyw_writer writer;
    struct vector vector;

    vectors_find("request", &vector);
    pyw_bytes_init(&writer);
    pyw_head_put_request(&writer, &head);
    ck_assert_uint_eq(writer.len, vector.len);
    ck_assert_mem_eq(writer.data, vector.data, vector.len);
    pyw_bytes_free(&writer);
}
END_TEST

START_TEST(the_arrival_is_seen_in_its_beginning)
{
    unsigned char data[512];
    struct vector hello;
    struct vector request;
    int64_t arrival = 0;

    vectors_find("hello", &hello);
    memcpy(data, hello.data, hello.len);
    vectors_find("request", &request);
    memcpy(data + hello.len, request.data, request.len);
    for (size_t len = 0; len < hello.len + PYW_FRAME_HEADER_LEN + 24; len++) {
        ck_assert(!pyw_head_peek_arrival(data, len, &arrival));
    }
    ck_assert(
        pyw_head_peek_arrival(data, hello.len + PYW_FRAME_HEADER_LEN + 24, &arrival));
    ck_assert_int_eq(arrival, 86400123456);
    arrival = 0;
    ck_assert(pyw_head_peek_arrival(request.data, request.len, &arrival));
    ck_assert_int_eq(arrival, 86400123456);
    ck_assert(!pyw_head_peek_arrival(data, hello.len, &arrival));
    data[1] = 99; /* no frame */
    ck_assert(!pyw_head_peek_arrival(data, sizeof(data), &arrival));
}
END_TEST

START_TEST(tries_are_patched_into_the_frame)
{
    struct pyw_request_head head = {
        .script = PYW_SPAN("/srv/app.wsgi"),
        .callable = PYW_SPAN("application"),
        .application_group = PYW_SPAN("group"),
        .role = PYW_ROLE_GROUPS,
        .argument_count = 1,
        .arguments = {PYW_SPAN("ann")},
    };
    struct pyw_request_head read;
    struct pyw_writer writer;

    pyw_bytes_init(&writer);
    pyw_head_put_request(&writer, &head);
    head.connects = 300;
    pyw_head_patch_tries(writer.data, &head);
    ck_assert_int_eq(
        pyw_head_get_request(
            (struct pyw_span){(const char *)writer.data + PYW_FRAME_HEADER_LEN,
                              writer.len - PYW_FRAME_HEADER_LEN},
            0, pairs, PYW_HEAD_MAX_PAIRS, &read),
        0);
    ck_assert_uint_eq(read.connects, 300);
    ck_assert_uint_eq(read.role, PYW_ROLE_GROUPS);
    ck_assert(pyw_bytes_is_equal(read.application_group, "group"));
    ck_assert(pyw_bytes_is_equal(read.arguments[0], "ann"));
    pyw_bytes_free(&writer);
}
END_TEST

START_TEST(request_is_read_from_the_vector)
{
    struct pyw_request_head head;
    struct vector vector;

    vectors_find("request", &vector);
    ck_assert_int_eq(pyw_head_get_request(payload_of(&vector), PYW_REQUEST_RELOAD,
                                          pairs, PYW_HEAD_MAX_PAIRS, &head),
                     0);
    ck_assert_int_eq(head.flags, PYW_REQUEST_RELOAD);
    ck_assert_int_eq(head.script_mtime, 1700000000000000001);
    ck_assert(pyw_bytes_is_equal(head.script, "/srv/app.wsgi"));
    ck_assert(pyw_bytes_is_equal(head.application_group, "www.example.org|/app"));
    ck_assert_uint_eq(head.role, PYW_ROLE_PASSWORD);
    ck_assert_uint_eq(head.connects, 2);
    ck_assert_uint_eq(head.argument_count, 2);
    ck_assert(pyw_bytes_is_equal(head.arguments[1], "secret"));
    ck_assert_uint_eq(head.pair_count, 5);
    ck_assert(pyw_bytes_is_equal(head.pairs[0].name, "REQUEST_METHOD"));
    ck_assert(pyw_bytes_is_equal(head.pairs[0].value, "GET"));
    ck_assert(pyw_bytes_is_equal(head.pairs[2].name, "HTTP_X_ODD"));
    ck_assert_uint_eq(head.pairs[2].key, 0);
    ck_assert(pyw_bytes_is_equal(head.pairs[2].value, "\xe9"));
}
END_TEST

START_TEST(request_cut_anywhere_is_refused)
{
    struct pyw_request_head head;
    struct vector vector;
    struct pyw_span payload;

    vectors_find("request", &vector);
    payload = payload_of(&vector);
    for (size_t len = 0; len < payload.len; len++) {
        /* A copy of that very length, so that a sanitizer sees a byte too many. */
        char *copy = malloc(len + 1);

        memcpy(copy, payload.data, len);
        ck_assert_int_eq(pyw_head_get_request((struct pyw_span){copy, len}, 0, pairs,
                                              PYW_HEAD_MAX_PAIRS, &head),
                         -EPROTO);
        free(copy);
    }
    vector.data[vector.len] = 0;
    payload.len++;
    ck_assert_int_eq(pyw_head_get_request(payload, 0, pairs, PYW_HEAD_MAX_PAIRS, &head),
                     -EPROTO);
}
END_TEST

START_TEST(request_with_more_pairs_than_fit)
{
    struct pyw_request_head head;
    struct vector vector;

    vectors_find("request", &vector);
    ck_assert_int_eq(pyw_head_get_request(payload_of(&vector), 0, pairs, 4, &head),
                     -E2BIG);
}
END_TEST

START_TEST(request_with_an_unknown_key_or_an_empty_name)
{
    static const unsigned char keys[] = {0, PYW_HEAD_KEYS, 255};
    struct vector vector;

    vectors_find("request with a body of unknown length", &vector);
    for (size_t i = 0; i < sizeof(keys); i++) {
        struct pyw_request_head head;
        unsigned char payload[64];
        size_t len = vector.len - PYW_FRAME_HEADER_LEN;

        memcpy(payload, vector.data + PYW_FRAME_HEADER_LEN, len);
        payload[len - 2] = 1; /* one pair */
        payload[len++] = keys[i];
        memset(payload + len, 0, 6); /* empty name, where there is one, and value */
        len += keys[i] == 0 ? 6 : 4;
        ck_assert_int_eq(pyw_head_get_request((struct pyw_span){(char *)payload, len},
                                              0, pairs, PYW_HEAD_MAX_PAIRS, &head),
                         -EPROTO);
    }
}
END_TEST

START_TEST(too_many_pairs_are_not_packed)
{
    static struct pyw_pair many[PYW_HEAD_MAX_PAIRS + 1];
    struct pyw_request_head head = {.pair_count = PYW_HEAD_MAX_PAIRS + 1,
                                    .pairs = many};
    struct pyw_writer writer;

    pyw_bytes_init(&writer);
    pyw_head_put_request(&writer, &head);
    ck_assert(writer.failed);
    pyw_bytes_free(&writer);
}
END_TEST

START_TEST(reply_and_back)
{
    static const struct pyw_header list[] = {
        {PYW_SPAN("Content-Type"), PYW_SPAN("text/plain")},
        {PYW_SPAN("Content-Length"), PYW_SPAN("12")}};
    struct pyw_reply_head head = {200, PYW_SPAN("OK"), 12, 2, list};
    struct pyw_writer writer;
    struct vector vector;

    vectors_find("head", &vector);
    pyw_bytes_init(&writer);
    pyw_head_put_reply(&writer, PYW_FRAME_HEAD, &head);
    ck_assert_uint_eq(writer.len, vector.len);
    ck_assert_mem_eq(writer.data, vector.data, vector.len);
    ck_assert_int_eq(
        pyw_head_get_reply(payload_of(&vector), headers, PYW_HEAD_MAX_PAIRS, &head), 0);
    ck_assert_uint_eq(head.status, 200);
    ck_assert_int_eq(head.content_length, 12);
    ck_assert_uint_eq(head.header_count, 2);
    ck_assert(pyw_bytes_is_equal(head.headers[1].value, "12"));
    ck_assert_int_eq(pyw_head_get_reply(payload_of(&vector), headers, 1, &head),
                     -E2BIG);
    pyw_bytes_free(&writer);
}
END_TEST

START_TEST(reply_cut_anywhere_is_refused)
{
    struct pyw_reply_head head;
    struct vector vector;
    struct pyw_span payload;

    vectors_find("head", &vector);
    payload = payload_of(&vector);
    for (size_t len = 0; len < payload.len; len++) {
        char *copy = malloc(len + 1);

        memcpy(copy, payload.data, len);
        ck_assert_int_eq(pyw_head_get_reply((struct pyw_span){copy, len}, headers,
                                            PYW_HEAD_MAX_PAIRS, &head),
                         -EPROTO);
        free(copy);
    }
}
END_TEST

START_TEST(keys_and_names)
{
    for (unsigned key = 1; key < PYW_HEAD_KEYS; key++) {
        struct pyw_span name = pyw_head_key_name((uint8_t)key);

        ck_assert_uint_gt(name.len, 0);
        ck_assert_uint_eq(pyw_head_key_of(name.data, name.len), key);
    }
    ck_assert_uint_eq(pyw_head_key_name(0).len, 0);
    ck_assert_uint_eq(pyw_head_key_name(255).len, 0);
    ck_assert_uint_eq(pyw_head_key_of("", 0), 0);
    ck_assert_uint_eq(pyw_head_key_of("HTTP_X_FOO", 10), 0);
    ck_assert_uint_eq(pyw_head_key_of("HTTP_HOSTS", 10), 0);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {request_is_packed_as_the_vector,
                                  the_arrival_is_seen_in_its_beginning,
                                  tries_are_patched_into_the_frame,
                                  request_is_read_from_the_vector,
                                  request_cut_anywhere_is_refused,
                                  request_with_more_pairs_than_fit,
                                  request_with_an_unknown_key_or_an_empty_name,
                                  too_many_pairs_are_not_packed,
                                  reply_and_back,
                                  reply_cut_anywhere_is_refused,
                                  keys_and_names,
                                  NULL};

    return suite_run("head", tests);
}
