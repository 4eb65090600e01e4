/* The setup of a daemon process: round trip, and anything else on its descriptor. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/setup.h"
#include "suite.h"

static struct pyw_setup made;
static struct pyw_setup read_back;
static char why[256];

static void fill(struct pyw_setup *setup)
{
    struct pyw_python_rule *rule;

    memset(setup, 0, sizeof(*setup));
    setup->group = "example.org";
    setup->slot = 3;
    setup->generation = 0xfffffffe;
    memset(setup->secret, 0x5a, sizeof(setup->secret));
    setup->peer_uid = 33;
    setup->mpm_name = "event";
    setup->server_version[1] = 4;
    setup->maximum_processes = 2;
    setup->threads_per_process = 15;
    setup->is_multiprocess = true;
    setup->is_zygote = true;
    setup->preload_count = 2;
    setup->preloads[0] = (struct pyw_preload){"/srv/a.wsgi", "", NULL, NULL};
    setup->preloads[1] = (struct pyw_preload){"/srv/b.wsgi", "group b", "/b", "app"};
    pyw_options_init(&setup->options);
    setup->options.threads = 8;
    setup->options.python_home = "/srv/venv";
    pyw_python_options_init(&setup->python);
    setup->python.optimize = 1;
    setup->python.hash_seed = 0;
    (void)pyw_texts_add(&setup->python.warnings, "error");
    (void)pyw_texts_add(&setup->python.warnings, "ignore::UserWarning");
    rule = pyw_python_options_add(&setup->python, NULL);
    rule->settings.restrict_stdin = PYW_ON;
    rule = pyw_python_options_add(&setup->python, "group b");
    rule->settings.own_gil = PYW_ON;
    rule->settings.python_path = "/a:/b";
    rule->settings.switch_interval_us = 500000;
}

START_TEST(there_and_back)
{
    struct pyw_writer writer;

    fill(&made);
    pyw_bytes_init(&writer);
    pyw_setup_put(&writer, &made);
    ck_assert(!writer.failed);
    ck_assert_int_eq(
        pyw_setup_get((char *)writer.data, writer.len, &read_back, why, sizeof(why)),
        0);
    ck_assert_str_eq(read_back.group, "example.org");
    ck_assert_uint_eq(read_back.slot, 3);
    ck_assert_uint_eq(read_back.generation, 0xfffffffe);
    ck_assert_mem_eq(read_back.secret, made.secret, sizeof(made.secret));
    ck_assert_uint_eq(read_back.peer_uid, 33);
    ck_assert_uint_eq(read_back.server_version[1], 4);
    ck_assert(read_back.is_multiprocess);
    ck_assert(!read_back.is_debug);
    ck_assert_uint_eq(read_back.preload_count, 2);
    ck_assert_str_eq(read_back.preloads[0].application_group, "");
    ck_assert_str_eq(read_back.preloads[1].script, "/srv/b.wsgi");
    ck_assert_str_eq(read_back.preloads[1].application_group, "group b");
    ck_assert(read_back.is_zygote);
    ck_assert_ptr_null(read_back.preloads[0].mount);
    ck_assert_ptr_null(read_back.preloads[0].callable);
    ck_assert_str_eq(read_back.preloads[1].mount, "/b");
    ck_assert_str_eq(read_back.preloads[1].callable, "app");
    ck_assert_int_eq(read_back.options.threads, 8);
    ck_assert_str_eq(read_back.options.python_home, "/srv/venv");
    ck_assert_int_eq(read_back.python.optimize, 1);
    ck_assert_int_eq(read_back.python.hash_seed, 0);
    ck_assert_int_eq(read_back.python.dont_write_bytecode, PYW_UNSET);
    ck_assert_uint_eq(read_back.python.warnings.count, 2);
    ck_assert_str_eq(read_back.python.warnings.items[1], "ignore::UserWarning");
    ck_assert_uint_eq(read_back.python.rule_count, 2);
    ck_assert_ptr_null(read_back.python.rules[0].application_group);
    ck_assert_int_eq(read_back.python.rules[0].settings.restrict_stdin, PYW_ON);
    ck_assert_str_eq(read_back.python.rules[1].application_group, "group b");
    ck_assert_int_eq(read_back.python.rules[1].settings.own_gil, PYW_ON);
    ck_assert_int_eq(read_back.python.rules[1].settings.restrict_stdin, PYW_UNSET);
    ck_assert_str_eq(read_back.python.rules[1].settings.python_path, "/a:/b");
    ck_assert_int_eq(read_back.python.rules[1].settings.switch_interval_us, 500000);
    pyw_bytes_free(&writer);
}
END_TEST

START_TEST(cut_anywhere)
{
    struct pyw_writer writer;
    size_t whole = 0;

    fill(&made);
    pyw_bytes_init(&writer);
    pyw_setup_put(&writer, &made);
    for (size_t len = 0; len < writer.len; len++) {
        char *copy = malloc(len + 1);

        memcpy(copy, writer.data, len);
        /* Whole entries are fine; the middle of one never is, and nothing is read
         * behind the end. */
        whole += pyw_setup_get(copy, len, &read_back, why, sizeof(why)) == 0 ? 1 : 0;
        free(copy);
    }
    ck_assert_uint_lt(whole, 50);
    pyw_bytes_free(&writer);
}
END_TEST

static int read_entry(const char *name, const char *value, size_t len)
{
    struct pyw_writer writer;
    int rv;

    pyw_bytes_init(&writer);
    pyw_bytes_put_str16(&writer, name, strlen(name));
    pyw_bytes_put_u8(&writer, 0);
    pyw_bytes_put_str32(&writer, value, len);
    pyw_bytes_put_u8(&writer, 0);
    rv = pyw_setup_get((char *)writer.data, writer.len, &read_back, why, sizeof(why));
    pyw_bytes_free(&writer);
    return rv;
}

START_TEST(entries_that_are_refused)
{
    static const struct {
        const char *name;
        const char *value;
    } rows[] = {
        {"slot", ""},           {"slot", "x"},
        {"slot", "4294967296"}, {"colour", "red"},
        {"secret", "short"},    {"option:threads", "-1"},
        {"option:x", "1"},      {"", ""},
        {"python:", "1"},       {"python:WSGIPythonOptimize", "3"},
        {"python:x", "1"},      {"python:rule:WSGIRestrictStdin", "On"},
        {"preload-group", "g"}, {"option:", "1"},
        {"preload-mount", "/"}, {"preload-", "x"},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        ck_assert_msg(read_entry(rows[i].name, rows[i].value, strlen(rows[i].value)) ==
                          -EPROTO,
                      "%s=%s", rows[i].name, rows[i].value);
        ck_assert_str_eq(why, rows[i].name);
    }
    ck_assert_int_eq(read_entry("slot", "4294967295", 10), 0);
}
END_TEST

START_TEST(too_many_preloads)
{
    struct pyw_writer writer;

    pyw_bytes_init(&writer);
    for (int i = 0; i <= PYW_SETUP_MAX_PRELOADS; i++) {
        pyw_bytes_put_str16(&writer, "preload-script", 14);
        pyw_bytes_put_u8(&writer, 0);
        pyw_bytes_put_str32(&writer, "/a", 2);
        pyw_bytes_put_u8(&writer, 0);
    }
    ck_assert_int_eq(
        pyw_setup_get((char *)writer.data, writer.len, &read_back, why, sizeof(why)),
        -EPROTO);
    pyw_bytes_free(&writer);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {there_and_back, cut_anywhere,
                                  entries_that_are_refused, too_many_preloads, NULL};

    return suite_run("setup", tests);
}
