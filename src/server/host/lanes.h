/* lanes.h: the start of a process whose applications have several interpreters each
 * (interpreters=): before it is ready, those beside the first load what the first has
 * loaded, all at once, each on a thread of its own.
 */
#ifndef PYW_HOST_LANES_H
#define PYW_HOST_LANES_H

#include "base/options.h"

/* Main thread, when the first interpreters have loaded their scripts; blocks until the
 * others have. One that cannot is taken out of service (logged). @return 0, or -errno:
 * there is no thread for one of them. */
int pyw_lanes_load(const struct pyw_options *options);

#endif
