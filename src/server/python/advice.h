/* advice.h: what helps a script whose extensions refuse the interpreter that it runs
 * in.
 *
 * **GIL:** held.
 */
#ifndef PYW_PYTHON_ADVICE_H
#define PYW_PYTHON_ADVICE_H

#include <Python.h>

#include "base/pyw_exchange.h"
#include "python/interpreter.h"

/* Says it in the log, if the pending exception is of that kind; it stays pending.
 * Packages catch what their extension raised and raise something of their own: causes
 * count too. */
void pyw_advice_log(const struct pyw_interpreter *interpreter, const char *script,
                    size_t script_len, struct pyw_exchange *exchange);

#endif
