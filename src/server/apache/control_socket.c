#include "apache/control_socket.h"

#include <apr_strings.h>
#include <errno.h>
#include <http_core.h>
#include <string.h>
#include <unistd.h>

#include "apache/conf.h"
#include "apache/groups.h"
#include "apache/log.h"
#include "base/codes.h"

#define SUFFIX ".control"
#define BACKLOG 16
/* What pyw_socket_publish appends for a moment: a dot and a process id. */
#define PATH_MAX_LEN (PYW_SOCKET_PATH_MAX - 8)

const char *pyw_control_socket_set(cmd_parms *cmd, void *dir_conf, const char *value)
{
    const char *error = ap_check_cmd_context(cmd, GLOBAL_ONLY);
    const char *path;

    (void)dir_conf;
    if (error != NULL) {
        return error;
    }
    if (strcasecmp(value, "Off") == 0) {
        pyw_conf_global()->control_socket = "";
        return NULL;
    }
    path = ap_server_root_relative(cmd->pool, value);
    if (path == NULL || *value == '\0') {
        return "WSGIControlSocket takes the path of a socket, or Off.";
    }
    if (strlen(path) > PATH_MAX_LEN) {
        return apr_psprintf(
            cmd->pool,
            "WSGIControlSocket '%s' is too long for a socket, which may "
            "have %d bytes: choose a shorter path.",
            path, PATH_MAX_LEN);
    }
    pyw_conf_global()->control_socket = path;
    return NULL;
}

static const char *choose_path(apr_pool_t *pool)
{
    const char *path = pyw_conf_global()->control_socket;

    return path != NULL
               ? path
               : apr_pstrcat(pool, pyw_groups_socket_prefix(pool), SUFFIX, NULL);
}

static const char *explain(apr_pool_t *pool, const char *path, int rv)
{
    if (rv == -ENAMETOOLONG) {
        return apr_psprintf(
            pool,
            "'%s' is longer than %d bytes; set WSGIControlSocket to a shorter path",
            path, PATH_MAX_LEN);
    }
    if (rv == -EEXIST) {
        return apr_psprintf(pool,
                            "'%s' is there and is no socket; remove it, or set "
                            "WSGIControlSocket to another path",
                            path);
    }
    return apr_psprintf(
        pool, "'%s': %s; set WSGIControlSocket to a path that Apache may write to",
        path, strerror(-rv));
}

void pyw_control_socket_close(struct pyw_control_socket *socket)
{
    if (socket->file.path[0] != '\0') {
        pyw_socket_withdraw(&socket->file);
        close(socket->fd);
    }
}

int pyw_control_socket_open(apr_pool_t *pool, server_rec *s, bool is_wanted,
                            struct pyw_control_socket *socket)
{
    const char *path = is_wanted ? choose_path(pool) : "";
    struct pyw_control_socket made = {.file = {.path = ""}, .fd = -1};

    if (*path != '\0' && strcmp(path, socket->file.path) == 0 &&
        pyw_socket_is_there(&socket->file)) {
        return socket->fd;
    }
    if (*path != '\0') {
        made.fd = pyw_socket_publish(path, BACKLOG, &made.file);
        if (made.fd < 0) {
            PYW_LOG(pyw_log_server, s, CONTROL_SOCKET, explain(pool, path, made.fd));
        }
    }
    pyw_control_socket_close(socket);
    *socket = made;
    return made.fd >= 0 ? made.fd : -1;
}
