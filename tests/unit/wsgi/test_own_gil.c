/* Sub-interpreters with a GIL of their own: nothing that they share is left to a GIL.
 * Before Python 3.12, where there is no such thing, the same must hold with one. */
#include <Python.h>

#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "python/interpreter.h"
#include "python/interrupt.h"
#include "python/pyw_gil.h"
#include "python/runtime.h"
#include "scratch.h"
#include "scripts.h"
#include "suite.h"
#include "wsgi/serve.h"

#define HAS_OWN (PY_VERSION_HEX >= 0x030C0000)
#define THREADS 8

struct work {
    const char *script;
    const char *group;
    int times;
    int failures;
};

static void *work(void *context)
{
    struct work *self = context;

    for (int i = 0; i < self->times; i++) {
        struct fake fake;

        application_request(&fake, self->script);
        fake.head.application_group =
            (struct pyw_span){self->group, strlen(self->group)};
        fake.blocks = i % 2 != 0;
        pyw_serve_run(&fake.exchange);
        if (fake.outcome != PYW_OUTCOME_OK || fake.violation != NULL) {
            fprintf(stderr, "%s\n", fake_text(&fake.log));
            self->failures++;
        }
        fake_free(&fake);
    }
    pyw_serve_leave_thread();
    return NULL;
}

START_TEST(an_old_python_says_that_it_cannot)
{
    bool has_said;

    application_start_with_own_gils();
    has_said = strstr(application_process_log(), "PYW0113") != NULL;
    ck_assert_int_eq(has_said, !HAS_OWN);
}
END_TEST

START_TEST(threads_of_many_interpreters_at_once)
{
    static const char *const groups[] = {"", "a", "b", "c"};
    struct work works[THREADS];
    pthread_t threads[THREADS];
    const char *script;

    application_start_with_own_gils();
    script = application_write(
        "import gc, logging, sys, threading, time\n" APP
        "    print('out', file=sys.stderr); environ['wsgi.errors'].write('err\\n')\n"
        "    gc.collect() if environ['mod_wsgi.thread_id'] % 3 == 0 else None\n"
        "    kept = [dict(environ) for i in range(50)]\n" SAY("len(kept)"));
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < THREADS; i++) {
            works[i] = (struct work){script, groups[(i + round) % 4], 25, 0};
            ck_assert_int_eq(pthread_create(&threads[i], NULL, work, &works[i]), 0);
        }
        for (int i = 0; i < THREADS; i++) {
            ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
            ck_assert_int_eq(works[i].failures, 0);
        }
    }
}
END_TEST

/* --- a GIL that is taken -------------------------------------------------------- */

static sem_t *taken;
static atomic_bool may_end;

static void *take(void *unused)
{
    struct pyw_interpreter *interpreter = pyw_interpreter_enter(PYW_SPAN("a"), 0, NULL);

    (void)unused;
    if (interpreter != NULL) {
        sem_post(taken);
        while (!atomic_load(&may_end)) {
            usleep(1000);
        }
        pyw_interpreter_leave();
    }
    pyw_serve_leave_thread();
    return NULL;
}

START_TEST(a_taken_gil_stops_no_other_interpreter)
{
    const char *script;
    pthread_t thread;
    sem_t is_taken;

    application_start_with_own_gils();
    script =
        application_write("import mod_wsgi\n" APP SAY("mod_wsgi.application_group"));
    script_expect(script, "a", 0, "'a'");
    if (HAS_OWN) {
        sem_init(&is_taken, 0, 0);
        taken = &is_taken;
        ck_assert_int_eq(pthread_create(&thread, NULL, take, NULL), 0);
        sem_wait(&is_taken);
        script_expect(script, "", 0, "''");
        script_expect(script, "b", 0, "'b'");
        script_expect(script, "c", 0, "'c'");
        atomic_store(&may_end, true);
        ck_assert_int_eq(pthread_join(thread, NULL), 0);
    }
    script_expect(script, "a", 0, "'a'");
}
END_TEST

static atomic_bool has_touched;

static void *touch(void *unused)
{
    (void)unused;
    pyw_runtime_touch();
    atomic_store(&has_touched, true);
    return NULL;
}

START_TEST(a_stuck_interpreter_is_noticed)
{
    pthread_t thread;
    pthread_t toucher;
    sem_t is_taken;

    application_start_with_own_gils();
    pyw_runtime_touch();
    if (!HAS_OWN) {
        return;
    }
    sem_init(&is_taken, 0, 0);
    taken = &is_taken;
    ck_assert_int_eq(pthread_create(&thread, NULL, take, NULL), 0);
    sem_wait(&is_taken);
    ck_assert_int_eq(pthread_create(&toucher, NULL, touch, NULL), 0);
    usleep(100000);
    ck_assert(!atomic_load(&has_touched));
    atomic_store(&may_end, true);
    ck_assert_int_eq(pthread_join(toucher, NULL), 0);
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
}
END_TEST

/* --- stacks, interruptions, forks, the end --------------------------------------- */

#define TELL                                                                           \
    "import threading, time\n"                                                         \
    "def tell(text):\n"                                                                \
    "    t = threading.Thread(target=lambda: print(text)); t.start(); t.join()\n"

START_TEST(stacks_of_all_interpreters_are_dumped)
{
    static const char source[] = TELL
        "import os\n"
        "def nap(stop):\n    while not os.path.exists(stop): time.sleep(0.05)\n"
        "def spin(stop):\n    while not os.path.exists(stop): sum(range(99))\n" APP
        "    name = __import__('mod_wsgi').application_group\n"
        "    tell('at work')\n"
        "    (nap if name == 'a' else spin)(os.path.dirname(__file__) + '/stop')\n" SAY(
            "1");
    static const char *const groups[] = {"a", "b", ""};
    static char text[65536];
    struct work works[3];
    pthread_t threads[3];
    const char *script;
    char path[] = "/tmp/pywsgi-stacks-XXXXXX";
    char stop[256];
    ssize_t len;
    int fd = mkstemp(path);

    ck_assert_int_ge(fd, 0);
    unlink(path);
    application_start_with_own_gils();
    script = application_write(source);
    for (int i = 0; i < 3; i++) {
        works[i] = (struct work){script, groups[i], 1, 0};
        ck_assert_int_eq(pthread_create(&threads[i], NULL, work, &works[i]), 0);
        application_await_log("at work\n");
        application_forget_log();
    }
    usleep(100000); /* from the word to the function */
    for (int i = 0; i < 5; i++) {
        pyw_runtime_dump_stacks(fd);
    }
    len = pread(fd, text, sizeof text - 1, 0);
    ck_assert_int_gt(len, 0);
    text[len] = '\0';
    ck_assert_ptr_nonnull(strstr(text, "in nap"));
    ck_assert_ptr_nonnull(strstr(text, "in spin"));
    snprintf(stop, sizeof stop, "%s/stop", scratch_directory());
    script_rewrite(stop, "");
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
        ck_assert_int_eq(works[i].failures, 0);
    }
    close(fd);
}
END_TEST

/* A request that runs until it is interrupted. */
static void *endless(void *context)
{
    struct work *self = context;
    struct fake fake;

    application_request(&fake, self->script);
    fake.head.application_group = (struct pyw_span){self->group, strlen(self->group)};
    atomic_store(&fake.exchange.is_interrupt_wanted, true);
    pyw_serve_run(&fake.exchange);
    self->failures = fake.outcome == PYW_OUTCOME_TIMEOUT ? 0 : 1;
    fake_free(&fake);
    pyw_serve_leave_thread();
    return NULL;
}

START_TEST(requests_of_all_interpreters_are_interrupted)
{
    static const char *const groups[] = {"", "a", "b", "c"};
    struct work works[4];
    pthread_t threads[4];
    const char *script;

    application_start_with_own_gils();
    script = application_write(TELL APP "    tell('at work')\n"
                                        "    while True: time.sleep(0.01)\n");
    for (int i = 0; i < 4; i++) {
        works[i] = (struct work){script, groups[i], 1, 1};
        ck_assert_int_eq(pthread_create(&threads[i], NULL, endless, &works[i]), 0);
        application_await_log("at work\n");
        application_forget_log();
    }
    pyw_interrupt_deliver();
    for (int i = 0; i < 4; i++) {
        ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
        ck_assert_int_eq(works[i].failures, 0);
    }
}
END_TEST

START_TEST(main_can_fork_and_the_others_start_programs)
{
    const char *script;

    (void)signal(SIGTERM, SIG_DFL); /* Check's handler would end us with the pool */
    application_start_with_own_gils();
    script_expect(application_write(APP SAY("1")), "a", 0, "1");
    script_expect(application_write(APP SAY("1")), "b", 0, "1");
    script = application_write(
        "import os, multiprocessing\n" APP "    pid = os.fork()\n"
        "    if pid == 0: os._exit(7)\n"
        "    status = os.waitpid(pid, 0)[1]\n"
        "    with multiprocessing.get_context('fork').Pool(1) as pool:\n"
        "        answer = pool.map(abs, [-1, 2])\n" SAY(
            "os.WEXITSTATUS(status), answer"));
    script_expect(script, "", 0, "(7, [1, 2])");
    script_expect(script, "", 0, "(7, [1, 2])");
    script_expect(application_write("import os\n" APP "    try: os.fork()\n"
                                    "    except RuntimeError as e: pass\n" SAY("2")),
                  "a", 0, "2");
    script_expect(application_write(
                      "import subprocess\n" APP
                      "    out = subprocess.check_output(['echo', 'x'])\n" SAY("out")),
                  "a", 0, "b'x\\n'");
}
END_TEST

START_TEST(exit_functions_run_in_every_interpreter)
{
    const char *script;

    application_start_with_own_gils();
    script = application_write(
        "import atexit, mod_wsgi, threading\n"
        "is_ending = threading.Event()\n"
        "threading._register_atexit(is_ending.set)\n"
        "atexit.register(lambda: print('end of ' + mod_wsgi.application_group + '.'))\n" APP
        "    threading.Thread(target=lambda: (is_ending.wait(), print('thread'))).start()\n" SAY(
            "1"));
    script_expect(script, "", 0, "1");
    script_expect(script, "a", 0, "1");
    script_expect(script, "b", 0, "1");
    application_forget_log();
    pyw_runtime_stop();
    ck_assert_ptr_nonnull(strstr(application_process_log(), "thread\n"));
    ck_assert_ptr_nonnull(strstr(application_process_log(), "end of .\n"));
    ck_assert_ptr_nonnull(strstr(application_process_log(), "end of a.\n"));
    ck_assert_ptr_nonnull(strstr(application_process_log(), "end of b.\n"));
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        an_old_python_says_that_it_cannot,
        threads_of_many_interpreters_at_once,
        a_taken_gil_stops_no_other_interpreter,
        a_stuck_interpreter_is_noticed,
        stacks_of_all_interpreters_are_dumped,
        requests_of_all_interpreters_are_interrupted,
        main_can_fork_and_the_others_start_programs,
        exit_functions_run_in_every_interpreter,
        NULL,
    };

    return suite_run("wsgi/own_gil", tests);
}
