#include "apache/places.h"

#include <httpd.h>
#include <ap_mpm.h>
#include <ap_release.h>
#include <apr_hash.h>
#include <apr_strings.h>
#include <dlfcn.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "apache/module.h"
#include "apache/telemetry.h"

static const char *module_dir = "";
static char pid_text[16] = "";
static apr_hash_t *environment; /* of this child; name -> value */

void pyw_places_find(apr_pool_t *pool)
{
    char real[PATH_MAX];
    Dl_info info;
    char *slash;

    module_dir = "";
    if (dladdr(&module_dir, &info) == 0 || info.dli_fname == NULL ||
        realpath(info.dli_fname, real) == NULL) {
        return; /* linked into httpd itself: the installed place is the only one */
    }
    slash = strrchr(real, '/');
    if (slash != NULL) {
        module_dir = apr_pstrmemdup(pool, real, (apr_size_t)(slash - real));
    }
}

const char *pyw_places_module_dir(void)
{
    return module_dir;
}

const char *pyw_places_libexec_dir(void)
{
    return PYW_LIBEXECDIR;
}

static void copy_environment(apr_pool_t *pool)
{
    environment = apr_hash_make(pool);
    for (char **entry = environ; *entry != NULL; entry++) {
        const char *equals = strchr(*entry, '=');

        if (equals != NULL) {
            const char *name =
                apr_pstrmemdup(pool, *entry, (apr_size_t)(equals - *entry));

            apr_hash_set(environment, name, APR_HASH_KEY_STRING,
                         apr_pstrdup(pool, equals + 1));
        }
    }
}

void pyw_places_init_child(apr_pool_t *pchild)
{
    apr_snprintf(pid_text, sizeof(pid_text), "%d", (int)getpid());
    copy_environment(pchild);
}

const char *pyw_places_env(const char *name)
{
    return apr_hash_get(environment, name, APR_HASH_KEY_STRING);
}

const char *pyw_places_pid(void)
{
    return pid_text;
}

/* At least 1, whatever the MPM says. */
static uint32_t ask_mpm(int query)
{
    int answer = 0;

    return ap_mpm_query(query, &answer) == APR_SUCCESS && answer > 0 ? (uint32_t)answer
                                                                     : 1;
}

void pyw_places_fill_setup(struct pyw_setup *setup)
{
    ap_version_t version;

    ap_get_server_revision(&version);
    setup->server_version[0] = (uint32_t)version.major;
    setup->server_version[1] = (uint32_t)version.minor;
    setup->server_version[2] = (uint32_t)version.patch;
    setup->server_description = ap_get_server_description();
    setup->server_built = ap_get_server_built();
    pyw_telemetry_fill_setup(setup);
    setup->mpm_name = ap_show_mpm();
    setup->mpm_processes = ask_mpm(AP_MPMQ_MAX_DAEMONS);
    setup->mpm_threads = ask_mpm(AP_MPMQ_MAX_THREADS);
}
