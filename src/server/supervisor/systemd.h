/* systemd.h: the way to a service manager that started the server: the datagrams of
 * sd_notify(3), lines of NAME=value, to the socket that NOTIFY_SOCKET names. No library
 * of systemd's is needed.
 *
 * Used by the Apache parent (apache/service) and by the supervisor (supervisor/herald).
 */
#ifndef PYW_SUPERVISOR_SYSTEMD_H
#define PYW_SUPERVISOR_SYSTEMD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* One datagram; a longer one is cut. */
#define PYW_SYSTEMD_MAX 2048

struct pyw_systemd {
    char address[108];   /* a path, or '@' and an abstract name; "": nobody is told */
    int64_t watchdog_ms; /* how often a sign of life is due; 0: never */
    pid_t main_pid;      /* to be told as MAINPID; 0: the manager knows it */
};

/* Who is to be told, by the environment. `parent`: Apache's parent process; it
 * `is_detached` when it is not the one that was started. @return 0, or -EINVAL: an
 * address of a kind that is not known. */
int pyw_systemd_find(struct pyw_systemd *manager, pid_t parent, bool is_detached);

bool pyw_systemd_is_there(const struct pyw_systemd *manager);

/* Sends one datagram; waits for a second at most. @return 0, also where nobody is told,
 * or -errno. */
int pyw_systemd_say(const struct pyw_systemd *manager, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
