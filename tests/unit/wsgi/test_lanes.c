/* interpreters=N: the same application in several interpreters of one process. Before
 * Python 3.12, where there is no such thing, the same must hold with one. */
#include <Python.h>

#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "python/interpreter.h"
#include "python/loader.h"
#include "python/runtime.h"
#include "scripts.h"
#include "suite.h"
#include "wsgi/serve.h"

#define HAS_LANES (PY_VERSION_HEX >= 0x030C0000)
#define LANES 3

/* A number that differs from interpreter to interpreter. */
#define MARK "id(__import__('sys').modules)"

/* One thread of a lane. */
struct work {
    const char *script;
    const char *group;
    unsigned lane;
    int times;
    bool follows; /* loads first what lane 0 has loaded */
    int failures;
    char answer[128]; /* to the last request */
};

static void take_lane(unsigned lane)
{
    pyw_interpreter_take_lane(lane % pyw_interpreter_lanes());
}

static void *work(void *context)
{
    struct work *self = context;

    take_lane(self->lane);
    if (self->follows && pyw_interpreter_own_lane() > 0) {
        pyw_loader_follow();
    }
    for (int i = 0; i < self->times; i++) {
        struct fake fake;

        application_request(&fake, self->script);
        fake.head.application_group =
            (struct pyw_span){self->group, strlen(self->group)};
        pyw_serve_run(&fake.exchange);
        if (fake.outcome != PYW_OUTCOME_OK || fake.violation != NULL) {
            fprintf(stderr, "%s\n", fake_text(&fake.log));
            self->failures++;
        }
        snprintf(self->answer, sizeof self->answer, "%s", fake_text(&fake.received));
        fake_free(&fake);
    }
    pyw_serve_leave_thread();
    return NULL;
}

/* Runs them side by side. */
static void run(struct work *works, int count)
{
    pthread_t threads[2 * LANES];

    for (int i = 0; i < count; i++) {
        ck_assert_int_eq(pthread_create(&threads[i], NULL, work, &works[i]), 0);
    }
    for (int i = 0; i < count; i++) {
        ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
        ck_assert_int_eq(works[i].failures, 0);
    }
}

/* What a request in this lane is answered. */
static void answer_of(const char *script, const char *group, unsigned lane,
                      char answer[128])
{
    struct work one = {.script = script, .group = group, .lane = lane, .times = 1};

    run(&one, 1);
    memcpy(answer, one.answer, sizeof one.answer);
}

/* The first loads it. */
static void load_first(const char *script, const char *group)
{
    char answer[128];

    answer_of(script, group, 0, answer);
}

static bool is_logged(const char *code)
{
    return strstr(application_process_log(), code) != NULL;
}

START_TEST(an_old_python_has_one_and_says_so)
{
    application_start_with_interpreters(LANES);
    ck_assert_uint_eq(pyw_interpreter_lanes(), HAS_LANES ? LANES : 1);
    ck_assert_int_eq(is_logged("PYW0120"), !HAS_LANES);
}
END_TEST

/* In both kinds of groups. */
static void check_lanes(const char *group)
{
    const char *script =
        application_write(APP SAY(MARK ", environ['wsgi.multiprocess']"));
    char answers[LANES][128];

    load_first(script, group);
    for (unsigned lane = 0; lane < LANES; lane++) {
        answer_of(script, group, lane, answers[lane]);
        ck_assert_ptr_nonnull(strstr(answers[lane], HAS_LANES ? "True" : "False"));
        for (unsigned other = 0; other < lane; other++) {
            bool is_same = strcmp(answers[lane], answers[other]) == 0;

            ck_assert_int_eq(is_same, !HAS_LANES);
        }
    }
    /* A thread comes back to where it was. */
    for (unsigned lane = 0; lane < LANES; lane++) {
        char again[128];

        answer_of(script, group, lane, again);
        ck_assert_str_eq(again, answers[lane]);
    }
}

START_TEST(each_lane_is_an_interpreter)
{
    application_start_with_interpreters(LANES);
    check_lanes("");
    check_lanes("a");
}
END_TEST

START_TEST(the_first_leads)
{
    char first[128];
    char other[128];
    const char *script;

    application_start_with_interpreters(LANES);
    script = application_write(APP SAY(MARK));
    /* A script that is nowhere loaded is loaded by the first, whoever asks. */
    answer_of(script, "", 1, other);
    answer_of(script, "", 0, first);
    ck_assert_str_eq(first, other);
    answer_of(script, "", 1, other);
    ck_assert_int_eq(strcmp(first, other) == 0, !HAS_LANES);
}
END_TEST

START_TEST(a_broken_script_fails_once)
{
    struct stat tries;
    char path[256];
    const char *script;

    application_start_with_interpreters(LANES);
    script = application_write("open(__file__ + '.tries', 'a').write('x')\n1 / 0\n");
    for (unsigned lane = 0; lane < LANES; lane++) {
        struct work one = {.script = script, .group = "", .lane = lane, .times = 1};

        (void)work(&one);
        ck_assert_int_eq(one.failures, 1);
    }
    snprintf(path, sizeof path, "%s.tries", script);
    ck_assert_int_eq(stat(path, &tries), 0);
    ck_assert_int_eq(tries.st_size, 1);
    ck_assert(!is_logged("PYW0123"));
}
END_TEST

START_TEST(a_lane_that_cannot_load_is_out_of_service)
{
    char first[128];
    char other[128];
    const char *script;

    application_start_with_interpreters(LANES);
    script =
        application_write("import os\n"
                          "if os.fork.__module__ != 'posix': 1 / 0\n" APP SAY(MARK));
    answer_of(script, "", 0, first);
    for (unsigned lane = 1; lane < LANES; lane++) {
        struct work one = {
            .script = script, .group = "", .lane = lane, .times = 3, .follows = true};

        run(&one, 1);
        memcpy(other, one.answer, sizeof other);
        ck_assert_str_eq(other, first);
    }
    ck_assert_int_eq(is_logged("PYW0123"), HAS_LANES);
    ck_assert_int_eq(is_logged("ZeroDivisionError"), HAS_LANES);
    ck_assert(!is_logged("PYW0105"));
}
END_TEST

START_TEST(threads_of_all_lanes_at_once)
{
    static const char *const groups[] = {"", "a"};
    struct work works[2 * LANES];
    const char *script;

    application_start_with_interpreters(LANES);
    script = application_write(
        "import gc, logging, sys, threading, time, json, decimal, datetime\n" APP
        "    print('out', file=sys.stderr); environ['wsgi.errors'].write('err\\n')\n"
        "    kept = [dict(environ) for i in range(50)]\n" SAY("len(kept)"));
    for (int group = 0; group < 2; group++) {
        load_first(script, groups[group]);
        for (unsigned i = 0; i < 2 * LANES; i++) {
            works[i] = (struct work){.script = script,
                                     .group = groups[group],
                                     .lane = i % LANES,
                                     .times = 40,
                                     .follows = true};
        }
        run(works, 2 * LANES);
    }
}
END_TEST

START_TEST(a_change_is_found_once)
{
    const char *script;

    application_start_with_interpreters(LANES);
    script = application_write(APP SAY("1"));
    load_first(script, "");
    script_rewrite(script, APP SAY("22"));
    take_lane(1);
    ck_assert(script_is_stale(script, 1500000));
    take_lane(2);
    ck_assert(!script_is_stale(script, 1500000));
    take_lane(0);
    ck_assert(!script_is_stale(script, 1500000));
}
END_TEST

START_TEST(exit_functions_run_in_each)
{
    struct work works[LANES];
    const char *script;
    const char *at;

    application_start_with_interpreters(LANES);
    script = application_write(
        "import atexit\n"
        "atexit.register(lambda: print('end of one'))\n" APP SAY("1"));
    load_first(script, "");
    for (unsigned lane = 0; lane < LANES; lane++) {
        works[lane] =
            (struct work){.script = script, .group = "", .lane = lane, .times = 1};
    }
    run(works, LANES);
    application_forget_log();
    pyw_runtime_stop();
    at = application_process_log();
    for (int i = 0; i < (HAS_LANES ? LANES : 1); i++) {
        at = strstr(at, "end of one");
        ck_assert_ptr_nonnull(at);
        at++;
    }
    ck_assert_ptr_null(strstr(at, "end of one"));
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        an_old_python_has_one_and_says_so,
        each_lane_is_an_interpreter,
        the_first_leads,
        a_broken_script_fails_once,
        a_lane_that_cannot_load_is_out_of_service,
        threads_of_all_lanes_at_once,
        a_change_is_found_once,
        exit_functions_run_in_each,
        NULL,
    };

    return suite_run("wsgi/lanes", tests);
}
