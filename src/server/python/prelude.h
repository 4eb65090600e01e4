/* prelude.h: the part of an interpreter's set-up that is easier said in Python: search
 * path, standard streams, signals, stack dumps; and of its end.
 */
#ifndef PYW_PYTHON_PRELUDE_H
#define PYW_PYTHON_PRELUDE_H

#include "base/bytes.h"
#include "base/setup.h"
#include "python/interpreter.h"

/* Both: inside the interpreter. @return 0, or -1 with an exception. */
int pyw_prelude_run(const struct pyw_setup *setup,
                    const struct pyw_interpreter *interpreter);
int pyw_prelude_end(void);

/* The fork that comes is the server's own: its child goes on as a server; or it has
 * come. **GIL:** held. */
void pyw_prelude_expect_fork(bool is_ours);
/* Likewise in that child, in the main interpreter: threads have other numbers there.
 * @return 0, or -1 with an exception. */
int pyw_prelude_adopt(void);

/* True in a process that the application forked off. Such a process must not touch
 * exchanges. */
bool pyw_prelude_is_forked(void);
/* Ends such a process, which has come back from the application: it must not go on as a
 * server. `what` and `name` say where it was forked. GIL held or not. */
#define PYW_PRELUDE_SCRIPT "WSGI script"
void pyw_prelude_leave_fork(const char *what, struct pyw_span name);

#endif
