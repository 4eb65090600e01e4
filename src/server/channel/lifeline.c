#include "channel/lifeline.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Room for one descriptor, aligned as the system wants it; with what aligns the next,
 * for two. */
union control {
    struct cmsghdr header;
    char bytes[CMSG_SPACE(sizeof(int))];
};

int pyw_lifeline_open(int ends[2])
{
    return socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) == 0
               ? 0
               : -errno;
}

static void attach(struct msghdr *message, union control *control, int passed)
{
    struct cmsghdr *header;

    message->msg_control = control->bytes;
    message->msg_controllen = sizeof(control->bytes);
    header = CMSG_FIRSTHDR(message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(passed));
    memcpy(CMSG_DATA(header), &passed, sizeof(passed));
}

int pyw_lifeline_say(int fd, enum pyw_word word, int passed)
{
    union control control = {{0}};
    char byte = (char)word;
    struct iovec piece = {&byte, 1};
    struct msghdr message = {.msg_iov = &piece, .msg_iovlen = 1};
    ssize_t sent;

    if (passed >= 0) {
        attach(&message, &control, passed);
    }
    do {
        sent = sendmsg(fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    } while (sent < 0 && errno == EINTR);
    return sent == 1 ? 0 : -errno;
}

static int detach(struct msghdr *message)
{
    struct cmsghdr *header = CMSG_FIRSTHDR(message);
    int passed = -1;

    if (header != NULL && header->cmsg_level == SOL_SOCKET &&
        header->cmsg_type == SCM_RIGHTS &&
        header->cmsg_len == CMSG_LEN(sizeof(passed))) {
        memcpy(&passed, CMSG_DATA(header), sizeof(passed));
    }
    return passed;
}

int pyw_lifeline_hear(int fd, int *passed)
{
    union control control = {{0}};
    char byte = 0;
    struct iovec piece = {&byte, 1};
    struct msghdr message = {.msg_iov = &piece,
                             .msg_iovlen = 1,
                             .msg_control = control.bytes,
                             .msg_controllen = CMSG_LEN(sizeof(*passed))};
    ssize_t got;

    *passed = -1;
    do {
        got = recvmsg(fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    } while (got < 0 && errno == EINTR);
    if (got <= 0) {
        return got == 0 || errno == ECONNRESET ? 0 : -errno;
    }
    *passed = detach(&message);
    return (unsigned char)byte;
}
