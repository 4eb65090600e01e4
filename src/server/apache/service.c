#include "apache/service.h"

#include <errno.h>
#include <http_config.h>
#include <http_core.h>
#include <inttypes.h>
#include <mpm_common.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "apache/log.h"
#include "base/clock.h"

/* Parent, one configuration's lifetime. */
static struct pyw_systemd manager;
static bool is_alone; /* no supervisor gives signs of life */

/* Any of these keeps Apache the process that was started. */
static bool is_detached(void)
{
    static const char *const attached[] = {"FOREGROUND", "NO_DETACH", "ONE_PROCESS",
                                           "DEBUG"};

    for (size_t i = 0; i < sizeof(attached) / sizeof(attached[0]); i++) {
        if (ap_exists_config_define(attached[i])) {
            return false;
        }
    }
    return true;
}

const struct pyw_systemd *pyw_service_find(server_rec *s)
{
    is_alone = false;
    memset(&manager, 0, sizeof(manager));
    if (ap_find_linked_module("mod_systemd.c") == NULL &&
        pyw_systemd_find(&manager, getpid(), is_detached()) != 0) {
        PYW_LOG(pyw_log_server, s, NOTIFY_ADDRESS, getenv("NOTIFY_SOCKET"));
    }
    return &manager;
}

void pyw_service_say_ready(const char *status)
{
    is_alone = true;
    if (manager.main_pid != 0) {
        (void)pyw_systemd_say(&manager, "READY=1\nSTATUS=%s\nMAINPID=%d", status,
                              (int)manager.main_pid);
    } else {
        (void)pyw_systemd_say(&manager, "READY=1\nSTATUS=%s", status);
    }
}

void pyw_service_leave(bool is_restart)
{
    if (is_restart) {
        (void)pyw_systemd_say(&manager,
                              "RELOADING=1\nMONOTONIC_USEC=%" PRId64
                              "\nSTATUS=Reading the configuration",
                              pyw_clock_now_us());
    } else {
        (void)pyw_systemd_say(&manager, "STOPPING=1\nSTATUS=Stopping");
    }
}

/* The parent's own round, every 10 s or so. */
static int monitor(apr_pool_t *pool, server_rec *s)
{
    (void)pool;
    (void)s;
    if (is_alone && manager.watchdog_ms > 0) {
        (void)pyw_systemd_say(&manager, "WATCHDOG=1");
    }
    return OK;
}

void pyw_service_register_hooks(apr_pool_t *pool)
{
    (void)pool;
    ap_hook_monitor(monitor, NULL, NULL, APR_HOOK_MIDDLE);
}
