/* scripts.h: asking scripts of a test for an answer, and changing them. */
#ifndef PYW_UNIT_WSGI_SCRIPTS_H
#define PYW_UNIT_WSGI_SCRIPTS_H

#include <stdbool.h>

#include "application.h"

/* The usual application, whose answer is the representation of an expression. */
#define APP "def application(environ, start_response):\n"
#define SAY(expression)                                                                \
    "    start_response('200 OK', [])\n    return [repr((" expression ")).encode()]\n"

void script_rewrite(const char *path, const char *source);

/* Requests to a script in an application group. A time asks for reloading. */
void script_ask(struct fake *fake, const char *script, const char *group,
                int64_t mtime);
void script_expect(const char *script, const char *group, int64_t mtime,
                   const char *body);
/* Expects an error and these words in the request's log. */
void script_expect_failure(const char *script, int64_t mtime, const char *log);

/* Whether the loader would have the process replaced. */
bool script_is_stale(const char *script, int64_t mtime);

#endif
