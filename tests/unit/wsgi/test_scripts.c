/* Scripts: loading once, failing, loading again, loading ahead of requests. */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "python/loader.h"
#include "scripts.h"
#include "suite.h"

/* Gives the file a time, in microseconds. */
static void touch(const char *path, long us)
{
    const struct timespec times[2] = {{.tv_nsec = us * 1000}, {.tv_nsec = us * 1000}};

    ck_assert_int_eq(utimensat(AT_FDCWD, path, times, 0), 0);
}

START_TEST(a_script_is_a_module)
{
    const char *script;

    application_start();
    script = application_write(
        "import sys\n" APP SAY("__name__.startswith('_mod_wsgi_'), len(__name__), "
                               "sys.modules[__name__].application is application, "
                               "__file__[-5:], __mtime__"));
    script_expect(script, "", 1500000, "(True, 42, True, '.wsgi', 1.5)");
}
END_TEST

START_TEST(a_script_is_loaded_once)
{
    const char *script;

    application_start();
    script = application_write("count = 0\n" APP
                               "    global count; count += 1\n" SAY("count"));
    script_expect(script, "", 0, "1");
    script_expect(script, "", 0, "2");
    script_expect(script, "", 5, "3"); /* a daemon leaves other times to its host */
}
END_TEST

START_TEST(a_script_is_stale_when_its_time_differs)
{
    const char *script;

    application_start();
    script = application_write(APP SAY("1"));
    touch(script, 7);
    ck_assert(!script_is_stale(script, 7)); /* not loaded yet */
    script_expect(script, "", 7, "1");
    ck_assert(!script_is_stale(script, 7));
    ck_assert(!script_is_stale(script, 8)); /* this process sees no other time */
    touch(script, 6);
    ck_assert(!script_is_stale(script, 7)); /* nor does the server */
    ck_assert(script_is_stale(script, 6));
    ck_assert(!script_is_stale(script, 6)); /* told already */
    touch(script, 9);
    ck_assert(script_is_stale(script, 9));
    ck_assert_int_eq(unlink(script), 0);
    ck_assert(script_is_stale(script, 0));
}
END_TEST

/* How many lines the process log has. */
static int count_tries(void)
{
    int count = 0;

    for (const char *at = application_process_log(); (at = strstr(at, "try\n")) != NULL;
         at++) {
        count++;
    }
    return count;
}

START_TEST(a_broken_script_is_not_tried_on_each_request)
{
    /* A thread's words go to the process log, whoever's request it is. */
    static const char broken[] = "import threading\n"
                                 "t = threading.Thread(target=lambda: print('try'))\n"
                                 "t.start(); t.join()\n"
                                 "import nowhere_to_be_found\n";
    const char *script;

    application_start();
    script = application_write(broken);
    script_expect_failure(script, 1,
                          "err: PYW0105: ModuleNotFoundError exception raised");
    for (int i = 0; i < 100; i++) {
        struct fake fake;

        script_ask(&fake, script, "", 1);
        ck_assert_int_eq(fake.outcome, PYW_OUTCOME_ERROR);
        fake_free(&fake);
    }
    /* After 0.1, 0.3, 0.7, ... s; not even on a very busy machine does this take 12 s.
     */
    ck_assert_int_le(count_tries(), 8);
    script_rewrite(script, APP SAY("2"));
    ck_assert(script_is_stale(script, 2));
    script_expect(script, "", 2, "2"); /* changed: at once */
    script = application_write("def (:\n");
    script_expect_failure(script, 0, "SyntaxError: ");
    script_rewrite(script, APP SAY("3"));
    usleep(150000); /* the first back-off is 100 ms */
    script_expect(script, "", 0, "3");
}
END_TEST

START_TEST(a_missing_callable_is_reported_once)
{
    const char *script;

    application_start_embedded();
    script = application_write("app = print\n");
    script_expect_failure(script, 1, "has no 'application'; it does have 'app'");
    script_expect_failure(script, 1, "info: PYW0106: ");
    script_expect_failure(script, 2, "err: PYW0107: "); /* changed */
    script_expect_failure(script, 2, "info: PYW0106: ");
    script = application_write("application = 1\n");
    script_expect_failure(script, 1, "err: PYW0108: 'application' of WSGI script ");
}
END_TEST

START_TEST(a_script_that_exits_is_broken)
{
    application_start();
    script_expect_failure(application_write("raise SystemExit(3)\n"), 0,
                          "SystemExit: 3");
    script_expect_failure(application_write("raise KeyboardInterrupt\n"), 0,
                          "KeyboardInterrupt");
    script_expect_failure(
        "/nowhere/app.wsgi", 0,
        "err: PYW0104: WSGI script '/nowhere/app.wsgi' cannot be read: No such");
}
END_TEST

START_TEST(a_broken_script_leaves_no_module)
{
    const char *script;

    application_start();
    script = application_write("import sys\nraise ValueError\n");
    script_expect_failure(script, 0, "ValueError");
    script_expect(application_write("import sys\n" APP SAY(
                      "[m for m in sys.modules if '_mod_wsgi_' in m] == [__name__]")),
                  "", 0, "True");
}
END_TEST

START_TEST(embedded_scripts_are_loaded_in_place)
{
    const char *script;

    application_start_embedded();
    script = application_write(APP SAY("1"));
    script_expect(script, "", 1, "1");
    script_rewrite(script, APP SAY("2"));
    script_expect(script, "", 1, "1");
    script_expect(script, "", 2, "2");
    script_rewrite(script, "raise ValueError\n");
    script_expect_failure(script, 1, "ValueError"); /* an older time counts too */
    script_rewrite(script, APP SAY("3"));
    script_expect(script, "", 2, "3");
}
END_TEST

START_TEST(a_script_may_ask_to_be_loaded_again)
{
    const char *script;

    application_start_embedded();
    script =
        application_write("wants = False\ndef reload_required(path): return wants\n" APP
                          "    global wants; wants = True\n" SAY("1"));
    script_expect(script, "", 1, "1");
    script_rewrite(script,
                   "def reload_required(path): raise KeyError(path)\n" APP SAY("2"));
    script_expect(script, "", 1, "2");
    script_rewrite(script, APP SAY("3"));
    script_expect(script, "", 1, "2");
    script = application_write(APP "    global __mtime__; del __mtime__\n" SAY("1"));
    script_expect(script, "", 1, "1");
    script_rewrite(script, APP SAY("2"));
    script_expect(script, "", 1, "2");
}
END_TEST

START_TEST(a_script_may_ask_for_a_new_process)
{
    const char *script;

    application_start();
    script = application_write("def reload_required(path):\n"
                               "    if path != __file__: raise KeyError(path)\n"
                               "    return True\n" APP SAY("1"));
    ck_assert(!script_is_stale(script, 1)); /* not loaded */
    script_expect(script, "", 1, "1");
    ck_assert(script_is_stale(script, 1));
    script_expect(script, "", 1, "1"); /* never in place */
    script = application_write(
        "def reload_required(path): raise KeyError(path)\n" APP SAY("2"));
    script_expect(script, "", 1, "2");
    ck_assert(!script_is_stale(script, 1));
    ck_assert_ptr_nonnull(strstr(application_process_log(), "PYW0109"));
    script =
        application_write("def reload_required(path): return False\n" APP SAY("3"));
    script_expect(script, "", 1, "3");
    ck_assert(!script_is_stale(script, 1));
}
END_TEST

START_TEST(preloads_come_before_requests)
{
    struct pyw_preload preload = {.application_group = "p"};

    application_start();
    preload.script = application_write("print('loaded')\n" APP SAY("1"));
    ck_assert_int_eq(pyw_loader_preload(&preload), 0);
    ck_assert_ptr_nonnull(strstr(application_process_log(), "\nloaded\n"));
    application_forget_log();
    script_expect(preload.script, "p", 0, "1");
    ck_assert_ptr_null(strstr(application_process_log(), "loaded"));
    preload.script = application_write("1 / 0\n");
    ck_assert_int_eq(pyw_loader_preload(&preload), -1);
    ck_assert_ptr_nonnull(
        strstr(application_process_log(), "ZeroDivisionError: division by zero"));
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        a_script_is_a_module,
        a_script_is_loaded_once,
        a_script_is_stale_when_its_time_differs,
        a_broken_script_is_not_tried_on_each_request,
        a_missing_callable_is_reported_once,
        a_script_that_exits_is_broken,
        a_broken_script_leaves_no_module,
        embedded_scripts_are_loaded_in_place,
        a_script_may_ask_to_be_loaded_again,
        a_script_may_ask_for_a_new_process,
        preloads_come_before_requests,
        NULL,
    };

    return suite_run("wsgi/scripts", tests);
}
