#include "channel/outbox.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

void pyw_outbox_init(struct pyw_outbox *outbox, int fd)
{
    memset(outbox, 0, sizeof(*outbox));
    outbox->fd = fd;
    outbox->file = -1;
}

bool pyw_outbox_is_empty(const struct pyw_outbox *outbox)
{
    return outbox->at == outbox->count;
}

void pyw_outbox_drop(struct pyw_outbox *outbox)
{
    outbox->at = outbox->count;
    outbox->file = -1;
}

static void advance(struct pyw_outbox *outbox, size_t sent)
{
    while (outbox->at < outbox->count) {
        struct iovec *piece = &outbox->pieces[outbox->at];

        if (sent < piece->iov_len) {
            piece->iov_base = (char *)piece->iov_base + sent;
            piece->iov_len -= sent;
            return;
        }
        sent -= piece->iov_len;
        outbox->at++;
    }
}

static ssize_t send_pieces(struct pyw_outbox *outbox)
{
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control;
    struct msghdr message = {.msg_iov = outbox->pieces + outbox->at,
                             .msg_iovlen = outbox->count - outbox->at};

    if (outbox->file >= 0) {
        struct cmsghdr *item;

        memset(&control, 0, sizeof(control));
        message.msg_control = control.bytes;
        message.msg_controllen = sizeof(control.bytes);
        item = CMSG_FIRSTHDR(&message);
        item->cmsg_level = SOL_SOCKET;
        item->cmsg_type = SCM_RIGHTS;
        item->cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(item), &outbox->file, sizeof(int));
    }
    return sendmsg(outbox->fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
}

int pyw_outbox_continue(struct pyw_outbox *outbox)
{
    while (!pyw_outbox_is_empty(outbox)) {
        ssize_t sent = send_pieces(outbox);

        if (sent < 0 && errno == EINTR) {
            continue;
        }
        if (sent < 0) {
            return errno == EWOULDBLOCK ? -EAGAIN : -errno;
        }
        outbox->file = -1;
        outbox->has_begun = true;
        advance(outbox, (size_t)sent);
    }
    return 0;
}

int pyw_outbox_send(struct pyw_outbox *outbox, const struct iovec *pieces, size_t count,
                    int file)
{
    if (count > PYW_OUTBOX_PIECES || !pyw_outbox_is_empty(outbox)) {
        return -EINVAL;
    }
    memcpy(outbox->pieces, pieces, count * sizeof(*pieces));
    outbox->count = count;
    outbox->at = 0;
    outbox->has_begun = false;
    outbox->file = file;
    return pyw_outbox_continue(outbox);
}
