/* Applications and what becomes of them: a table of sources and of what the client and
 * the log get. */
#include <stdio.h>
#include <string.h>

#include "application.h"
#include "suite.h"
#include "wsgi/serve.h"

/* An application whose body is what follows. */
#define APP "def application(environ, start_response):\n"
#define START "    start_response('200 OK', [('Content-Type', 'text/plain')])\n"

struct expectation {
    const char *name;
    const char *source;
    const char *status;  /* NULL: no head is sent */
    const char *headers; /* NULL: whatever they are */
    const char *body;
    int outcome;
    const char *log; /* a part of it; "" for none at all, NULL: whatever it is */
};

#define OK PYW_OUTCOME_OK
#define FAILED PYW_OUTCOME_ERROR
#define SHORT PYW_OUTCOME_SHORT
#define TEXT "Content-Type: text/plain\n"
#define START_WITH(status, headers) "    start_response('" status "', [" headers "])\n"
#define DONE "    return [b'x']\n"
#define LENGTH(n) "Content-Length: " #n "\n"

static const struct expectation cases[] = {
    /* what is returned */
    {"one piece", APP START "    return [b'hello']\n", "200 OK", TEXT LENGTH(5),
     "hello", OK, ""},
    {"a tuple", APP START "    return (b'a', b'', b'bc')\n", "200 OK", TEXT LENGTH(3),
     "abc", OK, ""},
    {"no piece", APP START "    return []\n", "200 OK", TEXT LENGTH(0), "", OK, ""},
    {"empty pieces", APP START "    return [b'', b'']\n", "200 OK", TEXT LENGTH(0), "",
     OK, ""},
    {"many pieces", APP START "    return [b'x' * 1000] * 3\n", "200 OK",
     TEXT LENGTH(3000), NULL, OK, ""},
    {"large pieces", APP START "    return [b'x' * 50000] * 3\n", "200 OK",
     TEXT LENGTH(150000), NULL, OK, ""},
    {"a generator", APP START "    yield b'a'\n    yield b''\n    yield b'b'\n",
     "200 OK", TEXT, "ab", OK, ""},
    {"an empty generator", APP START "    return iter(())\n", "200 OK", TEXT LENGTH(0),
     "", OK, ""},
    {"start in the first step", APP "    yield b''\n" START "    yield b'x'\n",
     "200 OK", TEXT, "x", OK, ""},
    {"start at the end", APP "    yield b''\n" START, "200 OK", TEXT LENGTH(0), "", OK,
     ""},
    {"a subclass of bytes", "class B(bytes): pass\n" APP START "    return [B(b'x')]\n",
     "200 OK", TEXT LENGTH(1), "x", OK, ""},
    {"a class as application",
     "class application:\n"
     "    def __init__(self, environ, start_response):\n"
     "        start_response('200 OK', [])\n"
     "    def __iter__(self):\n"
     "        yield b'x'\n",
     "200 OK", "", "x", OK, ""},
    {"None", APP START "    return None\n", NULL, NULL, "", FAILED,
     "'NoneType' object is not iterable"},
    {"bytes", APP START "    return b'abc'\n", NULL, NULL, "", FAILED,
     "TypeError: response iterable must yield bytes, not int"},
    {"a str in a list", APP START "    return ['abc']\n", NULL, NULL, "", FAILED,
     "TypeError: response iterable must yield bytes, not str"},
    {"a str from a generator", APP START "    yield b'a'\n    yield 'b'\n", "200 OK",
     TEXT, "a", FAILED, "the client's connection is cut."},
    /* Content-Length */
    {"as declared",
     APP START_WITH("200 OK", "('Content-Length', '2')") "    return [b'ab']\n",
     "200 OK", LENGTH(2), "ab", OK, ""},
    {"too long a list",
     APP START_WITH("200 OK", "('content-length', '2')") "    return [b'abcd']\n",
     "200 OK", "content-length: 2\n", "ab", OK, "warning: PYW0253: "},
    {"too long a generator",
     APP START_WITH("200 OK",
                    "('Content-Length', '2')") "    while True: yield b'abc'\n",
     "200 OK", LENGTH(2), "ab", OK, "more than the 2 bytes"},
    {"too short a list",
     APP START_WITH("200 OK", "('Content-Length', '9')") "    return [b'ab']\n",
     "200 OK", LENGTH(9), "ab", SHORT, "err: PYW0254: "},
    {"too short a generator",
     APP START_WITH("200 OK", "('Content-Length', '9')") "    yield b'ab'\n", "200 OK",
     LENGTH(9), "ab", SHORT, "produced 2 bytes instead of the 9"},
    {"nothing at all",
     APP START_WITH("200 OK", "('Content-Length', '9')") "    return []\n", "200 OK",
     LENGTH(9), "", SHORT, "produced 0 bytes instead of the 9"},
    {"not a number", APP START_WITH("200 OK", "('Content-Length', 'ten')") DONE, NULL,
     NULL, "", FAILED, "ValueError: invalid value for Content-Length header: b'ten'"},
    {"a negative number", APP START_WITH("200 OK", "('Content-Length', '-1')") DONE,
     NULL, NULL, "", FAILED, "ValueError: invalid value"},
    {"two of them",
     APP START_WITH("200 OK", "('Content-Length', '1'), ('Content-Length', '2')") DONE,
     NULL, NULL, "", FAILED, "ValueError: more than one Content-Length header"},
    {"the same twice",
     APP START_WITH("200 OK", "('Content-Length', '1'), ('content-length', '1')") DONE,
     "200 OK", LENGTH(1), "x", OK, ""},
    /* responses without a body */
    {"204", APP START_WITH("204 No Content", "") "    return [b'abc']\n",
     "204 No Content", "", "", OK, ""},
    {"304",
     APP START_WITH("304 Not Modified", "('ETag', '\"x\"')") "    yield b'abc'\n",
     "304 Not Modified", "ETag: \"x\"\n", "", OK, ""},
    {"304 with a length",
     APP START_WITH("304 Not Modified", "('Content-Length', '7')") "    return []\n",
     "304 Not Modified", LENGTH(7), "", OK, ""},
    /* write() */
    {"write",
     APP
     "    write = start_response('200 OK', [])\n    write(b'a')\n    write(b'')\n    write(b'b')\n"
     "    return [b'c']\n",
     "200 OK", "", "abc", OK, ""},
    {"write and no more", APP "    start_response('200 OK', [])(b'a')\n    return []\n",
     "200 OK", "", "a", OK, ""},
    {"write a str", APP "    start_response('200 OK', [])('a')\n    return []\n", NULL,
     NULL, "", FAILED, "TypeError: write() argument must be bytes, not str"},
    {"write too much",
     APP
     "    write = start_response('200 OK', [('Content-Length', '1')])\n    write(b'ab')\n    return []\n",
     "200 OK", LENGTH(1), "a", OK, "warning: PYW0253"},
    /* start_response() */
    {"never called", APP DONE, NULL, NULL, "", FAILED,
     "RuntimeError: start_response() must be called before response content is produced"},
    {"never called, no content", APP "    return iter(())\n", NULL, NULL, "", FAILED,
     "RuntimeError: start_response() must be called before response content is produced"},
    {"called twice", APP START START_WITH("201 Made", "('X-A', 'b')") DONE, "201 Made",
     "X-A: b\n" LENGTH(1), "x", OK, ""},
    {"called twice, too late", APP START "    yield b'a'\n" START, "200 OK", TEXT, "a",
     FAILED, "RuntimeError: start_response() called more than once without exc_info"},
    {"called again with exc_info",
     "import sys\n" APP START "    try:\n        1 / 0\n    except ZeroDivisionError:\n"
     "        start_response('500 Oh', [], sys.exc_info())\n    return [b'oops']\n",
     "500 Oh", LENGTH(4), "oops", OK, ""},
    {"called again with exc_info=",
     "import sys\n" APP START "    try:\n        1 / 0\n    except ZeroDivisionError:\n"
     "        start_response('500 Oh', response_headers=[], exc_info=sys.exc_info())\n    return []\n",
     "500 Oh", LENGTH(0), "", OK, ""},
    {"called again with exc_info, too late",
     "import sys\n" APP START
     "    yield b'a'\n    try:\n        1 / 0\n    except ZeroDivisionError:\n"
     "        start_response('500 Oh', [], sys.exc_info())\n    yield b'never'\n",
     "200 OK", TEXT, "a", FAILED, "ZeroDivisionError: division by zero"},
    {"a failed second call changes nothing",
     APP START
     "    try:\n        start_response('500 Oh', [('X', 1)])\n    except TypeError:\n        pass\n" DONE,
     "200 OK", TEXT LENGTH(1), "x", OK, ""},
    {"exc_info of another type", APP "    start_response('200 OK', [], 1)\n" DONE, NULL,
     NULL, "", FAILED,
     "RuntimeError: start_response() argument 'exc_info' must be a 3-tuple or None"},
    {"one argument", APP "    start_response('200 OK')\n" DONE, NULL, NULL, "", FAILED,
     "TypeError: start_response() takes 2 or 3 arguments (1 given)"},
    {"an argument of another name",
     APP "    start_response('200 OK', headers=[])\n" DONE, NULL, NULL, "", FAILED,
     "TypeError: start_response() takes status, response_headers and exc_info"},
    {"headers in a tuple", APP "    start_response('200 OK', ())\n" DONE, NULL, NULL,
     "", FAILED, "TypeError: start_response() argument 2 must be list, not tuple"},
    {"status in bytes", APP "    start_response(b'200 OK', [])\n" DONE, NULL, NULL, "",
     FAILED, "TypeError: start_response() argument 1 must be str, not bytes"},
    {"a bare status", APP START_WITH("200", "") DONE, "200 ", LENGTH(1), "x", OK, ""},
    {"a status of two digits", APP START_WITH("20", "") DONE, NULL, NULL, "", FAILED,
     "ValueError: status code must be a 3 digit integer: b'20'"},
    {"a status of letters", APP START_WITH("OK", "") DONE, NULL, NULL, "", FAILED,
     "ValueError: status code must be a 3 digit integer: b'OK'"},
    {"a status without a space", APP START_WITH("200OK", "") DONE, NULL, NULL, "",
     FAILED, "ValueError: no space following status code: b'200OK'"},
    {"a line break in the status", APP START_WITH("200 O\\nK", "") DONE, NULL, NULL, "",
     FAILED, "ValueError: control character in status reason phrase: b'200 O\\nK'"},
    {"an interim status", APP START_WITH("100 Continue", "") DONE, NULL, NULL, "",
     FAILED,
     "ValueError: status code of an interim response is not the application's to send: b'100 Continue'"},
    {"a status beyond latin-1", APP START_WITH("200 \\u20ac", "") DONE, NULL, NULL, "",
     FAILED, "UnicodeEncodeError"},
    {"a header that is a list", APP "    start_response('200 OK', [['a', 'b']])\n" DONE,
     NULL, NULL, "", FAILED, "TypeError: each header must be a 2-tuple, not list"},
    {"a header of three", APP "    start_response('200 OK', [('a', 'b', 'c')])\n" DONE,
     NULL, NULL, "", FAILED, "ValueError: each header must be a 2-tuple, got length 3"},
    {"a name in bytes", APP START_WITH("200 OK", "(b'a', 'b')") DONE, NULL, NULL, "",
     FAILED, "must be str, not bytes"},
    {"a number as value", APP START_WITH("200 OK", "('a', 1)") DONE, NULL, NULL, "",
     FAILED, "must be str, not int"},
    {"an empty name", APP START_WITH("200 OK", "('', 'b')") DONE, NULL, NULL, "",
     FAILED, "ValueError: header name is empty"},
    {"a control character in a name", APP START_WITH("200 OK", "('a\\tb', 'b')") DONE,
     NULL, NULL, "", FAILED, "ValueError: control character in header name: b'a\\tb'"},
    {"a space in a name", APP START_WITH("200 OK", "('a b', 'b')") DONE, NULL, NULL, "",
     FAILED, "ValueError: space character in header name: b'a b'"},
    {"a colon in a name", APP START_WITH("200 OK", "('a:', 'b')") DONE, NULL, NULL, "",
     FAILED, "ValueError: invalid character in header name: b'a:'"},
    {"a line break in a value", APP START_WITH("200 OK", "('a', 'b\\r\\nc: d')") DONE,
     NULL, NULL, "", FAILED,
     "ValueError: carriage return/line feed character in header value: b'b\\r\\nc: d'"},
    {"a null character in a value", APP START_WITH("200 OK", "('a', 'b\\0')") DONE,
     NULL, NULL, "", FAILED, "ValueError: null character in header value"},
    {"another control character in a value",
     APP START_WITH("200 OK", "('a', 'b\\x1b')") DONE, NULL, NULL, "", FAILED,
     "ValueError: control character in header value"},
    {"a value beyond latin-1", APP START_WITH("200 OK", "('a', '\\u20ac')") DONE, NULL,
     NULL, "", FAILED, "UnicodeEncodeError"},
    {"latin-1 and a tab", APP START_WITH("200 OK", "('a', 'caf\\xe9\\tb')") DONE,
     "200 OK", "a: caf\xe9\tb\n" LENGTH(1), "x", OK, ""},
    {"Connection", APP START_WITH("200 OK", "('connection', 'close')") DONE, NULL, NULL,
     "", FAILED,
     "ValueError: hop-by-hop header is not the application's to send: b'connection'"},
    {"Transfer-Encoding",
     APP START_WITH("200 OK", "('Transfer-Encoding', 'chunked')") DONE, NULL, NULL, "",
     FAILED, "hop-by-hop header"},
    {"Upgrade", APP START_WITH("200 OK", "('Upgrade', 'websocket')") DONE, NULL, NULL,
     "", FAILED, "hop-by-hop header"},
    {"repeated headers keep their order",
     APP START_WITH("200 OK", "('A', '1'), ('B', '2'), ('A', '3')") DONE, "200 OK",
     "A: 1\nB: 2\nA: 3\n" LENGTH(1), "x", OK, ""},
    {"many headers", APP "    start_response('200 OK', [('A', '1')] * 100)\n" DONE,
     "200 OK", NULL, "x", OK, ""},
    {"too many headers", APP "    start_response('200 OK', [('A', '1')] * 5000)\n" DONE,
     NULL, NULL, "", FAILED, "ValueError: too many headers: 5000"},
    /* exceptions */
    {"before the head", APP "    raise KeyError('oops')\n", NULL, NULL, "", FAILED,
     "err: PYW0250: KeyError exception raised processing WSGI script "},
    {"the place is named", APP "    raise KeyError('oops')\n", NULL, NULL, "", FAILED,
     "for main interpreter of daemon process 'unit'; the request answers 500."},
    {"the traceback follows", APP "    raise KeyError('oops')\n", NULL, NULL, "",
     FAILED, "\nKeyError: 'oops'\n"},
    {"after start_response", APP START "    raise KeyError('oops')\n", NULL, NULL, "",
     FAILED, "PYW0250"},
    {"after the head", APP START "    yield b'abc'\n    raise KeyError('oops')\n",
     "200 OK", TEXT, "abc", FAILED, "the client's connection is cut."},
    {"SystemExit", "import sys\n" APP "    sys.exit(3)\n", NULL, NULL, "", FAILED,
     "err: PYW0251: SystemExit exception raised processing WSGI script "},
    {"an exception that cannot be shown",
     "class E(Exception):\n    def __str__(self): raise ValueError\n" APP
     "    raise E\n",
     NULL, NULL, "", FAILED, "PYW0250: E exception"},
    /* close() */
    {"close is called",
     "class R(list):\n    def close(self): print('closed')\n" APP START
     "    return R([b'x'])\n",
     "200 OK", TEXT, "x", OK, "err: closed\n"},
    {"close is called after an exception",
     "class R:\n    def __iter__(self): return self\n    def __next__(self): raise KeyError\n"
     "    def close(self): print('closed')\n" APP START "    return R()\n",
     NULL, NULL, "", FAILED, "err: closed\n"},
    {"close is called when the response is full",
     APP START_WITH(
         "204 No",
         "") "    try:\n        while True: yield b'x'\n    finally: print('closed')\n",
     "204 No", "", "", OK, "err: closed\n"},
    {"close fails",
     "class R(list):\n    def close(self): raise KeyError\n" APP START
     "    return R([b'x'])\n",
     "200 OK", TEXT, "x", OK, "err: PYW0252: KeyError exception raised by close()"},
    {"close exits",
     "class R(list):\n    def close(self): raise SystemExit\n" APP START
     "    return R([b'x'])\n",
     "200 OK", TEXT, "x", OK, "err: PYW0252: SystemExit"},
    /* streams */
    {"print", APP START "    print('a'); print('b', end='')\n" DONE, "200 OK", NULL,
     "x", OK, "err: a\nerr: b\n"},
    {"sys.stderr", "import sys\n" APP START "    sys.stderr.write('a\\nb\\nc')\n" DONE,
     "200 OK", NULL, "x", OK, "err: a\nerr: b\nerr: c\n"},
    {"wsgi.errors",
     APP START
     "    e = environ['wsgi.errors']; e.write('a\\n'); e.writelines(['b\\n', 'c'])\n" DONE,
     "200 OK", NULL, "x", OK, "err: a\nerr: b\nerr: c\n"},
    {"wsgi.errors takes any text",
     APP START "    environ['wsgi.errors'].write('\\u20ac \\udce9\\n')\n" DONE,
     "200 OK", NULL, "x", OK, "err: \xe2\x82\xac ?\n"},
    {"wsgi.errors' buffer takes anything like bytes",
     APP START
     "    environ['wsgi.errors'].buffer.write(memoryview(bytearray(b'abc\\n')))\n" DONE,
     "200 OK", NULL, "x", OK, "err: abc\n"},
    {"wsgi.errors has no descriptor",
     APP START
     "    try: environ['wsgi.errors'].fileno()\n    except OSError: print('none')\n" DONE,
     "200 OK", NULL, "x", OK, "err: none\n"},
    {"wsgi.errors is a text stream",
     "import io\n" APP START "    e = environ['wsgi.errors']\n"
     "    return [repr((type(e) is io.TextIOWrapper, type(e.buffer).__name__, e.encoding, e.errors,\n"
     "                  e.line_buffering)).encode()]\n",
     "200 OK", NULL, "(True, 'Log', 'utf-8', 'replace', True)", OK, ""},
};

static unsigned complaints;

static void complain(const struct expectation *wanted, const char *what, const char *is,
                     const char *should_be)
{
    complaints++;
    fprintf(stderr, "%s: %s is\n%s\ninstead of\n%s\n", wanted->name, what, is,
            should_be);
}

static void compare(const struct expectation *wanted, const char *what, const char *is,
                    const char *should_be)
{
    if (should_be != NULL && strcmp(is, should_be) != 0) {
        complain(wanted, what, is, should_be);
    }
}

static void check_result(const struct expectation *wanted, struct fake *fake)
{
    const char *log = fake_text(&fake->log);

    if (fake->violation != NULL) {
        complain(wanted, "the contract", fake->violation, "kept");
    }
    if (fake->outcome != wanted->outcome) {
        complain(wanted, "the outcome", pyw_frame_outcome_name((unsigned)fake->outcome),
                 pyw_frame_outcome_name((unsigned)wanted->outcome));
    }
    compare(wanted, "the status", fake_text(&fake->status),
            wanted->status != NULL ? wanted->status : "");
    compare(wanted, "the headers", fake_text(&fake->headers), wanted->headers);
    compare(wanted, "the body", fake_text(&fake->received), wanted->body);
    if (wanted->log != NULL &&
        (wanted->log[0] == '\0' ? log[0] != '\0' : strstr(log, wanted->log) == NULL)) {
        complain(wanted, "the log", log, wanted->log);
    }
}

/* Without the line that says that a script is loaded. */
static void load(const char *script)
{
    struct fake fake;

    application_request(&fake, script);
    fake.head.callable = PYW_SPAN("nothing");
    pyw_serve_run(&fake.exchange);
    fake_free(&fake);
}

START_TEST(applications_give_what_the_table_says)
{
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const char *script = application_write(cases[i].source);

        load(script);
        for (int blocks = 0; blocks < 2; blocks++) {
            struct fake fake;

            application_request(&fake, script);
            fake.blocks = blocks != 0;
            pyw_serve_run(&fake.exchange);
            check_result(&cases[i], &fake);
            fake_free(&fake);
        }
    }
    ck_assert_uint_eq(complaints, 0);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {applications_give_what_the_table_says, NULL};

    application_start();
    return suite_run("wsgi/serve", tests);
}
