/* control_socket.h: the control socket (WSGIControlSocket): where it lies, and that it
 * stays there over restarts. It is one socket for as long as its path stays the same,
 * so that whoever connects during a restart waits for the next supervisor instead of
 * finding nobody.
 *
 * Apache parent: while the configuration is read, post_config, and the end.
 */
#ifndef PYW_APACHE_CONTROL_SOCKET_H
#define PYW_APACHE_CONTROL_SOCKET_H

#include <httpd.h>
#include <http_config.h>
#include <stdbool.h>

#include "channel/socket.h"

/* Kept by whoever calls, over restarts; zeros at first. Plain data only. */
struct pyw_control_socket {
    struct pyw_socket_file file; /* no path: there is no socket */
    int fd;                      /* listening */
};

/* WSGIControlSocket. @return NULL or an error sentence. */
const char *pyw_control_socket_set(cmd_parms *cmd, void *dir_conf, const char *value);

/* Makes the socket that the configuration wants, unless it is there already, and
 * removes an earlier one that lies somewhere else.
 * @return its descriptor, which stays the socket's; -1: there is none, and if one was
 * wanted, the log says why. */
int pyw_control_socket_open(apr_pool_t *pool, server_rec *s, bool is_wanted,
                            struct pyw_control_socket *socket);
/* The server ends. Idempotent. */
void pyw_control_socket_close(struct pyw_control_socket *socket);

#endif
