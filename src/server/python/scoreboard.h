/* scoreboard.h: server_metrics(): what Apache's processes do, as a dict, from a
 * snapshot (base/scoreboard) that the Apache half makes.
 *
 * **GIL:** held, unless said otherwise.
 */
#ifndef PYW_PYTHON_SCOREBOARD_H
#define PYW_PYTHON_SCOREBOARD_H

#include <Python.h>

#include "base/scoreboard.h"

/* Where snapshots come from; before Python starts. Without: there are none. */
void pyw_scoreboard_offer(pyw_scoreboard_read *read);

/* New reference to a dict, or to None where there are no snapshots or none can be had
 * now; NULL with an exception. */
PyObject *pyw_scoreboard_describe(void);

#endif
