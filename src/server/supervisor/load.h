/* load.h: what a process group does at the moment, for supervisor/size.
 *
 * Supervisor process, its only thread.
 */
#ifndef PYW_SUPERVISOR_LOAD_H
#define PYW_SUPERVISOR_LOAD_H

#include <stdint.h>

#include "channel/table.h"
#include "supervisor/process.h"
#include "supervisor/size.h"

/* `processes`: one per slot of the table. `since_ms`: milliseconds since the last such
 * look, for the use of processors meanwhile; 0: there was none. */
struct pyw_load pyw_load_take(struct pyw_table *table, struct pyw_process *processes,
                              int64_t since_ms);

#endif
