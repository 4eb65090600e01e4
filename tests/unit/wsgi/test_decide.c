/* Scripts that decide: a table of what their functions return, and what is packed or
 * logged. */
#include <stdio.h>
#include <string.h>

#include "application.h"
#include "base/decision.h"
#include "suite.h"

#define TEXT_MAX 4096

/* What a function returns -> the verdict and its texts, "-" for one that is absent; or
 * a part of the log, and no answer. */
struct expectation {
    enum pyw_role role;
    const char *expression;
    const char *answer; /* NULL: none */
    const char *log;    /* NULL: nothing loud */
};

static const struct expectation cases[] = {
    {PYW_ROLE_ACCESS, "True", "1", NULL},
    {PYW_ROLE_ACCESS, "False", "0", NULL},
    {PYW_ROLE_ACCESS, "None", "2", NULL},
    {PYW_ROLE_ACCESS, "1", NULL, "PYW0143"},
    {PYW_ROLE_ACCESS, "'x'", NULL, "not str"},
    {PYW_ROLE_ACCESS, "arguments == ('a', '\\xe9')", "1", NULL},
    {PYW_ROLE_ACCESS, "environ['HTTP_X_ODD'] == 'caf\\xe9'", "1", NULL},
    {PYW_ROLE_ACCESS, "'wsgi.input' in environ", "0", NULL},
    {PYW_ROLE_ACCESS, "any(key.startswith('mod_pywsgi') for key in environ)", "0",
     NULL},
    {PYW_ROLE_ACCESS, "environ['mod_ssl.is_https']()", "1", NULL},
    {PYW_ROLE_ACCESS, "environ['mod_ssl.var_lookup']('SSL_ODD') == '\\xe9'", "1", NULL},
    {PYW_ROLE_ACCESS, "environ['mod_ssl.var_lookup'](b'SSL_ODD') == '\\xe9'", "1",
     NULL},
    {PYW_ROLE_ACCESS, "environ['mod_ssl.var_lookup']('') == ''", "1", NULL},
    {PYW_ROLE_ACCESS, "environ['mod_ssl.var_lookup'](1)", NULL, "TypeError"},
    {PYW_ROLE_ACCESS, "environ['mod_ssl.var_lookup'](environ)", NULL, "TypeError"},
    {PYW_ROLE_ACCESS, "1 / 0", NULL, "PYW0142: ZeroDivisionError"},
    {PYW_ROLE_PASSWORD, "True", "1", NULL},
    {PYW_ROLE_PASSWORD, "False", "0", NULL},
    {PYW_ROLE_PASSWORD, "None", "2", NULL},
    {PYW_ROLE_PASSWORD, "'bob'", "3 bob", NULL},
    {PYW_ROLE_PASSWORD, "'\\xe9'", "3 \xe9", NULL},
    {PYW_ROLE_PASSWORD, "''", NULL, "empty"},
    {PYW_ROLE_PASSWORD, "b'bob'", NULL, "not bytes"},
    {PYW_ROLE_PASSWORD, "'a\\nb'", NULL, "line break"},
    {PYW_ROLE_PASSWORD, "'\\u20ac'", NULL, "UnicodeEncodeError"},
    {PYW_ROLE_PASSWORD, "'x' * 65536", NULL, "too much text"},
    {PYW_ROLE_REALM_HASH, "'0f'", "4 0f", NULL},
    {PYW_ROLE_REALM_HASH, "b'0f'", "4 0f", NULL},
    {PYW_ROLE_REALM_HASH, "None", "2", NULL},
    {PYW_ROLE_REALM_HASH, "b''", NULL, "empty"},
    {PYW_ROLE_REALM_HASH, "True", NULL, "type bool"},
    {PYW_ROLE_GROUPS, "['a', b'b', '']", "5 a b ", NULL},
    {PYW_ROLE_GROUPS, "(name for name in 'ab')", "5 a b", NULL},
    {PYW_ROLE_GROUPS, "()", "5", NULL},
    {PYW_ROLE_GROUPS, "'ab'", NULL, "single str"},
    {PYW_ROLE_GROUPS, "None", NULL, "not iterable"},
    {PYW_ROLE_GROUPS, "['a', 1]", NULL, "type int"},
    {PYW_ROLE_GROUPS, "(1 / (1 - n) for n in (0, 1))", NULL, "ZeroDivisionError"},
    {PYW_ROLE_GROUPS, "['x'] * 8193", NULL, "more than the 8192"},
    {PYW_ROLE_DISPATCH, "'web'", "6 web - -", NULL},
    {PYW_ROLE_DISPATCH, "b''", "6  - -", NULL},
    {PYW_ROLE_DISPATCH, "None", "6 - - -", NULL},
    {PYW_ROLE_DISPATCH, "'mod_ssl.is_https' in environ or 1", NULL, "type int"},
    {PYW_ROLE_DISPATCH, "1 / 0", NULL, "the request answers 500"},
};

static const char *const functions[PYW_ROLE_COUNT] = {
    [PYW_ROLE_DISPATCH] = "process_group",  [PYW_ROLE_ACCESS] = "allow_access",
    [PYW_ROLE_PASSWORD] = "check_password", [PYW_ROLE_REALM_HASH] = "get_realm_hash",
    [PYW_ROLE_GROUPS] = "groups_for_user",
};

static const struct pyw_pair pairs[] = {
    {0, {"HTTP_X_ODD", 10}, {"caf\xe9", 4}},
    {0, PYW_SPAN(PYW_DECISION_SSL_PREFIX "HTTPS"), {"on", 2}},
    {0, PYW_SPAN(PYW_DECISION_SSL_PREFIX "SSL_ODD"), {"\xe9", 1}},
};

/* Asks a script; the fake is the caller's to free. */
static void ask(struct fake *fake, enum pyw_role role, const char *script, bool blocks)
{
    application_request(fake, script);
    fake->blocks = blocks;
    fake->head.role = (uint8_t)role;
    fake->head.callable = PYW_SPAN("");
    fake->head.pairs = pairs;
    fake->head.pair_count = sizeof pairs / sizeof pairs[0];
    if (role != PYW_ROLE_DISPATCH) {
        fake->head.arguments[0] = PYW_SPAN("a");
        fake->head.arguments[1] = PYW_SPAN("\xe9");
        fake->head.argument_count = 2;
    }
    application_serve(fake);
}

/* "3 bob" */
static void describe(const struct fake *fake, char *text)
{
    struct pyw_span packed = {(const char *)fake->received.data, fake->received.len};
    struct pyw_decision decision;
    struct pyw_span item;

    if (pyw_decision_get(packed, fake->head.role, &decision) != 0) {
        snprintf(text, TEXT_MAX, "(no answer)");
        return;
    }
    text += sprintf(text, "%u", decision.verdict);
    while (pyw_decision_next(&decision, &item)) {
        text += sprintf(text, " %.*s", item.data != NULL ? (int)item.len : 1,
                        item.data != NULL ? item.data : "-");
    }
}

static void check_answer(const struct expectation *wanted, struct fake *fake)
{
    char text[TEXT_MAX];

    describe(fake, text);
    if (wanted->answer == NULL) {
        ck_assert_msg(!fake->has_head && fake->outcome == PYW_OUTCOME_ERROR,
                      "%s was answered by %s", wanted->expression, text);
        ck_assert_msg(strstr(fake_text(&fake->log), wanted->log) != NULL,
                      "%s: no %s in %s", wanted->expression, wanted->log,
                      fake_text(&fake->log));
        return;
    }
    ck_assert_int_eq(fake->outcome, PYW_OUTCOME_OK);
    ck_assert_str_eq(fake_text(&fake->status), "200 OK");
    ck_assert_msg(strcmp(text, wanted->answer) == 0, "%s was answered by %s",
                  wanted->expression, text);
}

START_TEST(functions_answer_as_the_table_says)
{
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char source[TEXT_MAX];
        const char *script;

        snprintf(source, sizeof source, "def %s(environ, *arguments):\n    return %s\n",
                 functions[cases[i].role], cases[i].expression);
        script = application_write(source);
        for (int blocks = 0; blocks < 2; blocks++) {
            struct fake fake;

            ask(&fake, cases[i].role, script, blocks != 0);
            check_answer(&cases[i], &fake);
            fake_free(&fake);
        }
    }
}
END_TEST

START_TEST(a_function_that_is_missing_is_no_answer)
{
    const char *script = application_write("x = 1\n");

    for (unsigned role = PYW_ROLE_ACCESS; role < PYW_ROLE_COUNT; role++) {
        struct fake fake;

        ask(&fake, (enum pyw_role)role, script, false);
        ck_assert_int_eq(fake.outcome, PYW_OUTCOME_ERROR);
        ck_assert(!fake.has_head);
        ck_assert_ptr_nonnull(strstr(fake_text(&fake.log), "PYW0141"));
        fake_free(&fake);
    }
}
END_TEST

START_TEST(a_script_that_is_missing_is_no_answer_but_of_dispatch)
{
    for (unsigned role = PYW_ROLE_DISPATCH; role < PYW_ROLE_COUNT; role++) {
        char text[TEXT_MAX];
        struct fake fake;

        ask(&fake, (enum pyw_role)role, "/nowhere/at/all", false);
        describe(&fake, text);
        ck_assert_int_eq(fake.outcome, role == PYW_ROLE_DISPATCH ? PYW_OUTCOME_OK
                                                                 : PYW_OUTCOME_ERROR);
        ck_assert_str_eq(text, role == PYW_ROLE_DISPATCH ? "6 - - -" : "(no answer)");
        fake_free(&fake);
    }
}
END_TEST

START_TEST(all_three_routes)
{
    const char *script =
        application_write("def process_group(environ): return 'p'\n"
                          "def application_group(environ): return ''\n"
                          "def callable_object(environ): return b'c'\n");
    char text[TEXT_MAX];
    struct fake fake;

    ask(&fake, PYW_ROLE_DISPATCH, script, false);
    describe(&fake, text);
    ck_assert_str_eq(text, "6 p  c");
    fake_free(&fake);
}
END_TEST

START_TEST(prints_come_before_the_answer)
{
    const char *script = application_write("def allow_access(environ, *arguments):\n"
                                           "    print('half a line', end='')\n"
                                           "    environ['wsgi.errors'].write('other')\n"
                                           "    return True\n");
    struct fake fake;

    ask(&fake, PYW_ROLE_ACCESS, script, false);
    ck_assert_ptr_nonnull(strstr(fake_text(&fake.log), "half a line"));
    ck_assert_ptr_nonnull(strstr(fake_text(&fake.log), "other"));
    fake_free(&fake);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {functions_answer_as_the_table_says,
                                  a_function_that_is_missing_is_no_answer,
                                  a_script_that_is_missing_is_no_answer_but_of_dispatch,
                                  all_three_routes,
                                  prints_come_before_the_answer,
                                  NULL};

    application_start();
    return suite_run("wsgi/decide", tests);
}
