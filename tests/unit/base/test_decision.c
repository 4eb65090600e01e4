/* Answers of scripts that decide: there and back, cut at every byte, and what a
 * question may not be answered with. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/decision.h"
#include "base/head.h"
#include "suite.h"

static struct pyw_span span(const char *text)
{
    return text == NULL ? (struct pyw_span){NULL, 0}
                        : (struct pyw_span){text, strlen(text)};
}

/* Packs a verdict with up to three texts. */
static void pack(struct pyw_writer *writer, enum pyw_verdict verdict, size_t count,
                 const char *const *texts)
{
    pyw_bytes_init(writer);
    pyw_decision_put(writer, verdict, count);
    for (size_t i = 0; i < count; i++) {
        pyw_decision_put_text(writer, span(texts[i]));
    }
    ck_assert(!writer->failed);
}

static struct pyw_span packed(const struct pyw_writer *writer)
{
    return (struct pyw_span){(const char *)writer->data, writer->len};
}

/* What is in a table of cases: which roles take it. */
struct answer {
    enum pyw_verdict verdict;
    size_t count;
    const char *texts[3];
    unsigned roles; /* a set */
};

#define OF(role) (1u << PYW_ROLE_##role)

static const struct answer cases[] = {
    {PYW_VERDICT_DENIED, 0, {NULL}, OF(ACCESS) | OF(PASSWORD)},
    {PYW_VERDICT_GRANTED, 0, {NULL}, OF(ACCESS) | OF(PASSWORD)},
    {PYW_VERDICT_UNKNOWN, 0, {NULL}, OF(ACCESS) | OF(PASSWORD) | OF(REALM_HASH)},
    {PYW_VERDICT_NAMED, 1, {"ann"}, OF(PASSWORD)},
    {PYW_VERDICT_HASH, 1, {"0123456789abcdef"}, OF(REALM_HASH)},
    {PYW_VERDICT_GROUPS, 0, {NULL}, OF(GROUPS)},
    {PYW_VERDICT_GROUPS, 3, {"a", "", "\xe9"}, OF(GROUPS)},
    {PYW_VERDICT_ROUTE, 3, {NULL, NULL, NULL}, OF(DISPATCH)},
    {PYW_VERDICT_ROUTE, 3, {"web", "", NULL}, OF(DISPATCH)},
    /* nobody's */
    {PYW_VERDICT_GRANTED, 1, {"ann"}, 0},
    {PYW_VERDICT_NAMED, 0, {NULL}, 0},
    {PYW_VERDICT_NAMED, 1, {""}, 0},
    {PYW_VERDICT_NAMED, 1, {NULL}, 0},
    {PYW_VERDICT_NAMED, 2, {"a", "b"}, 0},
    {PYW_VERDICT_NAMED, 1, {"a\nb"}, 0},
    {PYW_VERDICT_NAMED, 1, {"a\rb"}, 0},
    {PYW_VERDICT_HASH, 1, {""}, 0},
    {PYW_VERDICT_GROUPS, 1, {NULL}, 0},
    {PYW_VERDICT_GROUPS, 2, {"a", "b\n"}, 0},
    {PYW_VERDICT_ROUTE, 2, {"a", "b"}, 0},
    {PYW_VERDICT_ROUTE, 3, {"a\n", NULL, NULL}, 0},
    {PYW_VERDICT_COUNT, 0, {NULL}, 0},
};

START_TEST(each_question_has_its_answers)
{
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct pyw_writer writer;

        pack(&writer, cases[i].verdict, cases[i].count, cases[i].texts);
        for (unsigned role = 0; role < PYW_ROLE_COUNT + 1; role++) {
            struct pyw_decision decision;
            int expected = (cases[i].roles & (1u << role)) != 0 ? 0 : -EPROTO;

            ck_assert_msg(pyw_decision_get(packed(&writer), (uint8_t)role, &decision) ==
                              expected,
                          "case %zu, role %u", i, role);
        }
        pyw_bytes_free(&writer);
    }
}
END_TEST

START_TEST(texts_come_back)
{
    const char *const texts[] = {"web", NULL, ""};
    struct pyw_decision decision;
    struct pyw_writer writer;
    struct pyw_span text;

    pack(&writer, PYW_VERDICT_ROUTE, 3, texts);
    ck_assert_int_eq(pyw_decision_get(packed(&writer), PYW_ROLE_DISPATCH, &decision),
                     0);
    ck_assert_int_eq(decision.verdict, PYW_VERDICT_ROUTE);
    ck_assert(pyw_decision_next(&decision, &text));
    ck_assert(pyw_bytes_is_equal(text, "web"));
    ck_assert(pyw_decision_next(&decision, &text));
    ck_assert_ptr_null(text.data);
    ck_assert(pyw_decision_next(&decision, &text));
    ck_assert_ptr_nonnull(text.data);
    ck_assert_uint_eq(text.len, 0);
    ck_assert(!pyw_decision_next(&decision, &text));
    pyw_bytes_free(&writer);
}
END_TEST

START_TEST(cut_anywhere_or_too_long_is_refused)
{
    const char *const texts[] = {"one", "", "three"};
    struct pyw_decision decision;
    struct pyw_writer writer;

    pack(&writer, PYW_VERDICT_GROUPS, 3, texts);
    for (size_t len = 0; len < writer.len; len++) {
        /* A copy of that very length, so that a sanitizer sees a byte too many. */
        char *copy = malloc(len + 1);

        memcpy(copy, writer.data, len);
        ck_assert_int_eq(
            pyw_decision_get((struct pyw_span){copy, len}, PYW_ROLE_GROUPS, &decision),
            -EPROTO);
        free(copy);
    }
    pyw_bytes_put_u8(&writer, 0);
    ck_assert_int_eq(pyw_decision_get(packed(&writer), PYW_ROLE_GROUPS, &decision),
                     -EPROTO);
    pyw_bytes_free(&writer);
}
END_TEST

START_TEST(a_text_is_there_or_not)
{
    static const char packed_text[] = {PYW_VERDICT_NAMED, 1, 0, 2, 1, 0, 'a'};
    struct pyw_decision decision;

    ck_assert_int_eq(
        pyw_decision_get((struct pyw_span){packed_text, sizeof(packed_text)},
                         PYW_ROLE_PASSWORD, &decision),
        -EPROTO);
}
END_TEST

START_TEST(a_nul_is_no_text)
{
    ck_assert(!pyw_decision_is_text((struct pyw_span){"a\0b", 3}));
    ck_assert(pyw_decision_is_text(PYW_SPAN("a\tb\xe9")));
    ck_assert(pyw_decision_is_text(PYW_SPAN("")));
}
END_TEST

START_TEST(too_many_texts_are_neither_packed_nor_read)
{
    struct pyw_decision decision;
    struct pyw_writer writer;

    pyw_bytes_init(&writer);
    pyw_decision_put(&writer, PYW_VERDICT_GROUPS, PYW_DECISION_MAX_TEXTS + 1);
    ck_assert(writer.failed);
    pyw_bytes_free(&writer);
    pyw_bytes_init(&writer);
    pyw_bytes_put_u8(&writer, PYW_VERDICT_GROUPS);
    pyw_bytes_put_u16(&writer, PYW_DECISION_MAX_TEXTS + 1);
    for (int i = 0; i < PYW_DECISION_MAX_TEXTS + 1; i++) {
        pyw_decision_put_text(&writer, PYW_SPAN("x"));
    }
    ck_assert_int_eq(pyw_decision_get(packed(&writer), PYW_ROLE_GROUPS, &decision),
                     -EPROTO);
    pyw_bytes_free(&writer);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {each_question_has_its_answers,
                                  texts_come_back,
                                  cut_anywhere_or_too_long_is_refused,
                                  a_text_is_there_or_not,
                                  a_nul_is_no_text,
                                  too_many_texts_are_neither_packed_nor_read,
                                  NULL};

    return suite_run("decision", tests);
}
