/* One request at a time: its environ, its body, what the client does, and what is left
 * of it afterwards. */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "application.h"
#include "suite.h"
#include "wsgi/serve.h"

#define APP "def application(environ, start_response):\n"
#define START "    start_response('200 OK', [])\n"
/* The application's body is the repr of an expression. */
#define SAY(expression)                                                                \
    START "    return [repr((" expression ")).encode('utf-8', 'backslashreplace')]\n"

static struct fake fake;

static void get(const char *source)
{
    application_request(&fake, application_write(source));
    application_serve(&fake);
}

static void post(const char *source, const char *body, size_t piece)
{
    application_request(&fake, application_write(source));
    fake.head.flags |= PYW_REQUEST_HAS_BODY;
    fake.body = body;
    fake.body_len = strlen(body);
    fake.piece = piece;
    application_serve(&fake);
}

static void expect(const char *body)
{
    ck_assert_msg(fake.outcome == PYW_OUTCOME_OK, "%s", fake_text(&fake.log));
    ck_assert_str_eq(fake_text(&fake.received), body);
    fake_free(&fake);
}

static void expect_log(int outcome, const char *part)
{
    ck_assert_int_eq(fake.outcome, outcome);
    ck_assert_msg(strstr(fake_text(&fake.log), part) != NULL, "%s",
                  fake_text(&fake.log));
    fake_free(&fake);
}

/* --- environ ------------------------------------------------------------------- */

START_TEST(environ_is_complete)
{
    get(APP SAY("sorted(k for k in environ if not k.startswith('mod_wsgi.'))"));
    expect(
        "['HTTP_HOST', 'HTTP_X_ODD', 'PATH_INFO', 'QUERY_STRING', 'REQUEST_METHOD', 'REQUEST_URI', "
        "'SCRIPT_NAME', 'SERVER_NAME', 'SERVER_PORT', 'SERVER_PROTOCOL', 'apache.version', "
        "'wsgi.early_hints', 'wsgi.errors', 'wsgi.file_wrapper', 'wsgi.input', "
        "'wsgi.input_terminated', "
        "'wsgi.multiprocess', 'wsgi.multithread', 'wsgi.run_once', 'wsgi.url_scheme', 'wsgi.version']");
    get(APP SAY("sorted(k for k in environ if k.startswith('mod_wsgi.'))"));
    expect(
        "['mod_wsgi.application_start', 'mod_wsgi.daemon_start', 'mod_wsgi.queue_start', "
        "'mod_wsgi.request_start', 'mod_wsgi.thread_id', 'mod_wsgi.version']");
}
END_TEST

START_TEST(environ_has_the_right_types)
{
    get(APP SAY(
        "type(environ), environ['wsgi.version'], environ['wsgi.multithread'], "
        "environ['wsgi.multiprocess'], environ['wsgi.run_once'], environ['wsgi.input_terminated'], "
        "environ['apache.version'], environ['wsgi.url_scheme'], environ['HTTP_X_ODD']"));
    expect(
        "(<class 'dict'>, (1, 0), True, False, False, True, (2, 4, 71), 'http', 'caf\xc3\xa9')");
    get(APP SAY(
        "environ['mod_wsgi.request_start'], environ['mod_wsgi.queue_start'], "
        "environ['mod_wsgi.daemon_start'] <= environ['mod_wsgi.application_start'], "
        "environ['mod_wsgi.thread_id'], environ['wsgi.file_wrapper']"));
    expect("(1700000000.5, 1700000000.6, True, 1, <class 'mod_wsgi.FileWrapper'>)");
}
END_TEST

static void set_value(struct pyw_pair *pair, const char *value)
{
    pair->value = (struct pyw_span){value, strlen(value)};
}

/* Requests with the same names share a template: nothing of one may be seen in another.
 */
START_TEST(environ_is_of_its_own_request)
{
    const char *script = application_write(
        APP
        "    environ['PATH_INFO'] += '!'\n    environ['extra'] = 1\n    del environ['QUERY_STRING']\n" SAY(
            "environ['PATH_INFO'], environ['REMOTE_ADDR'], environ['HTTP_COOKIE'], environ['HTTP_X_OWN']"));
    struct pyw_pair pairs[] = {
        {PYW_KEY_PATH_INFO, {"", 0}, {"", 0}},
        {PYW_KEY_QUERY_STRING, {"", 0}, {"q", 1}},
        {PYW_KEY_REMOTE_ADDR, {"", 0}, {"", 0}},
        {PYW_KEY_HTTP_COOKIE, {"", 0}, {"", 0}},
        {0, {"HTTP_X_OWN", 10}, {"", 0}},
    };
    static const char *const values[] = {"/a", "/a",           "/b", "",
                                         "/a", "/caf\xc3\xa9", "/a"};
    char expected[256];

    for (unsigned i = 0; i < 40; i++) {
        const char *value = values[i % (sizeof values / sizeof values[0])];
        const char *other = values[i % 3];
        bool has_accent = strchr(value, '\xc3') != NULL;

        set_value(&pairs[0], value);
        set_value(&pairs[2], other);
        set_value(&pairs[3], value);
        set_value(&pairs[4], other);
        application_request(&fake, script);
        fake.head.pairs = pairs;
        fake.head.pair_count = 5;
        application_serve(&fake);
        value = has_accent ? "/caf\xc3\x83\xc2\xa9" : value;
        snprintf(expected, sizeof expected, "('%s!', '%s', '%s', '%s')", value, other,
                 value, other);
        expect(expected);
    }
}
END_TEST

START_TEST(environ_takes_a_name_twice)
{
    const struct pyw_pair pairs[] = {
        {0, {"X", 1}, {"first", 5}},
        {0, {"X", 1}, {"last", 4}},
    };
    const char *script = application_write(APP SAY("environ['X']"));

    for (int i = 0; i < 3; i++) {
        application_request(&fake, script);
        fake.head.pairs = pairs;
        fake.head.pair_count = 2;
        application_serve(&fake);
        expect("'last'");
    }
}
END_TEST

START_TEST(environ_takes_many_names)
{
    static struct pyw_pair pairs[1000];
    static char names[1000][16];
    const char *script =
        application_write(APP SAY("len([k for k in environ if k.startswith('X')])"));

    for (size_t i = 0; i < 1000; i++) {
        snprintf(names[i], sizeof names[i], "X%zu", i);
        pairs[i] = (struct pyw_pair){0, {names[i], strlen(names[i])}, {names[i], 1}};
    }
    for (size_t count = 1000; count > 0; count -= 37) {
        char expected[32];

        application_request(&fake, script);
        fake.head.pairs = pairs;
        fake.head.pair_count = count;
        application_serve(&fake);
        snprintf(expected, sizeof expected, "%zu", count);
        expect(expected);
        count = count < 37 ? 37 : count;
    }
}
END_TEST

/* --- wsgi.input ---------------------------------------------------------------- */

static const struct {
    const char *expression;
    const char *body;
    const char *expected;
} reads[] = {
    {"i.read()", "abc", "b'abc'"},
    {"i.read(-1)", "abc", "b'abc'"},
    {"i.read(None)", "abc", "b'abc'"},
    {"i.read(2), i.read(2), i.read(2), i.read()", "abc", "(b'ab', b'c', b'', b'')"},
    {"i.read(0), i.read()", "abc", "(b'', b'abc')"},
    {"i.read(1000000)", "abc", "b'abc'"},
    {"i.read()", "", "b''"},
    {"i.readline(), i.readline(), i.readline(), i.readline()", "a\nb\n\nc",
     "(b'a\\n', b'b\\n', b'\\n', b'c')"},
    {"i.readline(), i.readline()", "a", "(b'a', b'')"},
    {"i.readline(2), i.readline(2), i.readline(2), i.read()", "abc\nde",
     "(b'ab', b'c\\n', b'de', b'')"},
    {"i.readline(0), i.readline(-1)", "ab\nc", "(b'', b'ab\\n')"},
    {"i.readline(), i.read(2), i.readline(), i.read()", "ab\ncdef\ngh",
     "(b'ab\\n', b'cd', b'ef\\n', b'gh')"},
    {"i.readlines()", "a\nb\nc", "[b'a\\n', b'b\\n', b'c']"},
    {"i.readlines(3), i.read()", "a\nb\nc\n", "([b'a\\n', b'b\\n'], b'c\\n')"},
    {"i.readlines(2), i.read()", "a\nb\nc\n", "([b'a\\n'], b'b\\nc\\n')"},
    {"i.readlines(0)", "a\nb", "[b'a\\n', b'b']"},
    {"list(i), list(i)", "a\nb\nc", "([b'a\\n', b'b\\n', b'c'], [])"},
    {"iter(i) is i, next(i)", "a\nb", "(True, b'a\\n')"},
    {"i.close(), i.read()", "abc", "(None, b'abc')"},
    {"hasattr(i, 'seek'), hasattr(i, 'fileno')", "", "(False, False)"},
};

START_TEST(input_is_read)
{
    char source[512];

    for (size_t i = 0; i < sizeof reads / sizeof reads[0]; i++) {
        snprintf(source, sizeof source, APP "    i = environ['wsgi.input']\n" SAY("%s"),
                 reads[i].expression);
        for (size_t piece = 0; piece < 4; piece++) {
            post(source, reads[i].body, piece);
            expect(reads[i].expected);
        }
    }
}
END_TEST

START_TEST(input_is_read_in_the_length_that_was_declared)
{
    char *body = malloc(300001);
    const char *script = application_write(APP "    i = environ['wsgi.input']\n" SAY(
        "len(i.read(100000)), len(i.readline()), len(i.read())"));

    ck_assert_ptr_nonnull(body);
    memset(body, 'x', 300000);
    body[200000] = '\n';
    body[300000] = '\0';
    for (int known = 0; known < 2; known++) {
        for (size_t piece = 0; piece < 70000; piece += 10007) {
            application_request(&fake, script);
            fake.body = body;
            fake.body_len = 300000;
            fake.piece = piece;
            fake.blocks = piece % 2 != 0;
            fake.head.content_length = known ? 300000 : -1;
            application_serve(&fake);
            expect("(100000, 100001, 99999)");
        }
    }
    free(body);
}
END_TEST

START_TEST(input_fails_and_stays_so)
{
    const char *script = application_write(
        APP
        "    i = environ['wsgi.input']; seen = []\n    for f in (i.read, i.readline, i.readlines, i.read):\n"
        "        try: seen.append(f())\n        except OSError as e: seen.append(str(e))\n" SAY(
            "seen"));
    static const struct {
        int error;
        const char *reason;
    } errors[] = {
        {-EPIPE, "client connection closed"},
        {-ETIMEDOUT, "client too slow"},
        {-EFBIG, "request body too large"},
        {-EBADMSG, "request body malformed"},
    };
    char expected[512];

    for (size_t i = 0; i < sizeof errors / sizeof errors[0]; i++) {
        application_request(&fake, script);
        fake.body = "abc";
        fake.body_len = 3;
        fake.read_error = errors[i].error;
        fake.blocks = i % 2 != 0;
        application_serve(&fake);
        snprintf(
            expected, sizeof expected,
            "['mod_wsgi request data read error: %s', 'mod_wsgi request data read error: %s', "
            "'mod_wsgi request data read error: %s', 'mod_wsgi request data read error: %s']",
            errors[i].reason, errors[i].reason, errors[i].reason, errors[i].reason);
        expect(expected);
    }
    get(APP "    environ['wsgi.input'].read('x')\n" START);
    expect_log(PYW_OUTCOME_ERROR, "TypeError");
}
END_TEST

START_TEST(input_error_is_an_oserror)
{
    application_request(&fake,
                        application_write(APP "    environ['wsgi.input'].read()\n"));
    fake.read_error = -EBADMSG;
    application_serve(&fake);
    expect_log(PYW_OUTCOME_ERROR,
               "OSError: mod_wsgi request data read error: request body malformed");
}
END_TEST

/* --- the client ---------------------------------------------------------------- */

#define CLOSING                                                                        \
    "class R:\n"                                                                       \
    "    def __init__(self, pieces): self.pieces = iter(pieces)\n"                     \
    "    def __iter__(self): return self\n"                                            \
    "    def __next__(self): return next(self.pieces)\n"                               \
    "    def close(self): print('closed')\n"

START_TEST(client_goes_while_pieces_are_made)
{
    application_request(
        &fake, application_write(
                   CLOSING "def pieces():\n    while True: yield b'abc'\n" APP START
                           "    return R(pieces())\n"));
    fake.gone_after = 10;
    application_serve(&fake);
    ck_assert_ptr_null(strstr(fake_text(&fake.log), "Traceback"));
    expect_log(PYW_OUTCOME_GONE, "err: closed\n");
}
END_TEST

START_TEST(client_goes_while_nothing_is_sent)
{
    application_request(
        &fake,
        application_write(CLOSING "def pieces():\n    while True: yield b''\n" APP START
                                  "    return R(pieces())\n"));
    fake.is_aborted = true;
    application_serve(&fake);
    expect_log(PYW_OUTCOME_GONE, "err: closed\n");
}
END_TEST

START_TEST(client_goes_while_written_to)
{
    application_request(
        &fake,
        application_write(
            APP
            "    w = start_response('200 OK', [])\n    try:\n        while True: w(b'abc')\n"
            "    except OSError as e:\n        print(e)\n        raise\n"));
    fake.gone_after = 10;
    application_serve(&fake);
    expect_log(PYW_OUTCOME_GONE, "err: mod_wsgi client connection closed\n");
}
END_TEST

START_TEST(pieces_of_a_list_leave_together)
{
    application_request(
        &fake, application_write(APP START "    return [b'x' * 100] * 2000\n"));
    application_serve(&fake);
    ck_assert_int_eq(fake.outcome, PYW_OUTCOME_OK);
    ck_assert_uint_eq(fake.received.len, 200000);
    ck_assert_uint_eq(fake.sends, 4); /* of 64 KiB at most */
    fake_free(&fake);
    application_request(
        &fake, application_write(
                   APP START
                   "    return [b'a', b'', b'b' * 70000, b'c', b'd' * 65536, b'e']\n"));
    application_serve(&fake);
    ck_assert_int_eq(fake.outcome, PYW_OUTCOME_OK);
    ck_assert_uint_eq(fake.received.len, 135539);
    ck_assert_uint_eq(fake.sends, 5);
    fake_free(&fake);
}
END_TEST

START_TEST(head_gets_no_body)
{
    static const char *const sources[] = {
        APP START "    return [b'abc']\n",
        APP START "    yield b'abc'\n",
        APP "    start_response('200 OK', [])(b'abc')\n    return []\n",
        APP "    start_response('200 OK', [('Content-Length', '3')])\n    return []\n",
        APP START "    return []\n",
    };
    static const char *const headers[] = {"Content-Length: 3\n", "", "",
                                          "Content-Length: 3\n", ""};

    for (size_t i = 0; i < sizeof sources / sizeof sources[0]; i++) {
        application_request(&fake, application_write(sources[i]));
        fake.head.flags |= PYW_REQUEST_HEAD;
        application_serve(&fake);
        ck_assert_str_eq(fake_text(&fake.headers), headers[i]);
        expect("");
    }
}
END_TEST

START_TEST(a_list_leaves_in_one_part)
{
    get(APP START "    return [b'a', b'b']\n");
    ck_assert_uint_eq(fake.sends, 1);
    ck_assert(fake.has_last);
    expect("ab");
}
END_TEST

/* --- afterwards ---------------------------------------------------------------- */

#define KEEP                                                                           \
    "kept = []\n" APP                                                                  \
    "    kept.append((environ, start_response, start_response('200 OK', [])))\n"

START_TEST(what_is_kept_is_severed)
{
    const char *script = application_write(
        KEEP
        "    if len(kept) == 1: return [b'x']\n"
        "    environ, start, write = kept[0]; i = environ['wsgi.input']; e = environ['wsgi.errors']\n"
        "    seen = []\n"
        "    for f in (i.read, i.readline, i.readlines, i.close, lambda: next(i), lambda: iter(i),\n"
        "              lambda: write(b'x'), lambda: start('200 OK', []), lambda: e.write('x')):\n"
        "        try: seen.append(f())\n"
        "        except RuntimeError as error: seen.append(str(error))\n"
        "    return ['\\n'.join(seen).encode()]\n");

    application_request(&fake, script);
    application_serve(&fake);
    expect("x");
    application_request(&fake, script);
    application_serve(&fake);
    expect("read() called on wsgi.input after request completed\n"
           "readline() called on wsgi.input after request completed\n"
           "readlines() called on wsgi.input after request completed\n"
           "close() called on wsgi.input after request completed\n"
           "__next__() called on wsgi.input after request completed\n"
           "__iter__() called on wsgi.input after request completed\n"
           "write() called after request completed\n"
           "start_response() called after request completed\n"
           "write() called on wsgi.errors after request completed");
}
END_TEST

START_TEST(what_is_let_go_is_used_again)
{
    const char *script = application_write(
        "seen = set()\n" APP "    seen.add(id(environ['wsgi.errors'])); print('a', "
        "file=environ['wsgi.errors'], end='')\n" SAY("len(seen)"));

    for (int i = 0; i < 5; i++) {
        application_request(&fake, script);
        application_serve(&fake);
        ck_assert_ptr_nonnull(strstr(fake_text(&fake.log), "err: a\n"));
        expect("1");
    }
}
END_TEST

START_TEST(a_detached_stream_is_not_used_again)
{
    const char *script = application_write(
        APP "    e = environ['wsgi.errors']; e.write('a\\n'); e.detach()\n" SAY("1"));

    for (int i = 0; i < 3; i++) {
        application_request(&fake, script);
        application_serve(&fake);
        expect("1");
    }
}
END_TEST

START_TEST(input_may_be_read_by_another_thread)
{
    post(
        "import threading\n" APP "    seen = []\n"
        "    t = threading.Thread(target=lambda: seen.append(environ['wsgi.input'].read()))\n"
        "    t.start(); t.join()\n" SAY("seen"),
        "abc", 1);
    expect("[b'abc']");
}
END_TEST

START_TEST(other_threads_log_in_the_process_log)
{
    application_forget_log();
    get("import threading, sys\n" APP
        "    t = threading.Thread(target=lambda: (print('out'), print('err', file=sys.stderr),\n"
        "                                         print('wsgi', file=environ['wsgi.errors'])))\n"
        "    t.start(); t.join()\n" SAY("1"));
    ck_assert_str_eq(application_process_log(), "out\nerr\nwsgi\n");
    expect("1");
}
END_TEST

START_TEST(the_module_is_there)
{
    get("import mod_wsgi\n" APP SAY(
        "mod_wsgi.version == environ['mod_wsgi.version'], mod_wsgi.process_group, "
        "mod_wsgi.application_group, mod_wsgi.maximum_processes, "
        "mod_wsgi.threads_per_process, "
        "mod_wsgi.FileWrapper is environ['wsgi.file_wrapper']"));
    expect("(True, 'unit', '', 2, 3, True)");
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        environ_is_complete,
        environ_has_the_right_types,
        environ_is_of_its_own_request,
        environ_takes_a_name_twice,
        environ_takes_many_names,
        input_is_read,
        input_is_read_in_the_length_that_was_declared,
        input_fails_and_stays_so,
        input_error_is_an_oserror,
        client_goes_while_pieces_are_made,
        client_goes_while_nothing_is_sent,
        client_goes_while_written_to,
        pieces_of_a_list_leave_together,
        head_gets_no_body,
        a_list_leaves_in_one_part,
        what_is_kept_is_severed,
        what_is_let_go_is_used_again,
        a_detached_stream_is_not_used_again,
        input_may_be_read_by_another_thread,
        other_threads_log_in_the_process_log,
        the_module_is_there,
        NULL,
    };

    application_start();
    return suite_run("wsgi/request", tests);
}
