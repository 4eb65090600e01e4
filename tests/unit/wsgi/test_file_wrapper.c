/* wsgi.file_wrapper: which files are sent by their descriptor, and what is sent of
 * them. */
#include <stdio.h>
#include <string.h>

#include "application.h"
#include "suite.h"

/* A file of 26 letters, and an application that wraps what an expression makes of its
 * path. */
#define MAKE                                                                           \
    "import gzip, io, tempfile\n"                                                      \
    "import os; path = __file__ + '.bin'\n"                                            \
    "with open(path, 'wb') as f: f.write(b'abcdefghijklmnopqrstuvwxyz')\n"             \
    "def at(f, n):\n    f.seek(n)\n    return f\n"
#define APP                                                                            \
    "def application(environ, start_response):\n    Wrapper = environ['wsgi.file_wrapper']\n"
#define LENGTH(n) "Content-Length: " #n "\nAccept-Ranges: bytes\n"
#define ALL "abcdefghijklmnopqrstuvwxyz"

static struct fake fake;

static const struct {
    const char *wrapped;
    const char *headers; /* of the application */
    unsigned files;      /* sent by descriptor */
    int outcome;
    const char *answer; /* headers, then the body */
} wraps[] = {
    {"open(path, 'rb')", "", 1, PYW_OUTCOME_OK, LENGTH(26) ALL},
    {"open(path, 'rb', buffering=0)", "", 1, PYW_OUTCOME_OK, LENGTH(26) ALL},
    {"at(open(path, 'rb'), 20)", "", 1, PYW_OUTCOME_OK, LENGTH(6) "uvwxyz"},
    {"at(open(path, 'rb'), 26)", "", 0, PYW_OUTCOME_OK, LENGTH(0)},
    {"at(open(path, 'rb'), 99)", "", 0, PYW_OUTCOME_OK, LENGTH(0)},
    {"open(path, 'rb')", "('Content-Length', '3')", 1, PYW_OUTCOME_OK, LENGTH(3) "abc"},
    {"open(path, 'rb')", "('Content-Length', '30')", 1, PYW_OUTCOME_SHORT,
     LENGTH(30) ALL},
    {"at(open(path, 'rb'), 24), 1", "", 1, PYW_OUTCOME_OK, LENGTH(2) "yz"},
    {"io.BytesIO(b'abc')", "", 0, PYW_OUTCOME_OK, "abc"},
    {"io.BytesIO(b'abcdef'), 4", "", 0, PYW_OUTCOME_OK, "abcdef"},
    {"gzip.GzipFile(fileobj=io.BytesIO(gzip.compress(b'abc')))", "", 0, PYW_OUTCOME_OK,
     "abc"},
    {"at(tempfile.NamedTemporaryFile('w+b'), 0)", "", 0, PYW_OUTCOME_OK, LENGTH(0)},
    {"open('/dev/null', 'rb')", "", 0, PYW_OUTCOME_OK, "Content-Length: 0\n"},
};

START_TEST(files_are_sent)
{
    char source[1024];
    char answer[256];

    for (size_t i = 0; i < sizeof wraps / sizeof wraps[0]; i++) {
        snprintf(source, sizeof source,
                 MAKE APP
                 "    start_response('200 OK', [%s])\n    return Wrapper(%s)\n",
                 wraps[i].headers, wraps[i].wrapped);
        application_request(&fake, application_write(source));
        application_serve(&fake);
        snprintf(answer, sizeof answer, "%s%s", fake_text(&fake.headers),
                 fake_text(&fake.received));
        ck_assert_msg(strcmp(answer, wraps[i].answer) == 0, "%s: %s\n%s",
                      wraps[i].wrapped, answer, fake_text(&fake.log));
        ck_assert_uint_eq(fake.files, wraps[i].files);
        ck_assert_int_eq(fake.outcome, wraps[i].outcome);
        fake_free(&fake);
    }
}
END_TEST

/* `source` after the lines of MAKE and of an application. */
static void expect(const char *source, unsigned files, const char *body,
                   const char *log)
{
    char text[2048];

    snprintf(text, sizeof text, MAKE "%s", source);
    application_request(&fake, application_write(text));
    application_serve(&fake);
    ck_assert_msg(strcmp(fake_text(&fake.received), body) == 0, "%s\n%s",
                  fake_text(&fake.received), fake_text(&fake.log));
    ck_assert_msg(strstr(fake_text(&fake.log), log) != NULL, "%s",
                  fake_text(&fake.log));
    ck_assert_uint_eq(fake.files, files);
    fake_free(&fake);
}

START_TEST(files_are_closed)
{
    expect(
        "class F:\n"
        "    def __init__(self): self.f = open(path, 'rb'); self.fileno = self.f.fileno; self.tell = self.f.tell\n"
        "    def close(self): print('closed'); self.f.close()\n" APP
        "    start_response('200 OK', [])\n    return Wrapper(F())\n",
        1, ALL, "err: closed\n");
    expect("class F:\n"
           "    def read(self, n): raise KeyError\n"
           "    def close(self): print('closed')\n" APP
           "    start_response('200 OK', [])\n    return Wrapper(F())\n",
           0, "", "err: closed\n");
}
END_TEST

START_TEST(decompressed_files_are_iterated)
{
    expect(
        "with gzip.open(path + '.gz', 'wb') as f: f.write(b'plain')\n" APP
        "    start_response('200 OK', [])\n    return Wrapper(gzip.open(path + '.gz', 'rb'))\n",
        0, "plain", "");
    expect(
        "with gzip.open(path + '.gz', 'wb') as f: f.write(b'plain')\n" APP
        "    start_response('200 OK', [])\n    return Wrapper(io.BufferedReader(gzip.open(path + '.gz', 'rb')))\n",
        0, "plain", "");
}
END_TEST

START_TEST(subclasses_may_iterate_their_own_way)
{
    expect(
        "import mod_wsgi\nclass W(mod_wsgi.FileWrapper):\n    def __iter__(self): return iter([b'own'])\n" APP
        "    start_response('200 OK', [])\n    return W(open(path, 'rb'))\n",
        0, "own", "");
    expect("import mod_wsgi\nclass W(mod_wsgi.FileWrapper):\n    pass\n" APP
           "    start_response('200 OK', [])\n    return W(open(path, 'rb'))\n",
           1, ALL, "");
}
END_TEST

START_TEST(what_was_written_comes_first)
{
    expect(
        APP
        "    start_response('200 OK', [])(b'>')\n    return Wrapper(open(path, 'rb'))\n",
        0, ">" ALL, "");
}
END_TEST

START_TEST(wrappers_are_ordinary_objects)
{
    expect(
        APP
        "    start_response('200 OK', [])\n    f = open(path, 'rb'); w = Wrapper(f, 5)\n"
        "    v = Wrapper(filelike=f, blksize=7)\n"
        "    try: Wrapper(f, -1)\n    except ValueError: pass\n    else: return [b'not refused']\n"
        "    return [repr((w.filelike is f, w.blksize, v.blksize, iter(w) is w, next(w), w.close(), "
        "f.closed)).encode()]\n",
        0, "(True, 5, 7, True, b'abcde', None, True)", "");
}
END_TEST

START_TEST(head_sends_no_file)
{
    application_request(
        &fake,
        application_write(
            MAKE APP
            "    start_response('200 OK', [])\n    return Wrapper(open(path, 'rb'))\n"));
    fake.head.flags |= PYW_REQUEST_HEAD;
    application_serve(&fake);
    ck_assert_str_eq(fake_text(&fake.headers), LENGTH(26));
    ck_assert_str_eq(fake_text(&fake.received), "");
    ck_assert_int_eq(fake.outcome, PYW_OUTCOME_OK);
    fake_free(&fake);
}
END_TEST

START_TEST(files_need_start_response)
{
    expect(
        APP "    return Wrapper(open(path, 'rb'))\n", 0, "",
        "RuntimeError: start_response() must be called before response content is produced");
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        files_are_sent,
        files_are_closed,
        decompressed_files_are_iterated,
        subclasses_may_iterate_their_own_way,
        what_was_written_comes_first,
        wrappers_are_ordinary_objects,
        head_sends_no_file,
        files_need_start_response,
        NULL,
    };

    application_start();
    return suite_run("wsgi/file_wrapper", tests);
}
