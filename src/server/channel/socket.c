#include "channel/socket.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"

/* How long a child waits before it tries a full backlog again. */
#define BACKLOG_RETRY_MS 5
/* An accept() that should not wait is interrupted after that. */
#define REFUSE_US 10000
/* Bytes that a channel may have in flight each way. */
#define SEND_BUFFER (1024 * 1024)

static int set_address(struct sockaddr_un *address, const char *path)
{
    size_t len = strlen(path);

    if (len > PYW_SOCKET_PATH_MAX) {
        return -ENAMETOOLONG;
    }
    memset(address, 0, sizeof(*address));
    address->sun_family = AF_UNIX;
    memcpy(address->sun_path, path, len + 1);
    return 0;
}

static int bind_and_listen(int fd, const struct sockaddr_un *address, int backlog,
                           uid_t owner)
{
    /* The directory admits nobody but us and `owner`, so the moment before chmod is not
     * seen. */
    if (bind(fd, (const struct sockaddr *)address, sizeof(*address)) != 0 ||
        chmod(address->sun_path, S_IRUSR | S_IWUSR) != 0) {
        return -errno;
    }
    if (owner != (uid_t)-1 && chown(address->sun_path, owner, (gid_t)-1) != 0) {
        return -errno;
    }
    return listen(fd, backlog) == 0 ? 0 : -errno;
}

int pyw_socket_listen(const char *path, int backlog, uid_t owner)
{
    struct sockaddr_un address;
    int rv = set_address(&address, path);
    int fd;

    if (rv != 0) {
        return rv;
    }
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        return -errno;
    }
    rv = bind_and_listen(fd, &address, backlog, owner);
    if (rv != 0) {
        close(fd);
        return rv;
    }
    return fd;
}

static bool is_socket(const char *path, struct stat *about)
{
    return lstat(path, about) == 0 && S_ISSOCK(about->st_mode);
}

int pyw_socket_publish(const char *path, int backlog, struct pyw_socket_file *file)
{
    char first_path[PYW_SOCKET_PATH_MAX + 1];
    struct stat about;
    int fd;

    if ((size_t)snprintf(first_path, sizeof(first_path), "%s.%d", path,
                         (int)getpid()) >= sizeof(first_path)) {
        return -ENAMETOOLONG;
    }
    if (lstat(path, &about) == 0 && !S_ISSOCK(about.st_mode)) {
        return -EEXIST;
    }
    if (is_socket(first_path, &about)) {
        (void)unlink(first_path); /* of an earlier process with this id */
    }
    fd = pyw_socket_listen(first_path, backlog, (uid_t)-1);
    if (fd < 0) {
        return fd;
    }
    if (!is_socket(first_path, &about)) {
        close(fd);
        return -EEXIST; /* somebody else writes there */
    }
    if (rename(first_path, path) != 0) {
        int rv = -errno;

        (void)unlink(first_path);
        close(fd);
        return rv;
    }
    (void)snprintf(file->path, sizeof(file->path), "%s", path);
    file->device = about.st_dev;
    file->inode = about.st_ino;
    return fd;
}

bool pyw_socket_is_there(const struct pyw_socket_file *file)
{
    struct stat about;

    return file->path[0] != '\0' && is_socket(file->path, &about) &&
           about.st_dev == file->device && about.st_ino == file->inode;
}

void pyw_socket_withdraw(struct pyw_socket_file *file)
{
    if (pyw_socket_is_there(file)) {
        (void)unlink(file->path);
    }
    file->path[0] = '\0';
}

static int wait_for_backlog(int64_t deadline_ms)
{
    int left = pyw_clock_until(deadline_ms);

    if (left == 0) {
        return -ETIMEDOUT;
    }
    if (left < 0 || left > BACKLOG_RETRY_MS) {
        left = BACKLOG_RETRY_MS;
    }
    /* A full backlog gives no descriptor to wait on; poll() on nothing is a sleep. */
    return poll(NULL, 0, left) < 0 && errno != EINTR ? -errno : 0;
}

/* More of a large body in flight, fewer changes between the processes: the system's
 * default holds three chunks. Where the system allows less, it is less. */
static void widen(int fd)
{
    static const int wanted = SEND_BUFFER;

    (void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &wanted, sizeof(wanted));
}

int pyw_socket_set_buffers(int fd, int64_t send_size, int64_t receive_size)
{
    const struct {
        int name;
        int64_t size;
    } rows[] = {{SO_SNDBUF, send_size}, {SO_RCVBUF, receive_size}};

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        int size = (int)rows[i].size;

        if (size > 0 &&
            setsockopt(fd, SOL_SOCKET, rows[i].name, &size, sizeof(size)) != 0) {
            return -errno;
        }
    }
    return 0;
}

static int connect_until(int fd, const struct sockaddr_un *address, int64_t deadline_ms)
{
    for (;;) {
        int rv;

        if (connect(fd, (const struct sockaddr *)address, sizeof(*address)) == 0) {
            return 0;
        }
        if (errno != EAGAIN && errno != EINTR) {
            return -errno;
        }
        rv = wait_for_backlog(deadline_ms);
        if (rv != 0) {
            return rv;
        }
    }
}

int pyw_socket_connect(const char *path, int64_t deadline_ms)
{
    struct sockaddr_un address;
    int rv = set_address(&address, path);
    int fd;

    if (rv != 0) {
        return rv;
    }
    /* Non-blocking while it connects, so that a full backlog answers EAGAIN. */
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        return -errno;
    }
    rv = connect_until(fd, &address, deadline_ms);
    if (rv == 0 && fcntl(fd, F_SETFL, 0) != 0) {
        rv = -errno;
    }
    if (rv != 0) {
        close(fd);
        return rv;
    }
    widen(fd);
    return fd;
}

int pyw_socket_accept(int listener)
{
    int fd;

    do {
        fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    } while (fd < 0 && (errno == EINTR || errno == ECONNABORTED));
    if (fd < 0) {
        return -errno;
    }
    widen(fd);
    return fd;
}

static void interrupt(int number)
{
    (void)number;
}

void pyw_socket_refuse(int listener, int64_t most)
{
    /* Again and again: the first may come before accept() is called. */
    static const struct itimerval soon = {{0, REFUSE_US}, {0, REFUSE_US}};
    static const struct itimerval never = {{0, 0}, {0, 0}};
    struct sigaction action = {.sa_handler = interrupt}; /* without SA_RESTART */
    struct sigaction before;

    sigemptyset(&action.sa_mask);
    if (sigaction(SIGALRM, &action, &before) != 0) {
        return;
    }
    /* O_NONBLOCK is the listener's, not ours: whoever has it may clear that. */
    if (setitimer(ITIMER_REAL, &soon, NULL) == 0) {
        for (int64_t i = 0; i < most; i++) {
            int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

            if (fd < 0) {
                break;
            }
            close(fd);
        }
        (void)setitimer(ITIMER_REAL, &never, NULL);
    }
    (void)sigaction(SIGALRM, &before, NULL);
}

int pyw_socket_peer(int fd, uid_t *uid)
{
    struct ucred peer;
    socklen_t len = sizeof(peer);

    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) != 0) {
        return -errno;
    }
    *uid = peer.uid;
    return 0;
}

int pyw_socket_wait(int fd, short events, int64_t deadline_ms)
{
    struct pollfd wanted = {.fd = fd, .events = events, .revents = 0};

    for (;;) {
        int ready = poll(&wanted, 1, pyw_clock_until(deadline_ms));

        if (ready > 0) {
            return 0;
        }
        if (ready == 0) {
            return -ETIMEDOUT;
        }
        if (errno != EINTR) {
            return -errno;
        }
    }
}

int pyw_socket_set_patience(int fd, int milliseconds)
{
    struct timeval patience = {.tv_sec = milliseconds / 1000,
                               .tv_usec = (milliseconds % 1000) * 1000};

    return setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) == 0
               ? 0
               : -errno;
}
