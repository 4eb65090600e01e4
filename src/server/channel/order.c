#include "channel/order.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/bytes.h"

/* 'F', slot, generation, must_load. */
#define ORDER_LEN 10

/* Room for what comes along, aligned as the system wants it. */
union control {
    struct cmsghdr header;
    char rights[CMSG_SPACE(PYW_ORDER_FDS * sizeof(int))];
    char credentials[CMSG_SPACE(sizeof(struct ucred))];
};

static int send_whole(int fd, const struct msghdr *message, size_t len)
{
    ssize_t sent;

    do {
        sent = sendmsg(fd, message, MSG_NOSIGNAL | MSG_DONTWAIT);
    } while (sent < 0 && errno == EINTR);
    if (sent < 0) {
        return -errno;
    }
    return (size_t)sent == len ? 0 : -EPIPE; /* a stream cut short is of no more use */
}

int pyw_order_send(int fd, const struct pyw_order *order)
{
    union control control = {{0}};
    struct pyw_writer writer;
    struct iovec piece;
    struct msghdr message = {.msg_iov = &piece,
                             .msg_iovlen = 1,
                             .msg_control = &control,
                             .msg_controllen = sizeof(control.rights)};
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    int rv;

    pyw_bytes_init(&writer);
    pyw_bytes_put_u8(&writer, 'F');
    pyw_bytes_put_u32(&writer, order->slot);
    pyw_bytes_put_u32(&writer, order->generation);
    pyw_bytes_put_u8(&writer, order->must_load ? 1 : 0);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(order->fds));
    memcpy(CMSG_DATA(header), order->fds, sizeof(order->fds));
    piece.iov_base = writer.data;
    piece.iov_len = writer.len;
    rv = writer.failed ? -ENOMEM : send_whole(fd, &message, writer.len);
    pyw_bytes_free(&writer);
    return rv;
}

static int receive(int fd, struct msghdr *message, size_t *len)
{
    ssize_t got;

    do {
        got = recvmsg(fd, message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    } while (got < 0 && errno == EINTR);
    if (got <= 0) {
        return got == 0 || errno == ECONNRESET ? 0 : -errno;
    }
    *len = (size_t)got;
    return 1;
}

/* Takes the descriptors out of a message. @return false: not as many as there have to
 * be; they are closed. */
static bool take_rights(struct msghdr *message, int fds[PYW_ORDER_FDS])
{
    struct cmsghdr *header = CMSG_FIRSTHDR(message);
    size_t count;

    if (header == NULL || header->cmsg_level != SOL_SOCKET ||
        header->cmsg_type != SCM_RIGHTS) {
        return false;
    }
    count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    memcpy(fds, CMSG_DATA(header), count * sizeof(int));
    if (count == PYW_ORDER_FDS) {
        return true;
    }
    for (size_t i = 0; i < count; i++) {
        close(fds[i]);
    }
    return false;
}

int pyw_order_receive(int fd, struct pyw_order *order)
{
    union control control = {{0}};
    unsigned char bytes[ORDER_LEN];
    struct iovec piece = {bytes, sizeof(bytes)};
    struct msghdr message = {.msg_iov = &piece,
                             .msg_iovlen = 1,
                             .msg_control = &control,
                             .msg_controllen = CMSG_LEN(sizeof(order->fds))};
    struct pyw_reader reader;
    size_t len = 0;
    int rv = receive(fd, &message, &len);

    if (rv != 1) {
        return rv;
    }
    if (!take_rights(&message, order->fds)) {
        return -EPROTO;
    }
    pyw_bytes_read_from(&reader, bytes, len);
    if (pyw_bytes_get_u8(&reader) != 'F') {
        reader.failed = true;
    }
    order->slot = pyw_bytes_get_u32(&reader);
    order->generation = pyw_bytes_get_u32(&reader);
    order->must_load = pyw_bytes_get_u8(&reader) != 0;
    if (!reader.failed) {
        return 1;
    }
    for (int i = 0; i < PYW_ORDER_FDS; i++) {
        close(order->fds[i]);
    }
    return -EPROTO;
}

int pyw_order_expect(int fd)
{
    int on = 1;

    return setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)) == 0 ? 0 : -errno;
}

int pyw_order_introduce(int fd)
{
    char byte = 'P';
    struct iovec piece = {&byte, 1};
    struct msghdr message = {.msg_iov = &piece, .msg_iovlen = 1};

    return send_whole(fd, &message, 1);
}

pid_t pyw_order_meet(int fd)
{
    union control control = {{0}};
    char byte;
    struct iovec piece = {&byte, 1};
    struct msghdr message = {.msg_iov = &piece,
                             .msg_iovlen = 1,
                             .msg_control = &control,
                             .msg_controllen = sizeof(control.credentials)};
    const struct cmsghdr *header;
    struct ucred credentials;
    size_t len = 0;
    int rv = receive(fd, &message, &len);

    if (rv != 1) {
        return rv;
    }
    header = CMSG_FIRSTHDR(&message);
    if (header == NULL || header->cmsg_level != SOL_SOCKET ||
        header->cmsg_type != SCM_CREDENTIALS ||
        header->cmsg_len != CMSG_LEN(sizeof(credentials))) {
        return -EPROTO;
    }
    memcpy(&credentials, CMSG_DATA(header), sizeof(credentials));
    return credentials.pid > 0 ? credentials.pid : -EPROTO;
}
