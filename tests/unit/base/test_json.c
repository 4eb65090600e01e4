/* JSON documents: commas, escapes, and texts that are no UTF-8. */
#include "base/json.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

#include "suite.h"

static struct pyw_writer out;
static struct pyw_json json;

static void begin(void)
{
    pyw_bytes_init(&out);
    pyw_json_begin(&json, &out);
}

static void expect(const char *text)
{
    pyw_bytes_put_u8(&out, '\0');
    ck_assert(!out.failed);
    ck_assert_str_eq((const char *)out.data, text);
    pyw_bytes_free(&out);
}

START_TEST(values_are_separated_and_nested)
{
    begin();
    pyw_json_open_object(&json, NULL);
    pyw_json_put_bool(&json, "ok", true);
    pyw_json_open_array(&json, "list");
    pyw_json_open_object(&json, NULL);
    pyw_json_close_object(&json);
    pyw_json_put_int(&json, NULL, INT64_MIN);
    pyw_json_put_null(&json, NULL);
    pyw_json_open_array(&json, NULL);
    pyw_json_close_array(&json);
    pyw_json_close_array(&json);
    pyw_json_put_seconds(&json, "age", 61007);
    pyw_json_put_seconds(&json, "early", -3);
    pyw_json_put_text(&json, "name", "");
    pyw_json_close_object(&json);
    expect("{\"ok\":true,\"list\":[{},-9223372036854775808,null,[]],"
           "\"age\":61.007,\"early\":0.000,\"name\":\"\"}");
}
END_TEST

static const struct {
    const char *text;
    const char *quoted;
} texts[] = {
    {"plain 'text' /", "plain 'text' /"},
    {"\" \\ \n \x1b[1m \x7f", "\\u0022 \\u005c \\u000a \\u001b[1m \\u007f"},
    {"\xc3\xa9 \xe2\x82\xac \xf0\x9f\x90\x8d",
     "\xc3\xa9 \xe2\x82\xac \xf0\x9f\x90\x8d"},
    {"\xed\x9f\xbf\xee\x80\x80\xf4\x8f\xbf\xbf",
     "\xed\x9f\xbf\xee\x80\x80\xf4\x8f\xbf\xbf"},
    /* alone, shorter than it might be, a surrogate, beyond the last, cut */
    {"\x80", "\\ufffd"},
    {"\xc0\xaf", "\\ufffd\\ufffd"},
    {"\xe0\x80\xaf", "\\ufffd\\ufffd\\ufffd"},
    {"\xed\xa0\x80", "\\ufffd\\ufffd\\ufffd"},
    {"\xf4\x90\x80\x80", "\\ufffd\\ufffd\\ufffd\\ufffd"},
    {"\xe2\x82", "\\ufffd\\ufffd"},
    {"\xf0\x9f\x90z", "\\ufffd\\ufffd\\ufffdz"},
    {"\xff", "\\ufffd"},
};

START_TEST(texts_are_always_valid)
{
    char wanted[128];

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        begin();
        pyw_json_put_text(&json, NULL, texts[i].text);
        (void)snprintf(wanted, sizeof(wanted), "\"%s\"", texts[i].quoted);
        expect(wanted);
    }
}
END_TEST

START_TEST(bytes_may_hold_anything)
{
    begin();
    pyw_json_put_bytes(&json, NULL, "a\0b\xe2\x82\xac", 5); /* the last one is cut */
    expect("\"a\\u0000b\\ufffd\\ufffd\"");
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {values_are_separated_and_nested,
                                  texts_are_always_valid, bytes_may_hold_anything,
                                  NULL};

    return suite_run("json", tests);
}
