/* zygote.h: a process group's zygote (preload=On): the process that has imported the
 * scripts and forks those that serve, by order of the supervisor.
 *
 * It is born as any other daemon and has one thread, unless the application made more;
 * monitor, workers and all the others start in the processes that come of it.
 */
#ifndef PYW_HOST_ZYGOTE_H
#define PYW_HOST_ZYGOTE_H

#include "base/setup.h"
#include "host/host.h"

/* Main thread, once all scripts are imported, or not `has_loaded`: serves the
 * supervisor to the end of the process. Returns only in the processes that it forks,
 * where setup and host are those of the new one: 0, or -errno. */
int pyw_zygote_serve(struct pyw_host *host, struct pyw_setup *setup, bool has_loaded);

#endif
