#include "apache/handler.h"

#include <apr_hash.h>
#include <apr_strings.h>
#include <string.h>

#include "apache/alias.h"
#include "apache/health.h"
#include "apache/script_options.h"

/* The next word as a path. @return NULL: *path is set; or an error sentence. */
static const char *read_script(cmd_parms *cmd, const char **line, const char *kind,
                               const char **path)
{
    const char *word = ap_getword_conf(cmd->pool, line);

    *path = *word != '\0' ? ap_server_root_relative(cmd->pool, word) : NULL;
    if (*path == NULL) {
        return apr_psprintf(cmd->pool, "Location of WSGI %s script not supplied.",
                            kind);
    }
    return NULL;
}

const char *pyw_handler_set(cmd_parms *cmd, void *dir_conf, const char *arguments)
{
    struct pyw_dir_conf *conf = dir_conf;
    struct pyw_handler *handler = apr_pcalloc(cmd->pool, sizeof(*handler));
    const char *name = ap_getword_conf(cmd->pool, &arguments);
    const char *error;

    if (*name == '\0') {
        return "Name for WSGI handler script not supplied.";
    }
    if (pyw_alias_is_handler(name) || pyw_health_is_handler(name)) {
        return apr_psprintf(cmd->pool,
                            "WSGIHandlerScript: the handler '%s' serves the resource "
                            "itself: choose another name.",
                            name);
    }
    error = read_script(cmd, &arguments, "handler", &handler->script);
    if (error == NULL) {
        error = pyw_script_options_read(cmd, &arguments, "handler script",
                                        PYW_SCRIPT_PROCESS_GROUP |
                                            PYW_SCRIPT_APPLICATION_GROUP |
                                            PYW_SCRIPT_AUTHORIZATION,
                                        &handler->options);
    }
    if (error == NULL && handler->options.process_group != NULL) {
        error = pyw_conf_refuse_service(cmd, handler->options.process_group);
    }
    if (error != NULL) {
        return error;
    }
    if (conf->handlers == NULL) {
        conf->handlers = apr_hash_make(cmd->pool);
    }
    apr_hash_set(conf->handlers, name, APR_HASH_KEY_STRING, handler);
    return NULL;
}

/* A run of a job is a fork, in which there is one interpreter. */
static const char *check_job(cmd_parms *cmd, const struct pyw_script_options *options)
{
    const struct pyw_group_conf *group = pyw_conf_find_group(options->process_group);

    return group == NULL || group->options.schedule == NULL ||
                   options->application_group[0] == '\0'
               ? NULL
               : apr_psprintf(cmd->pool,
                              "WSGI process group '%s' has schedule=, and its scripts "
                              "run in the main interpreter: say "
                              "application-group=%%{GLOBAL}.",
                              group->name);
}

const char *pyw_handler_set_import(cmd_parms *cmd, void *dir_conf,
                                   const char *arguments)
{
    struct pyw_script_options options;
    const char *script;
    const char *error = read_script(cmd, &arguments, "import", &script);

    (void)dir_conf;
    if (error == NULL) {
        error = pyw_script_options_read(
            cmd, &arguments, "import script",
            PYW_SCRIPT_PROCESS_GROUP | PYW_SCRIPT_APPLICATION_GROUP, &options);
    }
    if (error != NULL) {
        return error;
    }
    if (options.application_group == NULL) {
        return "Name of WSGI application group required: add application-group= to "
               "WSGIImportScript.";
    }
    if (options.process_group == NULL) {
        return "Name of WSGI process group required: add process-group= to "
               "WSGIImportScript.";
    }
    error = check_job(cmd, &options);
    return error != NULL ? error
                         : pyw_script_options_queue(cmd, script, &options, NULL, false);
}

const struct pyw_handler *pyw_handler_of(const request_rec *r)
{
    apr_hash_t *handlers = pyw_conf_dir(r)->handlers;

    return handlers != NULL && r->handler != NULL
               ? apr_hash_get(handlers, r->handler, APR_HASH_KEY_STRING)
               : NULL;
}
