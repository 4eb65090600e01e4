/* conf.h: the configuration: what the directives wrote, per directory, per virtual
 * host, and once for the whole server.
 *
 * Written by the Apache parent while it reads the configuration; read-only afterwards,
 * in every process and thread. Pool: the configuration's.
 */
#ifndef PYW_APACHE_CONF_H
#define PYW_APACHE_CONF_H

#include <httpd.h>

#include <apr_hash.h>
#include <apr_tables.h>
#include <http_config.h>

#include "base/frame.h"
#include "base/options.h"
#include "base/python_options.h"
#include "base/setup.h"

/* A script that decides: WSGIAuthUserScript and its kin. */
struct pyw_decider {
    const char *path;
    const char *process_group;     /* "" is embedded mode */
    const char *application_group; /* may be a token; "" is the main interpreter */
};

/* Per directory; what stands outside of any section is the server's outermost
 * directory. Each field has a row in conf.c that says how it inherits. */
struct pyw_dir_conf {
    /* routing */
    const char *process_group;     /* NULL: unset; "" is embedded mode */
    const char *application_group; /* NULL: unset; "" is the main interpreter */
    const char *callable;
    apr_hash_t *handlers; /* name -> const struct pyw_handler *; NULL: unset */
    apr_array_header_t *restrict_process; /* const char *; "" is embedded mode */

    /* requests; enum pyw_flag */
    int pass_authorization;
    int chunked_request;
    int script_reloading;
    int ignore_activity;
    int error_override;
    int map_head; /* may be PYW_AUTO */
    int enable_sendfile;
    int early_hints;
    int pass_apache_request;

    /* proxies; NULL: unset */
    apr_array_header_t *proxy_headers;   /* of apache/proxy, in order */
    apr_array_header_t *trusted_proxies; /* apr_ipsubnet_t * */

    /* scripts that decide; NULL: unset */
    const struct pyw_decider *dispatch_script;
    const struct pyw_decider *access_script;
    const struct pyw_decider *user_script;
    const struct pyw_decider *group_script;
};

/* Options behind a script (apache/script_options); NULL and PYW_UNSET: not given. */
struct pyw_script_options {
    const char *process_group;
    const char *application_group;
    const char *callable;
    int pass_authorization;
};

/* One WSGIHandlerScript. */
struct pyw_handler {
    const char *script;
    struct pyw_script_options options;
};

/* One WSGIScriptAlias or WSGIScriptAliasMatch. */
struct pyw_alias {
    const char *url;     /* NULL for a Match */
    ap_regex_t *pattern; /* NULL for a plain alias */
    const char *target;
    bool is_file; /* the target was a regular file when the configuration was read */
    struct pyw_script_options options;
};

/* Per virtual host. */
struct pyw_server_conf {
    apr_array_header_t *aliases; /* const struct pyw_alias *, in order */
    /* Made of them when all has been read: numbers (int) in `aliases`, in order. */
    apr_hash_t *alias_lists;          /* by the first component of a URL that has one */
    apr_array_header_t *alias_others; /* for any other URL */
    int keep_alive_linger_ms;         /* PYW_UNSET: not given */
};

/* A WSGIDaemonProcess line. */
struct pyw_group_conf {
    const char *name;
    server_rec *server; /* where it stands; its ErrorLog gets the group's log */
    struct pyw_options options;
    uid_t uid;
    gid_t gid;
    bool has_user;
    bool has_group;
    uid_t socket_uid;
    uid_t script_uid; /* -1: not given; one of the two at most */
    gid_t script_gid;
    apr_array_header_t *preloads; /* struct pyw_preload */
};

/* What a directive has to say that stops nobody. */
struct pyw_notice {
    server_rec *server;
    enum pyw_level level;
    const char *text;
};

/* Once per configuration. */
struct pyw_global_conf {
    apr_array_header_t *groups;  /* struct pyw_group_conf *; add with the function */
    apr_hash_t *groups_by_name;  /* the same */
    apr_array_header_t *notices; /* struct pyw_notice, for the log */
    const char *socket_prefix;
    const char *control_socket; /* NULL: beside the other sockets; "": none */

    /* enum pyw_flag */
    int socket_rotation;
    int restrict_embedded;
    int case_sensitivity; /* of script names in %{RESOURCE} */
    int server_metrics;

    /* Python */
    const char *python_home;
    const char *python_eggs;
    struct pyw_python_options *python;          /* of processes; no rules */
    struct pyw_python_settings python_settings; /* outside of sections */
    apr_array_header_t *python_sections;        /* apache/python_conf */
    apr_array_header_t *embedded_preloads; /* struct pyw_preload; Python starts with
                                              each child where there are any */

    /* telemetry */
    const char *telemetry_path; /* NULL: nobody is reported to */
    uint32_t telemetry_interval_ms;
    uint32_t slow_requests_ms;
    bool has_slow_requests;
    bool telemetry_user_agent;
};

void *pyw_conf_create_dir(apr_pool_t *pool, char *dir);
void *pyw_conf_merge_dir(apr_pool_t *pool, void *base, void *add);
void *pyw_conf_create_server(apr_pool_t *pool, server_rec *s);
void *pyw_conf_merge_server(apr_pool_t *pool, void *base, void *add);

/* A fresh global configuration; before each reading of the files. */
void pyw_conf_reset(apr_pool_t *pool);
struct pyw_global_conf *pyw_conf_global(void);
/* Keeps what a directive has to say for the log, which opens once the configuration has
 * been read; `httpd -t` says it at once. Use through PYW_LOG with a code, or directly
 * for levels below warning. */
void pyw_conf_notice(cmd_parms *cmd, enum pyw_level level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

const struct pyw_dir_conf *pyw_conf_dir(const request_rec *r);
const struct pyw_server_conf *pyw_conf_server(const server_rec *s);

/* The scripts that a process imports at its start. */
void pyw_conf_fill_preloads(struct pyw_setup *setup,
                            const apr_array_header_t *preloads);

/* A group's name must be new. */
void pyw_conf_add_group(struct pyw_group_conf *group);
/* The group of that name, or NULL. */
struct pyw_group_conf *pyw_conf_find_group(const char *name);
/* Whether a virtual host may use a group: defined in the main server, in the host
 * itself, or in one of the same ServerName. @return NULL, or why not. */
const char *pyw_conf_refuse_group(const struct pyw_group_conf *group,
                                  const server_rec *s);
/* A directive sends requests to the group of that name, if it is one that is known by
 * now. @return NULL or an error sentence: the group serves none. */
const char *pyw_conf_refuse_service(cmd_parms *cmd, const char *name);
/* Finds the group that a directive names: it must be defined above, and be usable from
 * where the directive stands. @return NULL or an error sentence. */
const char *pyw_conf_need_group(cmd_parms *cmd, const char *name,
                                struct pyw_group_conf **group);

#endif
