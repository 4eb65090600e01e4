/* application.h: Python in a test program, and small applications in it. */
#ifndef PYW_UNIT_WSGI_APPLICATION_H
#define PYW_UNIT_WSGI_APPLICATION_H

#include "fake_exchange.h"

/* Starts Python as a daemon process would, or as an Apache child; once per process. */
void application_start(void);
void application_start_embedded(void);
/* With home= and python-path=. */
void application_start_with_path(const char *home, const char *python_path);
/* With WSGIPerInterpreterGIL On, and an interrupt-timeout=. */
void application_start_with_own_gils(void);
/* With interpreters=. */
void application_start_with_interpreters(unsigned count);

/* Writes a script of these lines. @return its path, for ever. */
const char *application_write(const char *source);

/* A fake for a GET of the script's `application`; the rest is the test's to change
 * before `serve`. */
void application_request(struct fake *fake, const char *script);
/* Serves it on this thread and checks that the contract was kept. */
void application_serve(struct fake *fake);

/* What the process log got so far. */
const char *application_process_log(void);
void application_forget_log(void);
/* Waits until it holds this text; other threads may be writing. */
void application_await_log(const char *text);

#endif
