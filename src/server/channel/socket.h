/* socket.h: the unix stream sockets under the channels: listening, connecting with a
 * deadline, and the credentials of the other side.
 *
 * Errors: -errno everywhere. Descriptors returned are close-on-exec and the caller's.
 */
#ifndef PYW_CHANNEL_SOCKET_H
#define PYW_CHANNEL_SOCKET_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* The longest path that a unix socket address takes, without its NUL. */
#define PYW_SOCKET_PATH_MAX 107

/* Creates and binds a listening socket of mode 0600 that belongs to `owner` (-1: nobody
 * else). Parent process, before any thread. @return descriptor; -ENAMETOOLONG, or as
 * bind(2), listen(2). */
int pyw_socket_listen(const char *path, int backlog, uid_t owner);

/* Which file a listening socket is. */
struct pyw_socket_file {
    char path[PYW_SOCKET_PATH_MAX + 1]; /* "": none */
    dev_t device;
    ino_t inode;
};

/* A listening socket of mode 0600 that takes the place of another at the same path in
 * one step, so that whoever connects meets one of the two. `file` remembers it.
 * @return descriptor; -ENAMETOOLONG: a few bytes of the longest path are kept for the
 * name that it has at first; -EEXIST: what is there is no socket; or as
 * pyw_socket_listen. */
int pyw_socket_publish(const char *path, int backlog, struct pyw_socket_file *file);
/* Whether the file is still there, and that one. */
bool pyw_socket_is_there(const struct pyw_socket_file *file);
/* Removes the file if it is still that one. Idempotent. */
void pyw_socket_withdraw(struct pyw_socket_file *file);

/* Connects; while the backlog is full it tries again until the deadline (clock.h).
 * @return descriptor; -ETIMEDOUT; -ECONNREFUSED: nobody listens; -ENOENT, -EACCES. */
int pyw_socket_connect(const char *path, int64_t deadline_ms);

/* @return descriptor; -EAGAIN: nobody waits any more. */
int pyw_socket_accept(int listener);
/* Closes what waits to be accepted, `most` at the most. Does not wait, even where
 * another process that has the listener made it a blocking one. Not beside other
 * threads: it uses SIGALRM. */
void pyw_socket_refuse(int listener, int64_t most);

/* Sets the bytes that a channel may have in flight (send-buffer-size=,
 * receive-buffer-size=); 0 leaves what connect and accept gave it. The system has a
 * least and a highest size. @return 0 or -errno. */
int pyw_socket_set_buffers(int fd, int64_t send_size, int64_t receive_size);

/* The user on the other side, as the kernel saw it at connect() or listen(). @return 0
 * or -errno. */
int pyw_socket_peer(int fd, uid_t *uid);

/* Waits until `fd` is ready for `events` (poll.h). @return 0, -ETIMEDOUT or -errno. */
int pyw_socket_wait(int fd, short events, int64_t deadline_ms);

/* Makes recv() on the socket give up with EAGAIN after so many milliseconds. @return 0
 * or -errno. */
int pyw_socket_set_patience(int fd, int milliseconds);

#endif
