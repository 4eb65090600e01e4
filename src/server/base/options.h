/* options.h: the options of a process group (WSGIDaemonProcess NAME key=value ...), one
 * table for all who care: the directive (apache/daemon_process) that parses them, the
 * supervisor that applies identity and limits, and the daemon that reads the rest from
 * its setup (base/setup).
 *
 * Adding one: a field here, a row in options.c, a row in docs/directives.md, a test.
 */
#ifndef PYW_BASE_OPTIONS_H
#define PYW_BASE_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/texts.h"

#define PYW_OPTIONS_MAX_PROCESSES 1024
#define PYW_OPTIONS_MAX_THREADS 65533
#define PYW_OPTIONS_MAX_INTERPRETERS 256
#define PYW_OPTIONS_REQUEST_BUFFER (1024 * 1024)
#define PYW_OPTIONS_RESPONSE_BUFFER (8 * 1024 * 1024)

/* Strings borrow from the caller of pyw_options_set (a config pool, or the daemon's
 * setup) and are NULL when the option was not given. */
struct pyw_options {
    const char *user;
    const char *group;
    const char *supplementary_groups;
    const char *socket_user;
    const char *home;
    const char *lang;
    const char *locale;
    const char *python_home;
    const char *python_path;
    const char *python_eggs;
    const char *env_file;
    struct pyw_texts env; /* NAME=value */
    const char *display_name;
    const char *daemon_program;
    const char *chroot;
    const char *script_user; /* the owner that scripts must have; one of the two */
    const char *script_group;
    const char *schedule;         /* when a job runs; with threads=0 */
    const char *schedule_overlap; /* what if the last run is at work; NULL: "skip" */
    int64_t schedule_timeout_s;   /* of a run */
    int64_t processes;            /* at most */
    int64_t processes_least;
    int64_t max_unavailable; /* replaced at a time; 0: a quarter of the processes */
    int64_t threads;         /* 0: runs programs and serves no requests */
    int64_t interpreters;    /* of each application, with a GIL each */
    int64_t umask;           /* -1: inherited */
    int64_t connect_timeout_s;
    int64_t socket_timeout_s;  /* 0: Apache's Timeout */
    int64_t request_timeout_s; /* 0: none, as with the next ones */
    int64_t interrupt_timeout_s;
    int64_t startup_timeout_s;
    int64_t shutdown_timeout_s; /* 0: as long as it takes */
    int64_t graceful_timeout_s; /* 0: shutdown-timeout */
    int64_t eviction_timeout_s; /* 0: graceful-timeout */
    int64_t deadlock_timeout_s;
    int64_t inactivity_timeout_s;
    int64_t queue_timeout_s;
    int64_t queue_size; /* requests that may wait for a thread; 0: any number */
    int64_t restart_interval_s;
    int64_t restart_interval_jitter_s;
    int64_t cpu_time_limit_s;
    int64_t maximum_requests;
    int64_t maximum_requests_jitter;
    int64_t reload_on_rss; /* bytes; below 0: percent of what the process may have
                              (base/memory); 0: none */
    int64_t response_socket_timeout_s; /* 0: socket-timeout */
    int64_t response_flush_delay_ms;
    int64_t listen_backlog;
    int64_t stack_size;          /* bytes; 0: the system's default */
    int64_t send_buffer_size;    /* bytes; 0: ours (channel/socket.c) */
    int64_t receive_buffer_size; /* 0: the system's default */
    int64_t header_buffer_size;  /* of a response header line; 0: no limit of its own */
    int64_t request_buffer_size; /* of a body, before a process gets it; 0: none */
    int64_t response_buffer_size; /* 0: PYW_OPTIONS_RESPONSE_BUFFER */
    int64_t cpu_priority;
    int64_t memory_limit; /* bytes; 0: none, as with the next */
    int64_t virtual_memory_limit;
    int64_t switch_interval_us; /* 0: Python's own */
    bool server_metrics;
    bool private_tmp;           /* an empty /tmp and /var/tmp, the group's own */
    bool is_single_application; /* the main interpreter is the default */
    bool is_preload; /* processes are forked from one that has imported the scripts */
    struct pyw_texts warmup; /* paths that each process asks itself for */
    bool has_processes;      /* processes= was given, be it 1: wsgi.multiprocess */
};

void pyw_options_init(struct pyw_options *options);

/* Sets one option from its text. @return 0, or -EINVAL with a sentence for the user in
 * `why`. */
int pyw_options_set(struct pyw_options *options, const char *name, const char *value,
                    char *why, size_t why_size);

/* What is wrong with the options as a whole, once all are set. @return a sentence;
 * NULL: nothing. */
const char *pyw_options_find_fault(const struct pyw_options *options);

/* Walks the options that were given, as the texts that pyw_options_set takes. */
typedef void pyw_options_visit(void *context, const char *name, const char *value);
void pyw_options_each(const struct pyw_options *options, pyw_options_visit *visit,
                      void *context);

#endif
