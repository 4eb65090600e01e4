/* setup.h: what the supervisor tells a daemon process at start, as an ordered list of
 * names and values in a sealed memory file (descriptor PYW_SETUP_FD), not on the
 * command line where everybody could read it. docs/protocol.md, "Setup", lists the
 * names.
 *
 * Written by supervisor/spawn, read once by host/main; embedded mode fills the struct
 * directly (apache/bridge) and never packs it.
 */
#ifndef PYW_BASE_SETUP_H
#define PYW_BASE_SETUP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/frame.h"
#include "base/options.h"
#include "base/python_options.h"

/* The descriptors that a daemon process starts with, beside 0 (/dev/null), 1 and 2 (the
 * log). */
enum pyw_setup_fds {
    PYW_SETUP_FD = 3,    /* this setup, read-only */
    PYW_TABLE_FD = 4,    /* the group table (channel/table) */
    PYW_LISTENER_FD = 5, /* listening unix socket */
    PYW_LIFELINE_FD = 6, /* channel/lifeline: its end = end now */
    PYW_NOTIFY_FD = 7,   /* pipe: any byte = look at the group table again */
    PYW_FIRST_FREE_FD = 8,
    PYW_BOARD_FD = 8, /* with server-metrics=On: the snapshots (channel/board); closed
                         once they are mapped */
    PYW_SETUP_FDS = 9
};

#define PYW_SETUP_MAX_PRELOADS 256

/* Exit status of a process that had to load its scripts and could not. */
#define PYW_EXIT_LOAD 3

/* A script that is imported before the process counts as ready. */
struct pyw_preload {
    const char *script;
    const char *application_group;
    const char *mount;    /* URL path that it serves, for warm-up; NULL: not known */
    const char *callable; /* likewise; NULL: the usual one */
};

struct pyw_setup {
    const char *group; /* name of the process group; "" in embedded mode */
    uint32_t slot;     /* index in the group table */
    uint32_t generation;
    bool must_load; /* it replaces others: a script that fails ends it (PYW_EXIT_LOAD)
                     */
    bool is_zygote; /* imports, serves nothing, and forks processes that do */
    unsigned char secret[PYW_FRAME_SECRET_LEN];
    uint32_t peer_uid; /* the only user, beside root, who may connect */
    const char *mpm_name;
    uint32_t server_version[3];     /* Apache's: apache.version */
    const char *server_description; /* Apache's, in full: apache.description */
    const char *server_built;       /* apache.build_date */
    uint32_t mpm_processes;         /* apache.maximum_processes */
    uint32_t mpm_threads;           /* apache.threads_per_process */
    uint32_t maximum_processes;     /* mod_wsgi.maximum_processes */
    uint32_t threads_per_process;   /* mod_wsgi.threads_per_process */
    bool is_multiprocess;           /* wsgi.multiprocess */
    bool
        is_debug; /* one process on a terminal (httpd -X): std streams are left alone */
    const char *telemetry_path; /* the socket that it reports to; NULL or "": none */
    uint32_t telemetry_interval_ms;
    bool has_slow_requests;
    uint32_t slow_requests_ms; /* what runs longer is reported */
    bool telemetry_user_agent; /* ...with the client's User-Agent */
    size_t preload_count;
    struct pyw_preload preloads[PYW_SETUP_MAX_PRELOADS];
    struct pyw_options options;
    struct pyw_python_options python;
};

/* Whether the process runs its scripts as a program and serves no requests; and whether
 * it does so at times. */
static inline bool pyw_setup_is_service(const struct pyw_setup *setup)
{
    return setup->options.threads == 0 && setup->group[0] != '\0';
}

static inline bool pyw_setup_is_scheduled(const struct pyw_setup *setup)
{
    return pyw_setup_is_service(setup) && setup->options.schedule != NULL;
}

/* Appends the packed setup. Writer `failed` when it does not fit. */
void pyw_setup_put(struct pyw_writer *writer, const struct pyw_setup *setup);

/* Reads a packed setup; its strings point into `text`, which the caller owns and keeps.
 * @return 0, or -EPROTO with the offending name in `why`. */
int pyw_setup_get(const char *text, size_t len, struct pyw_setup *setup, char *why,
                  size_t why_size);

#endif
