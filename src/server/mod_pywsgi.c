/* mod_pywsgi.c: the module records, and one register_hooks call per concept.
 *
 * Two records, one code: `LoadModule wsgi_module` keeps existing files and their
 * <IfModule> lines working, `LoadModule pywsgi_module` is the project's own name.
 * Loading both is an error, and so is mod_wsgi itself beside them. Under either name
 * <IfModule mod_wsgi.c> and <IfModule mod_pywsgi.c> hold: a third record, with nothing
 * but a name, bears the file name that the loaded one has not.
 */
#include <httpd.h>

#include <http_config.h>
#include <http_log.h>

#include <string.h>

#include "apache/alias.h"
#include "apache/auth.h"
#include "apache/conf.h"
#include "apache/directives.h"
#include "apache/health.h"
#include "apache/kept.h"
#include "apache/launch.h"
#include "apache/linger.h"
#include "apache/module.h"
#include "apache/outflow.h"
#include "apache/request.h"
#include "apache/score.h"
#include "apache/service.h"

#define EXPORTED __attribute__((visibility("default")))

extern module AP_MODULE_DECLARE_DATA wsgi_module EXPORTED;
extern module AP_MODULE_DECLARE_DATA pywsgi_module EXPORTED;

module *pyw_module;

static bool is_loaded_twice;

/* mod_wsgi itself beside this module under its other name: each would act on the
 * other's directives, and the symbol wsgi_module means one of the two to both. For that
 * reason the records are told apart by their directives, not by that symbol's address.
 */
static bool is_mod_wsgi_loaded(void)
{
    for (const module *record = ap_top_module; record != NULL; record = record->next) {
        if (strcmp(record->name, "mod_wsgi.c") == 0 && record->cmds != NULL &&
            record->cmds != pyw_directives) {
            return true;
        }
    }
    return false;
}

/* Before any directive but LoadModule is acted on. */
static int check_loaded_once(apr_pool_t *pconf, apr_pool_t *plog, apr_pool_t *ptemp)
{
    const char *why = NULL;

    (void)pconf;
    (void)plog;
    (void)ptemp;
    if (is_loaded_twice) {
        why =
            "mod_pywsgi is loaded as wsgi_module and as pywsgi_module: keep one of the "
            "two LoadModule lines.";
    } else if (is_mod_wsgi_loaded()) {
        why = "mod_wsgi is loaded beside mod_pywsgi: take its LoadModule line out "
              "(Debian: a2dismod wsgi).";
    }
    if (why != NULL) {
        ap_log_error(APLOG_MARK, APLOG_CRIT, 0, NULL, "%s", why);
        return HTTP_INTERNAL_SERVER_ERROR;
    }
    return OK;
}

static void register_hooks(apr_pool_t *pool, module *record)
{
    if (pyw_module != NULL && pyw_module != record) {
        is_loaded_twice = true;
        return;
    }
    pyw_module = record;
    ap_hook_pre_config(check_loaded_once, NULL, NULL, APR_HOOK_FIRST);
    pyw_alias_register_hooks(pool);
    pyw_launch_register_hooks(pool);
    pyw_service_register_hooks(pool);
    pyw_health_register_hooks(pool);
    pyw_linger_register_hooks(pool);
    pyw_kept_register_hooks(pool);
    pyw_request_register_hooks(pool);
    pyw_outflow_register_hooks(pool);
    pyw_auth_register_hooks(pool);
    pyw_score_register_hooks(pool);
}

/* STANDARD20_MODULE_STUFF names the record after the source file; <IfModule mod_wsgi.c>
 * needs the name that the file never had. */
#define RECORD_HEAD(file_name)                                                         \
    MODULE_MAGIC_NUMBER_MAJOR, MODULE_MAGIC_NUMBER_MINOR, -1, file_name, NULL, NULL,   \
        MODULE_MAGIC_COOKIE, NULL

/* No hooks, directives or configuration: these exist to be found by name. */
static module wsgi_file_name = {
    RECORD_HEAD("mod_wsgi.c"), NULL, NULL, NULL, NULL, NULL, NULL, AP_MODULE_FLAG_NONE};
static module pywsgi_file_name = {
    RECORD_HEAD("mod_pywsgi.c"), NULL, NULL, NULL, NULL, NULL, NULL,
    AP_MODULE_FLAG_NONE};

static apr_status_t remove_name(void *record)
{
    ap_remove_module(record);
    return APR_SUCCESS;
}

/* Called while the loaded record is being added, so that the name is there for the next
 * line of the configuration. `pool` is the configuration's: the name goes with it,
 * before the library is unmapped. */
static void add_name(apr_pool_t *pool, module *record)
{
    if (record->module_index == -1 && ap_add_module(record, pool, NULL) == NULL) {
        apr_pool_cleanup_register(pool, record, remove_name, apr_pool_cleanup_null);
    }
}

static void register_wsgi(apr_pool_t *pool)
{
    register_hooks(pool, &wsgi_module);
    add_name(pool, &pywsgi_file_name);
}

static void register_pywsgi(apr_pool_t *pool)
{
    register_hooks(pool, &pywsgi_module);
    add_name(pool, &wsgi_file_name);
}

module AP_MODULE_DECLARE_DATA wsgi_module = {
    RECORD_HEAD("mod_wsgi.c"),
    pyw_conf_create_dir,
    pyw_conf_merge_dir,
    pyw_conf_create_server,
    pyw_conf_merge_server,
    pyw_directives,
    register_wsgi,
    AP_MODULE_FLAG_NONE,
};

module AP_MODULE_DECLARE_DATA pywsgi_module = {
    RECORD_HEAD("mod_pywsgi.c"),
    pyw_conf_create_dir,
    pyw_conf_merge_dir,
    pyw_conf_create_server,
    pyw_conf_merge_server,
    pyw_directives,
    register_pywsgi,
    AP_MODULE_FLAG_NONE,
};
