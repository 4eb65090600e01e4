/* Options of a process group: each kind of value, right and wrong, and the walk over
 * those given. */
#include <errno.h>
#include <string.h>

#include "base/options.h"
#include "suite.h"

static char why[256];

static int set(struct pyw_options *options, const char *name, const char *value)
{
    why[0] = '\0';
    return pyw_options_set(options, name, value, why, sizeof(why));
}

START_TEST(defaults)
{
    struct pyw_options options;

    pyw_options_init(&options);
    ck_assert_int_eq(options.processes, 1);
    ck_assert(!options.has_processes);
    ck_assert_int_eq(options.threads, 15);
    ck_assert_int_eq(options.umask, -1);
    ck_assert_int_eq(options.listen_backlog, 100);
    ck_assert_ptr_null(options.user);
}
END_TEST

START_TEST(values_that_are_taken)
{
    struct pyw_options options;

    pyw_options_init(&options);
    ck_assert_int_eq(set(&options, "user", "alice"), 0);
    ck_assert_str_eq(options.user, "alice");
    ck_assert_int_eq(set(&options, "home", "/srv"), 0);
    ck_assert_int_eq(set(&options, "threads", "1"), 0);
    ck_assert_int_eq(options.threads, 1);
    ck_assert_int_eq(set(&options, "umask", "0027"), 0);
    ck_assert_int_eq(options.umask, 027);
    ck_assert_int_eq(set(&options, "processes", "1"), 0);
    ck_assert(options.has_processes);
    ck_assert_int_eq(options.processes_least, 1);
    ck_assert_int_eq(set(&options, "processes", "2-8"), 0);
    ck_assert_int_eq(options.processes_least, 2);
    ck_assert_int_eq(options.processes, 8);
    ck_assert_int_eq(set(&options, "stack-size", "8388608"), 0);
    ck_assert_int_eq(options.stack_size, 8388608);
    ck_assert_int_eq(set(&options, "cpu-priority", "-5"), 0);
    ck_assert_int_eq(options.cpu_priority, -5);
    ck_assert_int_eq(set(&options, "listen-backlog", "0"), 0);
    ck_assert_int_eq(set(&options, "memory-limit", "8589934592"), 0);
    ck_assert_int_eq(options.memory_limit, INT64_C(8589934592));
    ck_assert_int_eq(set(&options, "memory-limit", "0"), 0);
    ck_assert_int_eq(options.memory_limit, 0);
    ck_assert_int_eq(set(&options, "reload-on-rss", "500000000"), 0);
    ck_assert_int_eq(options.reload_on_rss, 500000000);
    ck_assert_int_eq(set(&options, "reload-on-rss", "80%"), 0);
    ck_assert_int_eq(options.reload_on_rss, -80);
    ck_assert_int_eq(set(&options, "reload-on-rss", "0"), 0);
    ck_assert_int_eq(options.reload_on_rss, 0);
    ck_assert_int_eq(set(&options, "switch-interval", "0.005"), 0);
    ck_assert_int_eq(options.switch_interval_us, 5000);
    ck_assert_int_eq(set(&options, "single-application", "on"), 0);
    ck_assert(options.is_single_application);
    ck_assert_int_eq(set(&options, "single-application", "OFF"), 0);
    ck_assert(!options.is_single_application);
    ck_assert_int_eq(set(&options, "env", "A=1"), 0);
    ck_assert_int_eq(set(&options, "env", "_b2="), 0);
    ck_assert_uint_eq(options.env.count, 2);
    ck_assert_str_eq(options.env.items[0], "A=1");
    ck_assert_str_eq(options.env.items[1], "_b2=");
    ck_assert_int_eq(set(&options, "server-metrics", "ON"), 0);
    ck_assert(options.server_metrics);
    ck_assert_int_eq(set(&options, "server-metrics", "off"), 0);
    ck_assert(!options.server_metrics);
}
END_TEST

/* With a word of what is said. */
static const struct {
    const char *name;
    const char *value;
    const char *says;
} refused[] = {
    {"threads", "-1", "threads"},
    {"threads", "", "threads"},
    {"threads", "4x", "threads"},
    {"threads", " 4", "threads"},
    {"threads", "99999999999999999999", "threads"},
    {"threads", "65534", "threads"},
    {"processes", "1025", "processes"},
    {"umask", "8", "octal"},
    {"umask", "1000", "octal"},
    {"home", "srv", "absolute path"},
    {"python-home", "", "python-home"},
    {"user", "", "user"},
    {"stack-size", "1", "stack-size"},
    {"switch-interval", "0", "above 0"},
    {"switch-interval", "1e-3", "above 0"},
    {"switch-interval", "-1", "above 0"},
    {"single-application", "1", "On or Off"},
    {"env", "NAME", "NAME=value"},
    {"env", "=x", "NAME=value"},
    {"env", "a b=x", "NAME=value"},
    {"env-file", "x", "absolute path"},
    {"server-metrics", "", "server-metrics"},
    {"server-metrics", "1", "On or Off"},
    {"nonsense", "1", "Invalid option"},
    {"threads", "-1", "from 0 to 65533"},
    {"schedule", "", "a value"},
    {"schedule-timeout", "-1", "schedule-timeout"},
    {"send-buffer-size", "511", "must be >= 512 bytes, or 0 for default"},
    {"send-buffer-size", "-1", "must be >= 512 bytes"},
    {"header-buffer-size", "8191", "must be >= 8192 bytes"},
    {"request-buffer-size", "-1", "give a whole number from 0"},
    {"response-buffer-size", "65535", "must be >= 65536 bytes"},
    {"memory-limit", "512", "must be >= 16777216 bytes"},
    {"memory-limit", "1G", "must be >= 16777216 bytes"},
    {"memory-limit", "80%", "must be >= 16777216 bytes"},
    {"reload-on-rss", "512", "bytes from 16777216, or 1% to 100%"},
    {"reload-on-rss", "0%", "1% to 100%"},
    {"reload-on-rss", "101%", "1% to 100%"},
    {"reload-on-rss", "-5%", "1% to 100%"},
    {"reload-on-rss", "80 %", "1% to 100%"},
    {"reload-on-rss", "%", "1% to 100%"},
    {"reload-on-rss", "1G", "1% to 100%"},
    {"maximum-requests-jitter", "-1", "from 0 to"},
    {"restart-interval-jitter", "1.5", "from 0 to"},
    {"cpu-priority", "20", "from -20 to 19"},
    {"cpu-priority", "-", "from -20 to 19"},
    {"cpu-priority", "--5", "from -20 to 19"},
    {"chroot", "srv", "absolute path"},
    {"preload", "yes", "On or Off"},
    {"warmup", "health", "the path of a URL, such as /health"},
    {"warmup", "http://localhost/", "the path of a URL"},
    {"warmup", "/a b", "%XX"},
    {"warmup", "/a#b", "the path of a URL"},
    {"warmup", "/100%", "%XX"},
    {"warmup", "/a%00", "%XX"},
    {"warmup", "/\xc3\xa4", "%XX"},
};

START_TEST(values_that_are_refused)
{
    struct pyw_options options;

    pyw_options_init(&options);
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        ck_assert_msg(set(&options, refused[i].name, refused[i].value) == -EINVAL,
                      "%s=%s", refused[i].name, refused[i].value);
        ck_assert_msg(strstr(why, refused[i].says) != NULL, "%s=%s: %s",
                      refused[i].name, refused[i].value, why);
    }
    ck_assert_int_eq(options.threads, 15);
}
END_TEST

START_TEST(options_that_do_not_go_together)
{
    static const struct {
        const char *schedule;
        const char *overlap;
        const char *threads;
        const char *processes;
        const char *says; /* NULL: all is well */
    } cases[] = {
        {"*/5 * * * *", NULL, "0", "1", NULL},
        {" 0  3\t* * 1-5 ", "skip", "0", "1", NULL},
        {"30 0 3 * * *", "wait", "0", "1", NULL},
        {"@hourly", "replace", "0", "1", NULL},
        {NULL, NULL, "0", "4", NULL},
        {"*/5 * * * *", NULL, "1", "1", "add threads=0"},
        {"*/5 * * * *", NULL, "0", "2", "take processes="},
        {"*/5 * * *", NULL, "0", "1", "five fields"},
        {"1 2 3 4 5 6 7", NULL, "0", "1", "five fields"},
        {"@hourly @daily", NULL, "0", "1", "five fields"},
        {" ", NULL, "0", "1", "five fields"},
        {"@hourly", "queue", "0", "1", "skip, wait or replace"},
        {NULL, "skip", "0", "1", "add that"},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct pyw_options options;
        const char *fault;

        pyw_options_init(&options);
        ck_assert_int_eq(set(&options, "threads", cases[i].threads), 0);
        ck_assert_int_eq(set(&options, "processes", cases[i].processes), 0);
        options.schedule = cases[i].schedule;
        options.schedule_overlap = cases[i].overlap;
        fault = pyw_options_find_fault(&options);
        ck_assert_msg((fault == NULL) == (cases[i].says == NULL), "case %zu: %s", i,
                      fault != NULL ? fault : "nothing");
        ck_assert_msg(fault == NULL || strstr(fault, cases[i].says) != NULL,
                      "case %zu: %s", i, fault != NULL ? fault : "");
    }
}
END_TEST

START_TEST(several_interpreters)
{
    static const struct {
        const char *interpreters;
        const char *threads;
        bool is_preload;
        const char *says; /* NULL: all is well */
    } cases[] = {
        {"1", "1", false, NULL},
        {"1", "0", false, NULL},
        {"1", "1", true, NULL},
        {"2", "2", false, NULL},
        {"2", "15", false, NULL},
        {"2", "15", true, "do not survive the fork"},
        {"3", "2", false, "at least as many threads="},
        {"2", "0", false, "which threads=0 has none of"},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct pyw_options options;
        const char *fault;

        pyw_options_init(&options);
        ck_assert_int_eq(options.interpreters, 1);
        ck_assert_int_eq(set(&options, "interpreters", cases[i].interpreters), 0);
        ck_assert_int_eq(set(&options, "threads", cases[i].threads), 0);
        options.is_preload = cases[i].is_preload;
        fault = pyw_options_find_fault(&options);
        ck_assert_msg((fault == NULL) == (cases[i].says == NULL), "case %zu: %s", i,
                      fault != NULL ? fault : "nothing");
        ck_assert_msg(fault == NULL || strstr(fault, cases[i].says) != NULL,
                      "case %zu: %s", i, fault != NULL ? fault : "");
    }
}
END_TEST

START_TEST(too_many_of_a_list)
{
    struct pyw_options options;

    pyw_options_init(&options);
    for (int i = 0; i < PYW_TEXTS_MAX; i++) {
        ck_assert_int_eq(set(&options, "env", "A=1"), 0);
    }
    ck_assert_int_eq(set(&options, "env", "A=secret"), -EINVAL);
    ck_assert_ptr_nonnull(strstr(why, "env-file"));
    ck_assert_ptr_null(strstr(why, "secret"));
    for (int i = 0; i < PYW_TEXTS_MAX; i++) {
        ck_assert_int_eq(set(&options, "warmup", "/"), 0);
    }
    ck_assert_int_eq(set(&options, "warmup", "/"), -EINVAL);
    ck_assert_ptr_nonnull(strstr(why, "Too many warmup"));
}
END_TEST

struct copy {
    struct pyw_options options;
    int count;
};

static void copy_one(void *context, const char *name, const char *value)
{
    struct copy *copy = context;
    static char kept[9][32];

    ck_assert_int_lt(copy->count, 9);
    strncpy(kept[copy->count], value, sizeof(kept[0]) - 1);
    ck_assert_int_eq(set(&copy->options, name, kept[copy->count]), 0);
    copy->count++;
}

START_TEST(ranges_that_are_none)
{
    static const char *const values[] = {"0",  "0-4",   "8-2",    "2-",
                                         "-2", "2-8-9", "2-1025", "2 - 8"};
    struct pyw_options options;

    pyw_options_init(&options);
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        ck_assert_int_eq(set(&options, "processes", values[i]), -EINVAL);
        ck_assert(strstr(why, "as in 2-8") != NULL);
    }
    ck_assert(!options.has_processes);
}
END_TEST

START_TEST(the_walk_gives_what_set_takes)
{
    struct pyw_options options;
    struct copy copy = {.count = 0};

    pyw_options_init(&options);
    pyw_options_init(&copy.options);
    pyw_options_each(&options, copy_one, &copy);
    ck_assert_int_eq(copy.count, 0);
    ck_assert_int_eq(set(&options, "processes", "2-8"), 0);
    ck_assert_int_eq(set(&options, "umask", "022"), 0);
    ck_assert_int_eq(set(&options, "home", "/srv"), 0);
    ck_assert_int_eq(set(&options, "env", "A=1"), 0);
    ck_assert_int_eq(set(&options, "env", "B=2"), 0);
    ck_assert_int_eq(set(&options, "switch-interval", "12.000001"), 0);
    ck_assert_int_eq(set(&options, "single-application", "On"), 0);
    ck_assert_int_eq(set(&options, "server-metrics", "On"), 0);
    ck_assert_int_eq(set(&options, "reload-on-rss", "75%"), 0);
    pyw_options_each(&options, copy_one, &copy);
    ck_assert_int_eq(copy.options.reload_on_rss, -75);
    ck_assert_int_eq(copy.count, 9);
    ck_assert_str_eq(copy.options.env.items[1], "B=2");
    ck_assert_int_eq(copy.options.switch_interval_us, 12000001);
    ck_assert(copy.options.is_single_application);
    ck_assert(copy.options.server_metrics);
    ck_assert(copy.options.has_processes);
    ck_assert_int_eq(copy.options.processes_least, 2);
    ck_assert_int_eq(copy.options.processes, 8);
    ck_assert_int_eq(copy.options.umask, 022);
    ck_assert_str_eq(copy.options.home, "/srv");
}
END_TEST

START_TEST(preload_and_warmup)
{
    struct pyw_options options;
    struct copy copy = {.count = 0};

    pyw_options_init(&options);
    pyw_options_init(&copy.options);
    ck_assert_int_eq(set(&options, "preload", "on"), 0);
    ck_assert_int_eq(set(&options, "warmup", "/"), 0);
    ck_assert_int_eq(set(&options, "warmup", "/a%20b?c=/d"), 0);
    ck_assert(options.is_preload);
    pyw_options_each(&options, copy_one, &copy);
    ck_assert_int_eq(copy.count, 3);
    ck_assert(copy.options.is_preload);
    ck_assert_uint_eq(copy.options.warmup.count, 2);
    ck_assert_str_eq(copy.options.warmup.items[1], "/a%20b?c=/d");
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {defaults,
                                  values_that_are_taken,
                                  values_that_are_refused,
                                  too_many_of_a_list,
                                  the_walk_gives_what_set_takes,
                                  ranges_that_are_none,
                                  preload_and_warmup,
                                  options_that_do_not_go_together,
                                  several_interpreters,
                                  NULL};

    return suite_run("options", tests);
}
