/* embed_api.h: what pywsgi-embed.so offers to the Apache module, which loads it with
 * dlopen when the first request (or script) needs embedded mode. One exported symbol,
 * `pyw_embed_api`.
 *
 * Apache child only. `start` once per process, before any `serve`; `serve` from any
 * worker thread.
 */
#ifndef PYW_BASE_EMBED_API_H
#define PYW_BASE_EMBED_API_H

#include <stddef.h>
#include <stdint.h>

#include "base/pyw_exchange.h"
#include "base/scoreboard.h"
#include "base/setup.h"

#define PYW_EMBED_API_VERSION 1
#define PYW_EMBED_API_SYMBOL "pyw_embed_api"

/* Takes log text that belongs to no request; may be called from any thread, without the
 * GIL. */
typedef void pyw_process_log(enum pyw_level level, const char *text, size_t len);

struct pyw_embed_api {
    uint32_t version;
    const char *python_version; /* "3.11": what it was built for */
    /* Where mod_wsgi.server_metrics() gets what it shows; before `start`, where it may
     * show anything. */
    void (*offer_scoreboard)(pyw_scoreboard_read *read);
    /* Starts the interpreter and imports the scripts of the setup. The setup is kept:
     * it must stay valid. @return 0, or -1 with a sentence in `why`; later calls of
     * `serve` then answer 500. */
    int (*start)(const struct pyw_setup *setup, pyw_process_log *log, char *why,
                 size_t why_size);
    /* Serves one exchange to its end, on the calling thread; its `end` has been called
     * on return. */
    void (*serve)(struct pyw_exchange *exchange);
    /* Orderly end of the process: atexit functions and threads of every interpreter. */
    void (*stop)(void);
};

#endif
