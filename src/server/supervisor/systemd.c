#include "supervisor/systemd.h"

#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

_Static_assert(sizeof(((struct sockaddr_un *)0)->sun_path) ==
                   sizeof(((struct pyw_systemd *)0)->address),
               "an address is what a socket can have");

/* A whole number from the environment. @return 0: none. */
static int64_t read_number(const char *name)
{
    const char *text = getenv(name);
    char *end = NULL;
    long long number;

    if (text == NULL || text[0] < '0' || text[0] > '9') {
        return 0;
    }
    errno = 0;
    number = strtoll(text, &end, 10);
    return errno == 0 && *end == '\0' ? number : 0;
}

int pyw_systemd_find(struct pyw_systemd *manager, pid_t parent, bool is_detached)
{
    const char *address = getenv("NOTIFY_SOCKET");
    int64_t whose = read_number("WATCHDOG_PID");

    memset(manager, 0, sizeof(*manager));
    if (address == NULL || address[0] == '\0') {
        return 0;
    }
    if ((address[0] != '/' && address[0] != '@') || address[1] == '\0' ||
        strlen(address) >= sizeof(manager->address)) {
        return -EINVAL;
    }
    strcpy(manager->address, address); /* length was checked */
    if (is_detached) {
        manager->main_pid = parent;
    }
    /* Twice as often as the manager wants to hear of us. Not where somebody else is
     * meant, of whom we inherited the variables. */
    if (whose == 0 || whose == parent || is_detached) {
        manager->watchdog_ms = read_number("WATCHDOG_USEC") / 2000;
    }
    return 0;
}

bool pyw_systemd_is_there(const struct pyw_systemd *manager)
{
    return manager->address[0] != '\0';
}

static int send_text(const struct pyw_systemd *manager, const char *text, size_t len)
{
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    size_t name_len = strlen(manager->address);
    socklen_t to_len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + name_len);
    struct timeval patience = {.tv_sec = 1, .tv_usec = 0};
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    int rv = 0;

    if (fd < 0) {
        return -errno;
    }
    memcpy(to.sun_path, manager->address, name_len);
    if (to.sun_path[0] == '@') {
        to.sun_path[0] = '\0';
    } else {
        to_len++;
    }
    if (setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience)) != 0 ||
        sendto(fd, text, len, MSG_NOSIGNAL, (struct sockaddr *)&to, to_len) !=
            (ssize_t)len) {
        rv = errno != 0 ? -errno : -EIO;
    }
    close(fd);
    return rv;
}

int pyw_systemd_say(const struct pyw_systemd *manager, const char *format, ...)
{
    char text[PYW_SYSTEMD_MAX];
    va_list arguments;
    int len;

    if (!pyw_systemd_is_there(manager)) {
        return 0;
    }
    va_start(arguments, format);
    len = vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    if (len < 0) {
        return -EINVAL;
    }
    return send_text(manager, text,
                     (size_t)len < sizeof(text) ? (size_t)len : sizeof(text) - 1);
}
