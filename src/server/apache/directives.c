#include "apache/directives.h"

#include <apr_strings.h>
#include <errno.h>
#include <http_core.h>

#include "apache/alias.h"
#include "apache/conf.h"
#include "apache/control_socket.h"
#include "apache/daemon_process.h"
#include "apache/decide.h"
#include "apache/handler.h"
#include "apache/linger.h"
#include "apache/module.h"
#include "apache/proxy.h"
#include "apache/python_conf.h"
#include "apache/telemetry.h"

/* --- setters --- */

/* A text of the per-directory configuration; the offset comes with the table row. */
static const char *set_dir_text(cmd_parms *cmd, void *dir_conf, const char *value)
{
    const char **field = (const char **)((char *)dir_conf + (size_t)cmd->info);

    if (*value == '\0') {
        return apr_psprintf(cmd->pool, "%s takes a name.", cmd->cmd->name);
    }
    *field = value;
    return NULL;
}

static const char *set_process_group(cmd_parms *cmd, void *dir_conf, const char *value)
{
    const char *error = pyw_conf_refuse_service(cmd, value);

    return error != NULL ? error : set_dir_text(cmd, dir_conf, value);
}

static const char *parse_flag(cmd_parms *cmd, const char *value, int *flag)
{
    if (strcasecmp(value, "On") == 0) {
        *flag = PYW_ON;
    } else if (strcasecmp(value, "Off") == 0) {
        *flag = PYW_OFF;
    } else {
        return apr_psprintf(cmd->pool, "%s must be one of: Off | On", cmd->cmd->name);
    }
    return NULL;
}

static const char *set_dir_flag(cmd_parms *cmd, void *dir_conf, const char *value)
{
    return parse_flag(cmd, value,
                      (int *)(void *)((char *)dir_conf + (size_t)cmd->info));
}

static const char *set_global_text(cmd_parms *cmd, void *dir_conf, const char *value)
{
    const char *error = ap_check_cmd_context(cmd, GLOBAL_ONLY);

    (void)dir_conf;
    if (error == NULL) {
        *(const char **)((char *)pyw_conf_global() + (size_t)cmd->info) = value;
    }
    return error;
}

static const char *set_global_dir(cmd_parms *cmd, void *dir_conf, const char *value)
{
    const char *path = ap_server_root_relative(cmd->pool, value);

    if (path == NULL || *value == '\0') {
        return apr_psprintf(cmd->pool, "%s takes a directory.", cmd->cmd->name);
    }
    return set_global_text(cmd, dir_conf, path);
}

static const char *set_socket_prefix(cmd_parms *cmd, void *dir_conf, const char *value)
{
    const char *path = ap_server_root_relative(cmd->pool, value);

    if (path == NULL || *value == '\0') {
        return apr_psprintf(cmd->pool, "Invalid WSGISocketPrefix '%s'.", value);
    }
    return set_global_text(cmd, dir_conf, path);
}

/* A flag of the whole server; the offset comes with the table row. */
static const char *set_global_flag(cmd_parms *cmd, void *dir_conf, const char *value)
{
    const char *error = ap_check_cmd_context(cmd, GLOBAL_ONLY);
    char *conf = (char *)pyw_conf_global();

    (void)dir_conf;
    return error != NULL
               ? error
               : parse_flag(cmd, value, (int *)(void *)(conf + (size_t)cmd->info));
}

static const char *set_linger(cmd_parms *cmd, void *dir_conf, const char *value)
{
    struct pyw_server_conf *conf =
        ap_get_module_config(cmd->server->module_config, pyw_module);
    apr_int64_t ms;
    char *end = NULL;

    (void)dir_conf;
    errno = 0;
    ms = apr_strtoi64(value, &end, 10);
    if (errno != 0 || end == value || *end != '\0' || ms < 0 ||
        ms > PYW_LINGER_MAX_MS) {
        return apr_psprintf(cmd->pool,
                            "Invalid WSGIKeepAliveLinger '%s': give milliseconds from "
                            "0 (off) to %d.",
                            value, PYW_LINGER_MAX_MS);
    }
    conf->keep_alive_linger_ms = (int)ms;
    return NULL;
}

/* --- directives that have nothing to do here --- */

static const char *set_accept_mutex(cmd_parms *cmd, void *dir_conf, const char *value)
{
    static const char *const names[] = {"default", "flock",    "fcntl",
                                        "sysvsem", "posixsem", "pthread"};
    const char *error = ap_check_cmd_context(cmd, GLOBAL_ONLY);
    bool is_known = false;

    (void)dir_conf;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        is_known |= strcasecmp(value, names[i]) == 0;
    }
    if (error == NULL && !is_known) {
        return apr_psprintf(cmd->pool,
                            "Invalid WSGIAcceptMutex '%s': must be one of: default | "
                            "flock | fcntl | sysvsem | posixsem | pthread",
                            value);
    }
    if (error == NULL) {
        pyw_conf_notice(
            cmd, PYW_LEVEL_INFO,
            "WSGIAcceptMutex has nothing to choose here and may be taken out: "
            "the processes of a group do not compete for connections.");
    }
    return error;
}

static const char *set_verbose_debugging(cmd_parms *cmd, void *dir_conf,
                                         const char *value)
{
    const char *error = ap_check_cmd_context(cmd, GLOBAL_ONLY);
    int flag;

    (void)dir_conf;
    if (error == NULL) {
        error = parse_flag(cmd, value, &flag);
    }
    if (error == NULL) {
        pyw_conf_notice(
            cmd, PYW_LEVEL_NOTICE,
            "WSGIVerboseDebugging shows nothing and may be taken out: write "
            "LogLevel wsgi:debug to see what is done.");
    }
    return error;
}

/* A name that mod_wsgi had and dropped; what to write instead comes with the row. */
static const char *refuse_dropped(cmd_parms *cmd, void *dir_conf, const char *arguments)
{
    (void)dir_conf;
    (void)arguments;
    return apr_pstrcat(cmd->pool, cmd->cmd->name,
                       " is no longer a directive: ", (const char *)cmd->info, NULL);
}

static const char *set_map_head(cmd_parms *cmd, void *dir_conf, const char *value)
{
    int *field = &((struct pyw_dir_conf *)dir_conf)->map_head;

    if (strcasecmp(value, "Auto") == 0) {
        *field = PYW_AUTO;
        return NULL;
    }
    return parse_flag(cmd, value, field) == NULL
               ? NULL
               : "WSGIMapHEADToGET must be one of: Off | On | Auto";
}

static const char *add_restrict_process(cmd_parms *cmd, void *dir_conf,
                                        const char *value)
{
    struct pyw_dir_conf *conf = dir_conf;

    if (conf->restrict_process == NULL) {
        conf->restrict_process = apr_array_make(cmd->pool, 4, sizeof(const char *));
    }
    APR_ARRAY_PUSH(conf->restrict_process, const char *) =
        strcmp(value, "%{GLOBAL}") == 0 ? "" : value;
    return NULL;
}

/* A flag that mod_wsgi has and never looks at: checked, so that a slip is seen. */
static const char *set_nothing(cmd_parms *cmd, void *dir_conf, const char *value)
{
    int unused;

    (void)dir_conf;
    return parse_flag(cmd, value, &unused);
}

/* --- the table --- */

#define SERVER RSRC_CONF
#define SECTIONS (RSRC_CONF | ACCESS_CONF)
#define HTACCESS OR_FILEINFO

#define DIR_FIELD(field) ((void *)offsetof(struct pyw_dir_conf, field))
#define GLOBAL_FIELD(field) ((void *)offsetof(struct pyw_global_conf, field))
#define DROPPED(name, instead)                                                         \
    AP_INIT_RAW_ARGS(name, refuse_dropped, (void *)(uintptr_t)(instead),               \
                     RSRC_CONF | OR_ALL, "Dropped; write something else.")
#define PYTHON(name, what) AP_INIT_TAKE1(name, pyw_python_conf_set, NULL, SERVER, what)

const command_rec pyw_directives[] = {
    /* mapping */
    AP_INIT_RAW_ARGS("WSGIScriptAlias", pyw_alias_set, NULL, SERVER,
                     "A URL path, a script file or directory, and options."),
    AP_INIT_RAW_ARGS("WSGIScriptAliasMatch", pyw_alias_set_match, NULL, SERVER,
                     "A regular expression, a script file with $N, and options."),
    AP_INIT_RAW_ARGS("WSGIHandlerScript", pyw_handler_set, NULL, SECTIONS,
                     "The name of a handler, a script, and options."),
    AP_INIT_RAW_ARGS("WSGIImportScript", pyw_handler_set_import, NULL, SERVER,
                     "A script, process-group= and application-group=."),
    AP_INIT_TAKE1("WSGICaseSensitivity", set_global_flag,
                  GLOBAL_FIELD(case_sensitivity), SERVER,
                  "Off: %{RESOURCE} has the script's name in lower case."),

    /* routing */
    AP_INIT_TAKE1("WSGIProcessGroup", set_process_group, DIR_FIELD(process_group),
                  SECTIONS, "The process group that serves the application."),
    AP_INIT_TAKE1("WSGIApplicationGroup", set_dir_text, DIR_FIELD(application_group),
                  SECTIONS, "The interpreter that runs the application."),
    AP_INIT_TAKE1("WSGICallableObject", set_dir_text, DIR_FIELD(callable), HTACCESS,
                  "The name of the application in its script."),
    AP_INIT_ITERATE("WSGIRestrictProcess", add_restrict_process, NULL, SECTIONS,
                    "The process groups that may be chosen."),
    AP_INIT_TAKE1("WSGIRestrictEmbedded", set_global_flag,
                  GLOBAL_FIELD(restrict_embedded), SERVER,
                  "On: no application runs in Apache's own processes."),

    /* requests */
    AP_INIT_TAKE1("WSGIScriptReloading", set_dir_flag, DIR_FIELD(script_reloading),
                  HTACCESS, "Off: a script that changed is not loaded again."),
    AP_INIT_TAKE1("WSGIPassAuthorization", set_dir_flag, DIR_FIELD(pass_authorization),
                  HTACCESS, "On: the application sees the Authorization header."),
    AP_INIT_TAKE1("WSGIPassApacheRequest", set_dir_flag, DIR_FIELD(pass_apache_request),
                  SECTIONS, "On: embedded applications get Apache's request_rec."),
    AP_INIT_TAKE1("WSGIChunkedRequest", set_dir_flag, DIR_FIELD(chunked_request),
                  HTACCESS, "Off: a chunked request body is answered 411."),
    AP_INIT_TAKE1("WSGIErrorOverride", set_dir_flag, DIR_FIELD(error_override),
                  HTACCESS, "On: the application's errors get Apache's pages."),
    AP_INIT_TAKE1("WSGIMapHEADToGET", set_map_head, NULL, HTACCESS,
                  "Whether a HEAD request is a GET request to the application."),
    AP_INIT_TAKE1("WSGIIgnoreActivity", set_dir_flag, DIR_FIELD(ignore_activity),
                  HTACCESS, "On: requests do not count for inactivity-timeout."),
    AP_INIT_TAKE1("WSGIEnableSendfile", set_dir_flag, DIR_FIELD(enable_sendfile),
                  HTACCESS, "Whether files of the application go out by sendfile(2)."),
    AP_INIT_TAKE1("WSGIEarlyHints", set_dir_flag, DIR_FIELD(early_hints), HTACCESS,
                  "Whether an application may send 103 before its response."),
    AP_INIT_TAKE1("WSGIKeepAliveLinger", set_linger, NULL, SERVER,
                  "Milliseconds that a thread waits for the next request of a client."),
    AP_INIT_ITERATE("WSGITrustedProxyHeaders", pyw_proxy_set_header, NULL, HTACCESS,
                    "Headers that are believed when a trusted proxy sends them."),
    AP_INIT_ITERATE("WSGITrustedProxies", pyw_proxy_set_trusted, NULL, HTACCESS,
                    "Addresses and networks of the proxies that are trusted."),

    /* process groups */
    AP_INIT_RAW_ARGS("WSGIDaemonProcess", pyw_daemon_process_set, NULL, SERVER,
                     "The name of a process group, and options."),
    AP_INIT_TAKE1("WSGISocketPrefix", set_socket_prefix, GLOBAL_FIELD(socket_prefix),
                  SERVER, "The beginning of the path of the directory for sockets."),
    AP_INIT_TAKE1("WSGIControlSocket", pyw_control_socket_set, NULL, SERVER,
                  "The path of the socket that commands are sent to, or Off."),
    AP_INIT_TAKE1("WSGISocketRotation", set_global_flag, GLOBAL_FIELD(socket_rotation),
                  SERVER,
                  "Off: the directory for sockets keeps its name over restarts."),
    AP_INIT_TAKE1("WSGIAcceptMutex", set_accept_mutex, NULL, SERVER,
                  "Accepted; there is nothing to choose."),
    AP_INIT_TAKE1("WSGIVerboseDebugging", set_verbose_debugging, NULL, SERVER,
                  "Accepted; write LogLevel wsgi:debug."),

    /* Python */
    AP_INIT_TAKE1("WSGIPythonHome", set_global_dir, GLOBAL_FIELD(python_home), SERVER,
                  "The virtual environment or prefix of Python."),
    AP_INIT_TAKE1("WSGIPythonEggs", set_global_dir, GLOBAL_FIELD(python_eggs), SERVER,
                  "The directory that eggs are unpacked into."),
    PYTHON("WSGIPythonPath", "Directories for sys.path, separated by ':'."),
    PYTHON("WSGIPythonOptimize", "0 to 2, as python -O and -OO."),
    PYTHON("WSGIPythonWarnings", "A filter of warnings, as python -W."),
    PYTHON("WSGIDontWriteBytecode", "On: no .pyc files, as python -B."),
    PYTHON("WSGIPythonHashSeed", "'random', or a seed for hash()."),
    PYTHON("WSGISwitchInterval", "Seconds that a thread runs before another may."),
    PYTHON("WSGIDestroyInterpreter", "Off: a process ends without exit functions."),
    PYTHON("WSGIPerInterpreterGIL", "On: a GIL for each sub-interpreter."),
    PYTHON("WSGIFreeThreading", "On: no GIL, where Python can do without."),
    PYTHON("WSGIRestrictStdin", "On: sys.stdin cannot be used."),
    PYTHON("WSGIRestrictStdout", "On: sys.stdout cannot be used."),
    PYTHON("WSGIRestrictSignal", "Off: applications may handle signals."),
    AP_INIT_RAW_ARGS("<WSGIInterpreterOptions", pyw_python_conf_section, NULL, SERVER,
                     "Settings for a process group, an interpreter, or both."),

    /* scripts that decide */
    AP_INIT_RAW_ARGS("WSGIDispatchScript", pyw_decide_set, DIR_FIELD(dispatch_script),
                     SECTIONS, "A script that says where requests go, and options."),
    AP_INIT_RAW_ARGS("WSGIAuthUserScript", pyw_decide_set, DIR_FIELD(user_script),
                     OR_AUTHCFG, "A script that knows the users, and options."),
    AP_INIT_RAW_ARGS("WSGIAuthGroupScript", pyw_decide_set, DIR_FIELD(group_script),
                     OR_AUTHCFG, "A script that knows their groups, and options."),
    AP_INIT_RAW_ARGS("WSGIAccessScript", pyw_decide_set, DIR_FIELD(access_script),
                     OR_AUTHCFG, "A script that knows who may come in, and options."),
    AP_INIT_TAKE1("WSGIGroupAuthoritative", set_nothing, NULL, OR_AUTHCFG,
                  "Of no effect, as in mod_wsgi."),

    /* metrics */
    AP_INIT_TAKE1("WSGIServerMetrics", set_global_flag, GLOBAL_FIELD(server_metrics),
                  SERVER, "On: mod_wsgi.server_metrics() works in embedded mode."),
    AP_INIT_RAW_ARGS("WSGITelemetryService", pyw_telemetry_set_service, NULL, SERVER,
                     "unix: and the path of a socket that processes report to."),
    AP_INIT_TAKE1("WSGISlowRequests", pyw_telemetry_set_slow, NULL, SERVER,
                  "Seconds after which a request that runs is reported."),
    AP_INIT_RAW_ARGS("WSGITelemetryOptions", pyw_telemetry_set_options, NULL, SERVER,
                     "None, All, or what is reported beside the usual."),

    /* of earlier versions of mod_wsgi */
    DROPPED(
        "WSGIReloadMechanism",
        "take it out. A script that changed is served by a new process (daemon mode) "
        "or loaded again (embedded mode); WSGIScriptReloading Off turns that off."),
    DROPPED("WSGIPythonExecutable",
            "write WSGIPythonHome and the directory of the virtual environment or the "
            "prefix of Python, or python-home= of WSGIDaemonProcess."),
    DROPPED(
        "WSGILazyInitialization",
        "take it out. Python never runs in Apache's parent; it starts in the processes "
        "that run applications."),
    DROPPED("WSGIChunkedRequestBuffer",
            "take it out. Chunked request bodies are passed on as they come, see "
            "WSGIChunkedRequest; LimitRequestBody limits them."),
    DROPPED("WSGIThreadSwitch",
            "write WSGISwitchInterval and seconds, or switch-interval= of "
            "WSGIDaemonProcess."),
    DROPPED("WSGIUserAuthoritative",
            "take it out, and list further providers in AuthBasicProvider behind wsgi: "
            "they are asked about users whom the script does not know."),

    {NULL},
};
