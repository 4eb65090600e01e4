/* Interpreters: which groups share one, threads in them, stacks, signals, forks, the
 * end. */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "python/runtime.h"
#include "scratch.h"
#include "scripts.h"
#include "suite.h"
#include "wsgi/serve.h"

START_TEST(groups_have_interpreters_of_their_own)
{
    const char *script;

    application_start();
    script = application_write(
        "import sys, mod_wsgi, threading\nkept = threading.local()\ncount = 0\n" APP
        "    global count; count += 1; kept.n = getattr(kept, 'n', 0) + 1\n" SAY(
            "mod_wsgi.application_group, count, kept.n, "
            "environ['wsgi.file_wrapper'] is mod_wsgi.FileWrapper"));
    for (int i = 1; i < 4; i++) {
        char body[64];

        snprintf(body, sizeof body, "('', %d, %d, True)", i, i);
        script_expect(script, "", 0, body);
        snprintf(body, sizeof body, "('a', %d, %d, True)", i, i);
        script_expect(script, "a", 0, body);
        snprintf(body, sizeof body, "('b|/x', %d, %d, True)", i, i);
        script_expect(script, "b|/x", 0, body);
    }
}
END_TEST

START_TEST(the_search_path_is_in_order)
{
    static const char *const parts[] = {"a", "b", "c", "b/mod_wsgi"};
    const char *root = scratch_directory();
    char name[128];
    char paths[256];
    char body[512];

    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        snprintf(name, sizeof name, "%s/%s", root, parts[i]);
        ck_assert_int_eq(mkdir(name, 0755), 0);
    }
    snprintf(name, sizeof name, "%s/a/more.pth", root);
    snprintf(body, sizeof body, "%s/c\n", root);
    script_rewrite(name, body);
    snprintf(name, sizeof name, "%s/b/mod_wsgi/__init__.py", root);
    script_rewrite(name, "raise ImportError\n");
    snprintf(name, sizeof name, "%s/b/mod_wsgi/express.py", root);
    script_rewrite(name, "import mod_wsgi\nfound = mod_wsgi.version\n");
    snprintf(paths, sizeof paths, "%s/a:%s/b", root, root);
    application_start_with_path("/home/of/app", paths);
    snprintf(body, sizeof body,
             "(['/home/of/app', '%s/a', '%s/c', '%s/b'], True, True)", root, root,
             root);
    for (int i = 0; i < 2; i++) {
        script_expect(
            application_write("import sys, mod_wsgi, mod_wsgi.express\n" APP SAY(
                "sys.path[:4], mod_wsgi.express.found == mod_wsgi.version, "
                "len(sys.path) == len(set(sys.path))")),
            i == 0 ? "" : "sub", 0, body);
    }
}
END_TEST

/* --- threads ------------------------------------------------------------------- */

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

#define THREADS 8

START_TEST(threads_share_what_they_should)
{
    static const char *const groups[] = {"", "a", "b", "c"};
    struct work works[THREADS];
    pthread_t threads[THREADS];
    const char *script;

    application_start();
    script = application_write(
        "import time\ntime.sleep(0.2)\nimport gc\n" APP
        "    gc.collect() if environ['mod_wsgi.thread_id'] == 3 else time.sleep(0)\n" SAY(
            "1"));
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < THREADS; i++) {
            works[i] = (struct work){script, groups[(i + round) % 4], 20, 0};
            ck_assert_int_eq(pthread_create(&threads[i], NULL, work, &works[i]), 0);
        }
        for (int i = 0; i < THREADS; i++) {
            ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
            ck_assert_int_eq(works[i].failures, 0);
        }
    }
}
END_TEST

/* Mostly one value, so that it is kept, and now and then another. */
static struct pyw_span choose(unsigned *seed)
{
    return rand_r(seed) % 10 == 0 ? PYW_SPAN("/seldom") : PYW_SPAN("/often");
}

#define OWN_NAMES 12

/* Requests of one thread, each with values of its own. */
static void *tell_apart(void *context)
{
    struct work *self = context;
    struct pyw_pair pairs[OWN_NAMES];
    unsigned seed = (unsigned)self->group[0];
    char expected[OWN_NAMES * 16];

    for (int i = 0; i < self->times; i++) {
        struct fake fake;
        size_t len = 0;

        for (size_t j = 0; j < OWN_NAMES; j++) {
            pairs[j] = (struct pyw_pair){
                0,
                {"X0\0X1\0X2\0X3\0X4\0X5\0X6\0X7\0X8\0X9\0Xa\0Xb" + 3 * j, 2},
                choose(&seed)};
            len += (size_t)snprintf(expected + len, sizeof expected - len, "%s",
                                    pairs[j].value.data);
        }
        application_request(&fake, self->script);
        fake.head.pairs = pairs;
        fake.head.pair_count = OWN_NAMES;
        pyw_serve_run(&fake.exchange);
        if (strcmp(fake_text(&fake.received), expected) != 0) {
            fprintf(stderr, "%s instead of %s\n%s\n", fake_text(&fake.received),
                    expected, fake_text(&fake.log));
            self->failures++;
        }
        fake_free(&fake);
    }
    pyw_serve_leave_thread();
    return NULL;
}

/* Garbage is collected at every chance, by code that lets other threads run. */
START_TEST(threads_do_not_see_each_other_s_environ)
{
    static const char *const names[] = {"a", "b", "c", "d", "e", "f", "g", "h"};
    struct work works[THREADS];
    pthread_t threads[THREADS];
    const char *script;

    application_start();
    script = application_write(
        "import gc, time\n"
        "class Garbage:\n"
        "    def __init__(self): self.itself = self\n"
        "    def __del__(self): time.sleep(0); Garbage()\n" /* there is always some */
        "gc.set_threshold(1, 1, 1)\n"
        "Garbage(); kept = [{} for i in range(100)]\n" APP /* no dict is left to be used
                                                              again */
        "    e = environ; kept.append(e); start_response('200 OK', [])\n"
        "    return [''.join(e['X%x' % i] for i in range(12)).encode()]\n");
    for (int i = 0; i < THREADS; i++) {
        works[i] = (struct work){script, names[i], 800, 0};
        ck_assert_int_eq(pthread_create(&threads[i], NULL, tell_apart, &works[i]), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
        ck_assert_int_eq(works[i].failures, 0);
    }
}
END_TEST

START_TEST(loading_blocks_no_other_script)
{
    struct work slow;
    struct work other;
    struct work other_group;
    pthread_t thread;

    application_start();
    slow = (struct work){application_write("import time\ntime.sleep(1)\n" APP SAY("1")),
                         "", 1, 0};
    other = (struct work){application_write(APP SAY("1")), "", 1, 0};
    other_group = (struct work){other.script, "a", 1, 0};
    ck_assert_int_eq(pthread_create(&thread, NULL, work, &slow), 0);
    usleep(100000);
    work(&other);
    work(&other_group);
    ck_assert(!script_is_stale(slow.script, 1)); /* does not wait for it */
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
    ck_assert_int_eq(slow.failures + other.failures + other_group.failures, 0);
}
END_TEST

/* --- stacks, signals, forks, the end -------------------------------------------- */

/* Says in the process log that it is at work. */
#define TELL                                                                           \
    "import threading, time\n"                                                         \
    "def tell(text):\n"                                                                \
    "    t = threading.Thread(target=lambda: print(text)); t.start(); t.join()\n"

START_TEST(stacks_are_dumped)
{
    static const char busy_source[] =
        TELL APP "    tell('busy')\n    end = time.monotonic() + 2\n"
                 "    while time.monotonic() < end: pass\n" SAY("1");
    static const char asleep_source[] =
        TELL "def nap(): tell('asleep'); time.sleep(3)\n" APP "    nap()\n" SAY("1");
    struct work works[2];
    pthread_t threads[2];
    char path[] = "/tmp/pywsgi-stacks-XXXXXX";
    char text[16384];
    ssize_t len;
    int fd = mkstemp(path);

    ck_assert_int_ge(fd, 0);
    unlink(path);
    application_start();
    works[0] = (struct work){application_write(asleep_source), "z", 1, 0};
    works[1] = (struct work){application_write(busy_source), "", 1, 0};
    ck_assert_int_eq(pthread_create(&threads[0], NULL, work, &works[0]), 0);
    application_await_log("asleep\n");
    ck_assert_int_eq(pthread_create(&threads[1], NULL, work, &works[1]), 0);
    application_await_log("busy\n");
    pyw_runtime_dump_stacks(fd);
    len = pread(fd, text, sizeof text - 1, 0);
    ck_assert_int_gt(len, 0);
    text[len] = '\0';
    ck_assert_msg(strstr(text, "in nap") != NULL &&
                      strstr(text, "in application") != NULL,
                  "%s", text);
    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
        ck_assert_int_eq(works[i].failures, 0);
    }
    close(fd);
}
END_TEST

/* A call into C that keeps the GIL leaves only the way without Python. */
START_TEST(stacks_are_dumped_while_the_gil_is_taken)
{
    struct work hog;
    pthread_t thread;
    char path[] = "/tmp/pywsgi-stacks-XXXXXX";
    char text[16384];
    ssize_t len;
    int fd = mkstemp(path);

    ck_assert_int_ge(fd, 0);
    unlink(path);
    application_start();
    hog = (struct work){application_write(TELL
                                          "import ctypes\n"
                                          "def hog(): ctypes.PyDLL(None).sleep(3)\n" APP
                                          "    tell('hogging')\n    hog()\n" SAY("1")),
                        "", 1, 0};
    ck_assert_int_eq(pthread_create(&thread, NULL, work, &hog), 0);
    application_await_log("hogging\n");
    usleep(200000);
    pyw_runtime_dump_stacks(fd);
    len = pread(fd, text, sizeof text - 1, 0);
    ck_assert_int_gt(len, 0);
    text[len] = '\0';
    ck_assert_msg(strstr(text, "in hog") != NULL, "%s", text);
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
    close(fd);
}
END_TEST

START_TEST(exit_functions_run_in_every_interpreter)
{
    const char *script;

    application_start();
    script = application_write(
        "import atexit, mod_wsgi, threading, time\n"
        "atexit.register(lambda: print('end of ' + mod_wsgi.application_group + '.'))\n" APP
        "    threading.Thread(target=lambda: (time.sleep(0.2), print('thread'))).start()\n" SAY(
            "1"));
    script_expect(script, "", 0, "1");
    script_expect(script, "a", 0, "1");
    application_forget_log();
    pyw_runtime_stop();
    pyw_runtime_stop();
    ck_assert_ptr_nonnull(strstr(application_process_log(), "thread\n"));
    ck_assert_ptr_nonnull(strstr(application_process_log(), "end of .\n"));
    ck_assert_ptr_nonnull(strstr(application_process_log(), "end of a.\n"));
}
END_TEST

START_TEST(signal_handlers_are_not_installed)
{
    struct fake fake;

    application_start();
    script_ask(&fake,
               application_write(
                   "import signal\n" APP SAY("signal.signal(15, print) is print")),
               "", 0);
    ck_assert_msg(strstr(fake_text(&fake.log),
                         "info: PYW0111: A handler for signal 15 was not") != NULL,
                  "%s", fake_text(&fake.log));
    ck_assert_str_eq(fake_text(&fake.received), "True");
    fake_free(&fake);
}
END_TEST

START_TEST(a_fork_does_not_answer)
{
    struct fake fake;

    application_start();
    script_ask(
        &fake,
        application_write(
            "import os, sys\n" APP "    pid = os.fork()\n"
            "    if pid == 0:\n"
            "        try: environ['wsgi.input'].read()\n"
            "        except RuntimeError: pass\n"
            "        else: os._exit(7)\n"
            "        start_response('200 OK', []); return [b'from the fork']\n"
            "    status = os.waitpid(pid, 0)[1]\n" SAY("os.WEXITSTATUS(status)")),
        "", 0);
    ck_assert_str_eq(fake_text(&fake.received), "1");
    fake_free(&fake);
}
END_TEST

START_TEST(a_process_with_many_interpreters_can_fork)
{
    const char *script;

    (void)signal(SIGTERM, SIG_DFL); /* Check's handler would end us with the pool */
    application_start();
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
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        groups_have_interpreters_of_their_own,
        the_search_path_is_in_order,
        threads_share_what_they_should,
        threads_do_not_see_each_other_s_environ,
        loading_blocks_no_other_script,
        stacks_are_dumped,
        stacks_are_dumped_while_the_gil_is_taken,
        exit_functions_run_in_every_interpreter,
        signal_handlers_are_not_installed,
        a_fork_does_not_answer,
        a_process_with_many_interpreters_can_fork,
        NULL,
    };

    return suite_run("wsgi/interpreters", tests);
}
