/* Conditional requests: a table of what client and application say, and of what that
 * comes to. */
#include <stdlib.h>
#include <string.h>

#include "base/conditions.h"
#include "suite.h"

#define DATE "Sun, 06 Nov 1994 08:49:37 GMT"
#define LATER "Sun, 06 Nov 1994 08:49:38 GMT"

static struct pyw_span span(const char *text)
{
    return text == NULL ? (struct pyw_span){NULL, 0}
                        : (struct pyw_span){text, strlen(text)};
}

#define MET PYW_CONDITION_MET
#define UNNEEDED PYW_CONDITION_UNNEEDED
#define FAILED PYW_CONDITION_FAILED

static const struct {
    const char *none_match;
    const char *tag;
    enum pyw_condition result;
    const char *found; /* with UNNEEDED; NULL: the tag */
} none_matches[] = {
    {"\"a\"", "\"a\"", UNNEEDED, NULL},
    {"\"a\"", "\"b\"", MET, NULL},
    {"\"a\"", NULL, MET, NULL},
    {NULL, "\"a\"", MET, NULL},
    {"*", "\"a\"", UNNEEDED, NULL},
    {"*", NULL, MET, NULL},
    {"\"x\", \"a\"", "\"a\"", UNNEEDED, NULL},
    {"\"x\",\"a\",", "\"a\"", UNNEEDED, NULL},
    {" ,\t\"a\"", "\"a\"", UNNEEDED, NULL},
    {"\"a, b\"", "\"a, b\"", UNNEEDED, NULL},
    {"\"a, b\"", "\"a\"", MET, NULL},
    /* weakly compared */
    {"W/\"a\"", "\"a\"", UNNEEDED, NULL},
    {"\"a\"", "W/\"a\"", UNNEEDED, NULL},
    {"W/\"a\"", "W/\"a\"", UNNEEDED, NULL},
    /* without quotes, as some write them */
    {"a", "a", UNNEEDED, NULL},
    {"a", "\"a\"", MET, NULL},
    {"W/", "W/", UNNEEDED, NULL},
    {"\"", "\"", UNNEEDED, NULL},
    {"\"unended", "\"a\"", MET, NULL},
    {",", "\"a\"", MET, NULL},
    /* made longer on the way out */
    {"\"a-gzip\"", "\"a\"", UNNEEDED, "\"a-gzip\""},
    {"\"x\", W/\"a-gzip\"", "W/\"a\"", UNNEEDED, "W/\"a-gzip\""},
    {"\"a-br\"", "\"a\"", MET, NULL}, /* this client does not take it */
    {"\"a-gzip\"", "a", MET, NULL},
    {"\"-gzip\"", "\"\"", UNNEEDED, "\"-gzip\""},
    {"-gzip\"", "\"", MET, NULL},
};

START_TEST(none_match)
{
    for (size_t i = 0; i < sizeof none_matches / sizeof none_matches[0]; i++) {
        struct pyw_conditions conditions = {.none_match =
                                                span(none_matches[i].none_match),
                                            .encodings = span("deflate, gzip")};
        struct pyw_validators validators = {.tag = span(none_matches[i].tag)};
        const char *found =
            none_matches[i].found != NULL ? none_matches[i].found : none_matches[i].tag;
        struct pyw_span tag;

        ck_assert_int_eq(pyw_conditions_judge(&conditions, &validators, &tag),
                         none_matches[i].result);
        if (none_matches[i].result == UNNEEDED) {
            ck_assert_msg(pyw_bytes_is_equal(tag, found), "%.*s", (int)tag.len,
                          tag.data);
        }
    }
}
END_TEST

/* What Accept-Encoding says of gzip, for a tag that mod_deflate made longer. */
static const struct {
    const char *encodings;
    enum pyw_condition result;
} encodings[] = {
    {"gzip", UNNEEDED},
    {"br, gzip", UNNEEDED},
    {"gzip, br;q=0", UNNEEDED},
    {"gzip;q=0.5", UNNEEDED},
    {"gzip;q=0.01", UNNEEDED},
    {"gzip ; q=1", UNNEEDED},
    {"gzip;q=0", MET},
    {"gzip;q=0.000", MET},
    {"br, gzip; q=0, x", MET},
    {"gzip;q=", UNNEEDED},
    {"br", MET},
    {"gzi", MET},
};

START_TEST(encodings_that_are_taken)
{
    for (size_t i = 0; i < sizeof encodings / sizeof encodings[0]; i++) {
        struct pyw_conditions conditions = {.none_match = span("\"a-gzip\""),
                                            .encodings = span(encodings[i].encodings)};
        struct pyw_validators validators = {.tag = span("\"a\"")};
        struct pyw_span tag;

        ck_assert_msg(pyw_conditions_judge(&conditions, &validators, &tag) ==
                          encodings[i].result,
                      "%s", encodings[i].encodings);
    }
}
END_TEST

static const struct {
    struct {
        const char *match, *none_match, *modified_since, *unmodified_since;
    } given;
    const char *tag;
    const char *modified;
    enum pyw_condition result;
} cases[] = {
    {{NULL, NULL, DATE, NULL}, NULL, DATE, UNNEEDED},
    {{NULL, NULL, LATER, NULL}, NULL, DATE, UNNEEDED},
    {{NULL, NULL, DATE, NULL}, NULL, LATER, MET},
    {{NULL, NULL, DATE, NULL}, "\"a\"", NULL, MET},
    {{NULL, NULL, "yesterday", NULL}, NULL, DATE, MET},
    {{NULL, NULL, DATE, NULL}, NULL, "yesterday", MET},
    /* tags count more than dates, also where they do not match or are not there */
    {{NULL, "\"b\"", DATE, NULL}, "\"a\"", DATE, MET},
    {{NULL, "\"a\"", DATE, NULL}, "\"a\"", LATER, UNNEEDED},
    {{NULL, "\"a\"", DATE, NULL}, NULL, DATE, MET},
    /* strongly compared */
    {{"\"a\"", NULL, NULL, NULL}, "\"a\"", NULL, MET},
    {{"\"b\"", NULL, NULL, NULL}, "\"a\"", NULL, FAILED},
    {{"\"b\", \"a\"", NULL, NULL, NULL}, "\"a\"", NULL, MET},
    {{"W/\"a\"", NULL, NULL, NULL}, "\"a\"", NULL, FAILED},
    {{"\"a\"", NULL, NULL, NULL}, "W/\"a\"", NULL, FAILED},
    {{"*", NULL, NULL, NULL}, "\"a\"", NULL, MET},
    {{"\"a-gzip\"", NULL, NULL, NULL}, "\"a\"", NULL, MET},
    {{"\"a\"", NULL, NULL, NULL}, NULL, NULL, MET},
    {{NULL, NULL, NULL, DATE}, NULL, DATE, MET},
    {{NULL, NULL, NULL, DATE}, NULL, LATER, FAILED},
    {{NULL, NULL, NULL, DATE}, "\"a\"", NULL, MET},
    {{"\"a\"", NULL, NULL, DATE}, "\"a\"", LATER, MET},
    /* both kinds */
    {{"\"a\"", "\"a\"", NULL, NULL}, "\"a\"", NULL, UNNEEDED},
    {{"\"b\"", "\"a\"", NULL, NULL}, "\"a\"", NULL, FAILED},
};

START_TEST(all)
{
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct pyw_conditions conditions = {
            .match = span(cases[i].given.match),
            .none_match = span(cases[i].given.none_match),
            .modified_since = span(cases[i].given.modified_since),
            .unmodified_since = span(cases[i].given.unmodified_since),
            .encodings = span("gzip"),
        };
        struct pyw_validators validators = {span(cases[i].tag),
                                            span(cases[i].modified)};
        struct pyw_span tag;

        ck_assert_msg(pyw_conditions_judge(&conditions, &validators, &tag) ==
                          cases[i].result,
                      "case %zu", i);
    }
}
END_TEST

static const struct {
    const char *text;
    int64_t seconds;
} dates[] = {
    {DATE, 784111777},
    {"Sunday, 06-Nov-94 08:49:37 GMT", 784111777},
    {"Sun Nov  6 08:49:37 1994", 784111777},
    {"Wednesday, 01-Jan-25 00:00:00 GMT", 1735689600},
    {"Thu, 01 Jan 1970 00:00:00 GMT", 0},
    {"Sat, 31 Dec 2016 23:59:60 GMT", 1483228800},
    {"Wed, 31 Dec 1969 23:59:59 GMT", -1},
    {"Sun, 06 Nov 1994 08:49:37 CET", -1},
    {"Sun, 06 Nov 1994 08:49:37", -1},
    {"Sun, 06 Nov 1994 08:49:37 GMT ", -1},
    {"Sun, 06 nov 1994 08:49:37 GMT", -1},
    {"Sun, 00 Nov 1994 08:49:37 GMT", -1},
    {"Sun, 06 Nov 1994 24:49:37 GMT", -1},
    {"Sun, 06 Nov 1994 08:60:37 GMT", -1},
    {"Sun, -6 Nov 1994 08:49:37 GMT", -1},
    {"784111777", -1},
    {"", -1},
    {"Sunday, 06-Nov-94 08:49:37 GMT, and a good deal more than that", -1},
};

START_TEST(each_date)
{
    for (size_t i = 0; i < sizeof dates / sizeof dates[0]; i++) {
        ck_assert_msg(pyw_conditions_date(span(dates[i].text)) == dates[i].seconds,
                      "%s: %lld", dates[i].text,
                      (long long)pyw_conditions_date(span(dates[i].text)));
    }
    ck_assert_int_eq(
        pyw_conditions_date((struct pyw_span){"Thu\0 01 Jan 1970 00:00:00 GMT", 29}),
        -1);
}
END_TEST

START_TEST(found_in_the_environ)
{
    const struct pyw_pair pairs[] = {
        {PYW_KEY_HTTP_IF_NONE_MATCH, PYW_SPAN(""), PYW_SPAN("a")},
        {0, PYW_SPAN("HTTP_IF_MATCH"), PYW_SPAN("b")},
        {0, PYW_SPAN("HTTP_IF_UNMODIFIED_SINCE"), PYW_SPAN("c")},
        {PYW_KEY_HTTP_IF_MODIFIED_SINCE, PYW_SPAN(""), PYW_SPAN("d")},
        {PYW_KEY_HTTP_ACCEPT_ENCODING, PYW_SPAN(""), PYW_SPAN("e")},
        {0, PYW_SPAN("HTTP_IF_RANGE"), PYW_SPAN("f")},
    };
    struct pyw_request_head head = {.pair_count = sizeof pairs / sizeof pairs[0],
                                    .pairs = pairs};
    struct pyw_conditions found;

    pyw_conditions_find(&head, &found);
    ck_assert(pyw_bytes_is_equal(found.none_match, "a"));
    ck_assert(pyw_bytes_is_equal(found.match, "b"));
    ck_assert(pyw_bytes_is_equal(found.unmodified_since, "c"));
    ck_assert(pyw_bytes_is_equal(found.modified_since, "d"));
    ck_assert(pyw_bytes_is_equal(found.encodings, "e"));
    head.pair_count = 0;
    pyw_conditions_find(&head, &found);
    ck_assert_uint_eq(found.none_match.len, 0);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {none_match, encodings_that_are_taken, all,
                                  each_date,  found_in_the_environ,     NULL};

    return suite_run("conditions", tests);
}
