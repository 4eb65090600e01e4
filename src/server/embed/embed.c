/* embed.c: the entry point of pywsgi-embed.so, which an Apache child loads when it
 * first needs Python in its own process. See base/embed_api.h.
 */
#include <stdio.h>

#include "base/embed_api.h"
#include "python/events.h"
#include "python/loader.h"
#include "python/reporter.h"
#include "python/runtime.h"
#include "python/scoreboard.h"
#include "wsgi/serve.h"

static int start(const struct pyw_setup *setup, pyw_process_log *log, char *why,
                 size_t why_size)
{
    pyw_serve_register();
    if (pyw_runtime_check(setup, why, why_size) != 0) {
        return -1;
    }
    if (pyw_runtime_start(setup, log, why, why_size) != 0) {
        return -1;
    }
    for (size_t i = 0; i < setup->preload_count; i++) {
        /* One that fails has said so. */
        (void)pyw_loader_preload(&setup->preloads[i]);
    }
    pyw_reporter_start(setup);
    return 0;
}

static void stop(void)
{
    pyw_reporter_stopping("");
    pyw_events_stopping("");
    pyw_runtime_stop();
    pyw_reporter_stopped();
}

extern const struct pyw_embed_api pyw_embed_api;

__attribute__((visibility("default"))) const struct pyw_embed_api pyw_embed_api = {
    .version = PYW_EMBED_API_VERSION,
    .python_version = PYW_PYTHON_VERSION,
    .start = start,
    .offer_scoreboard = pyw_scoreboard_offer,
    .serve = pyw_serve_run,
    .stop = stop,
};
