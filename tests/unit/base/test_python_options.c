/* How Python is to run: texts in, texts out, and what holds for an interpreter. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/decimal.h"
#include "base/python_options.h"
#include "suite.h"

static struct pyw_python_options options;
static char why[256];

static int set(const char *name, const char *value)
{
    why[0] = '\0';
    return pyw_python_options_set(&options, name, value, why, sizeof(why));
}

static void again(void)
{
    pyw_python_options_init(&options);
}

START_TEST(process_wide)
{
    again();
    ck_assert_int_eq(options.hash_seed, PYW_PYTHON_SEED_UNSET);
    ck_assert_int_eq(set("WSGIPythonOptimize", "2"), 0);
    ck_assert_int_eq(options.optimize, 2);
    ck_assert_int_eq(set("WSGIPythonHashSeed", "4294967295"), 0);
    ck_assert_int_eq(options.hash_seed, 4294967295);
    ck_assert_int_eq(set("WSGIPythonHashSeed", "Random"), 0);
    ck_assert_int_eq(options.hash_seed, PYW_PYTHON_SEED_RANDOM);
    ck_assert_int_eq(set("wsgidontwritebytecode", "on"), 0);
    ck_assert_int_eq(options.dont_write_bytecode, PYW_ON);
    ck_assert_int_eq(set("WSGIPythonWarnings", "error"), 0);
    ck_assert_uint_eq(options.warnings.count, 1);
}
END_TEST

START_TEST(what_is_refused)
{
    static const struct {
        const char *name;
        const char *value;
        int error;
    } rows[] = {
        {"WSGIPythonOptimize", "3", -EINVAL},
        {"WSGIPythonOptimize", "", -EINVAL},
        {"WSGIPythonOptimize", "1x", -EINVAL},
        {"WSGIPythonOptimize", "random", -EINVAL},
        {"WSGIPythonHashSeed", "4294967296", -EINVAL},
        {"WSGIPythonHashSeed", "99999999999999999999", -EINVAL},
        {"WSGIPythonWarnings", "", -EINVAL},
        {"WSGIDestroyInterpreter", "1", -EINVAL},
        {"WSGIRestrictStdin", "On", -ENOENT},
        {"", "", -ENOENT},
    };

    again();
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        ck_assert_msg(set(rows[i].name, rows[i].value) == rows[i].error, "%s %s",
                      rows[i].name, rows[i].value);
        ck_assert_msg((why[0] != '\0') == (rows[i].error == -EINVAL), "%s: %s",
                      rows[i].name, why);
    }
    for (int i = 0; i < PYW_TEXTS_MAX; i++) {
        ck_assert_int_eq(set("WSGIPythonWarnings", "error"), 0);
    }
    ck_assert_int_eq(set("WSGIPythonWarnings", "error"), -EINVAL);
}
END_TEST

/* Takes a walk over one into another. */
struct copy {
    struct pyw_python_options options;
    char texts[64][32];
    size_t count;
};

static void copy_one(void *context, const char *name, const char *value)
{
    struct copy *copy = context;
    char *text = copy->texts[copy->count++];

    ck_assert_uint_le(copy->count, 64);
    strncpy(text, value, sizeof(copy->texts[0]) - 1);
    ck_assert_int_eq(pyw_python_options_read(&copy->options, name, text), 0);
}

START_TEST(there_and_back)
{
    static struct copy copy;
    struct pyw_python_rule *rule;

    again();
    pyw_python_options_init(&copy.options);
    pyw_python_options_each(&options, copy_one, &copy);
    ck_assert_uint_eq(copy.count, 0);
    ck_assert_int_eq(set("WSGIPythonHashSeed", "0"), 0);
    ck_assert_int_eq(set("WSGIDestroyInterpreter", "Off"), 0);
    rule = pyw_python_options_add(&options, "");
    rule->settings.switch_interval_us = 1;
    rule->settings.free_threading = PYW_OFF;
    (void)pyw_python_options_add(&options, NULL);
    pyw_python_options_each(&options, copy_one, &copy);
    ck_assert_int_eq(copy.options.hash_seed, 0);
    ck_assert_int_eq(copy.options.destroy_interpreter, PYW_OFF);
    ck_assert_int_eq(copy.options.dont_write_bytecode, PYW_UNSET);
    ck_assert_uint_eq(copy.options.rule_count, 2);
    ck_assert_str_eq(copy.options.rules[0].application_group, "");
    ck_assert_int_eq(copy.options.rules[0].settings.switch_interval_us, 1);
    ck_assert_int_eq(copy.options.rules[0].settings.free_threading, PYW_OFF);
    ck_assert_int_eq(copy.options.rules[0].settings.own_gil, PYW_UNSET);
    ck_assert_ptr_null(copy.options.rules[1].application_group);
}
END_TEST

START_TEST(too_many_rules)
{
    again();
    for (int i = 0; i < PYW_PYTHON_MAX_RULES; i++) {
        ck_assert_int_eq(pyw_python_options_read(&options, "rule", ""), 0);
    }
    ck_assert_int_eq(pyw_python_options_read(&options, "rule", ""), -EPROTO);
    ck_assert_ptr_null(pyw_python_options_add(&options, NULL));
}
END_TEST

START_TEST(the_last_rule_for_an_interpreter_holds)
{
    struct pyw_python_settings settings;
    struct pyw_python_rule *rule;
    size_t at = 0;

    again();
    rule = pyw_python_options_add(&options, NULL);
    rule->settings.own_gil = PYW_ON;
    rule->settings.python_path = "/all";
    rule = pyw_python_options_add(&options, "a");
    rule->settings.own_gil = PYW_OFF;
    rule->settings.python_path = "/a";
    pyw_python_options_resolve(&options, "a", &settings);
    ck_assert_int_eq(settings.own_gil, PYW_OFF);
    ck_assert_int_eq(settings.restrict_stdin, PYW_UNSET);
    pyw_python_options_resolve(&options, "", &settings);
    ck_assert_int_eq(settings.own_gil, PYW_ON);
    ck_assert_str_eq(pyw_python_options_next_path(&options, "a", &at), "/all");
    ck_assert_str_eq(pyw_python_options_next_path(&options, "a", &at), "/a");
    ck_assert_ptr_null(pyw_python_options_next_path(&options, "a", &at));
    at = 0;
    ck_assert_str_eq(pyw_python_options_next_path(&options, "b", &at), "/all");
    ck_assert_ptr_null(pyw_python_options_next_path(&options, "b", &at));
}
END_TEST

START_TEST(decimals)
{
    static const struct {
        const char *text;
        int64_t us;
    } rows[] = {
        {"5", 5000000},
        {"0.005", 5000},
        {".5", 500000},
        {"1.", 1000000},
        {"0.0000019", 1},
        {"0", 0},
        {"999999", 999999000000},
        {"1000000", -1},
        {"", -1},
        {".", -1},
        {"-1", -1},
        {"1,5", -1},
        {"1e3", -1},
        {" 1", -1},
        {"1 ", -1},
        {"0000000001", -1},
        {"0x1", -1},
        {"nan", -1},
    };
    char text[PYW_DECIMAL_MAX];

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        ck_assert_msg(pyw_decimal_read(rows[i].text) == rows[i].us, "'%s'",
                      rows[i].text);
        if (rows[i].us >= 0) {
            ck_assert_int_eq(pyw_decimal_read(pyw_decimal_print(rows[i].us, text)),
                             rows[i].us);
        }
    }
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {process_wide,
                                  what_is_refused,
                                  there_and_back,
                                  too_many_rules,
                                  the_last_rule_for_an_interpreter_holds,
                                  decimals,
                                  NULL};

    return suite_run("python_options", tests);
}
