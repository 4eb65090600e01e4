/* target.h: where a request goes: script, callable, process group, application group,
 * after tokens such as %{RESOURCE} have been expanded (compat 1.2).
 *
 * Apache worker threads. Pool: the request's.
 */
#ifndef PYW_APACHE_TARGET_H
#define PYW_APACHE_TARGET_H

#include <httpd.h>

#include "apache/conf.h"

struct pyw_target {
    const char *script;         /* what is executed */
    const char *handler_script; /* the same where it is a WSGIHandlerScript, else "" */
    const char *filename;       /* SCRIPT_FILENAME: what the URL was mapped to */
    apr_time_t script_mtime;    /* 0: not known */
    const char *process_group;  /* "" is embedded mode; pyw_target_set_group */
    const struct pyw_group_conf *group; /* NULL: embedded mode, or none of that name */
    const char *application_group;      /* "" is the main interpreter */
    const char *callable;
    const char *script_name;     /* SCRIPT_NAME, slashes collapsed */
    const char *path_info;       /* PATH_INFO, likewise */
    bool is_default_application; /* nothing chose the application group */
    bool pass_authorization;
    bool may_be_chunked;
    bool is_reloading;
    bool is_ignored; /* for inactivity-timeout */
    bool maps_head;  /* HEAD is GET to the application */
};

/* `handler`: the handler script that the request is for, or NULL. */
void pyw_target_resolve(request_rec *r, const struct pyw_handler *handler,
                        struct pyw_target *target);

/* Sets the process group by its name. */
void pyw_target_set_group(struct pyw_target *target, const char *process_group);

/* What a dispatch script wants instead; each is expanded as its directive is, NULL
 * keeps what was resolved. */
void pyw_target_reroute(request_rec *r, struct pyw_target *target,
                        const char *process_group, const char *application_group,
                        const char *callable);

/* The application group of a script that decides, with the tokens that these may have.
 */
const char *pyw_target_expand_decider(request_rec *r, const char *text);

#endif
