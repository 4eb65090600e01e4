#include "channel/inbox.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define CAPACITY_AT_REST 16384
/* Room for a full chunk of body and its neighbours. */
#define CAPACITY_FOR_BODY (PYW_FRAME_CHUNK * 2)
/* A peer sends one descriptor at a time; room for more lets us close what it should not
 * send. */
#define FILES_MAX 8

void pyw_inbox_init(struct pyw_inbox *inbox, int fd, enum pyw_frame_way way,
                    bool takes_files)
{
    memset(inbox, 0, sizeof(*inbox));
    inbox->fd = fd;
    inbox->way = way;
    inbox->takes_files = takes_files;
    inbox->file = -1;
}

static void close_file(struct pyw_inbox *inbox)
{
    if (inbox->file >= 0) {
        close(inbox->file);
        inbox->file = -1;
    }
}

void pyw_inbox_free(struct pyw_inbox *inbox)
{
    close_file(inbox);
    free(inbox->buffer);
    inbox->buffer = NULL;
    inbox->capacity = 0;
    inbox->start = 0;
    inbox->end = 0;
}

static int set_capacity(struct pyw_inbox *inbox, size_t capacity)
{
    unsigned char *buffer = realloc(inbox->buffer, capacity);

    if (buffer == NULL) {
        return -ENOMEM;
    }
    inbox->buffer = buffer;
    inbox->capacity = capacity;
    return 0;
}

/* How much room the frame at the front needs, or as much as a chunk when it is a large
 * one. */
static size_t wanted_capacity(const struct pyw_inbox *inbox)
{
    struct pyw_frame frame;
    size_t need;

    /* A length is believed only within its cap; `next` says so where it is not. */
    if (inbox->end - inbox->start < PYW_FRAME_HEADER_LEN ||
        pyw_frame_unpack(inbox->buffer + inbox->start, inbox->way, &frame) != 0) {
        return CAPACITY_AT_REST;
    }
    need = PYW_FRAME_HEADER_LEN + (size_t)frame.length;
    if (need <= CAPACITY_AT_REST) {
        return CAPACITY_AT_REST;
    }
    return need < CAPACITY_FOR_BODY ? CAPACITY_FOR_BODY : need;
}

/* Moves the unread bytes to the front and makes room behind them. */
static int make_room(struct pyw_inbox *inbox)
{
    size_t wanted = wanted_capacity(inbox);

    if (inbox->start > 0) {
        memmove(inbox->buffer, inbox->buffer + inbox->start, inbox->end - inbox->start);
        inbox->end -= inbox->start;
        inbox->start = 0;
    }
    if (inbox->capacity < wanted) {
        return set_capacity(inbox, wanted);
    }
    return 0;
}

static void keep_file(struct pyw_inbox *inbox, int file)
{
    if (!inbox->takes_files || inbox->file >= 0) {
        close(file);
        return;
    }
    inbox->file = file;
}

static void take_files(struct pyw_inbox *inbox, struct msghdr *message)
{
    for (struct cmsghdr *item = CMSG_FIRSTHDR(message); item != NULL;
         item = CMSG_NXTHDR(message, item)) {
        size_t count;

        if (item->cmsg_level != SOL_SOCKET || item->cmsg_type != SCM_RIGHTS) {
            continue;
        }
        count = (item->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < count; i++) {
            int file;

            memcpy(&file, CMSG_DATA(item) + i * sizeof(int), sizeof(file));
            keep_file(inbox, file);
        }
    }
}

static ssize_t receive_with_files(struct pyw_inbox *inbox, struct iovec *room,
                                  int flags)
{
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(FILES_MAX * sizeof(int))];
    } control;
    struct msghdr message = {.msg_iov = room,
                             .msg_iovlen = 1,
                             .msg_control = control.bytes,
                             .msg_controllen = sizeof(control.bytes)};
    ssize_t got = recvmsg(inbox->fd, &message, flags | MSG_CMSG_CLOEXEC);

    if (got >= 0) {
        take_files(inbox, &message);
    }
    return got;
}

ssize_t pyw_inbox_fill(struct pyw_inbox *inbox, int flags)
{
    struct iovec room;
    ssize_t got;

    if (make_room(inbox) != 0) {
        return -ENOMEM;
    }
    room.iov_base = inbox->buffer + inbox->end;
    room.iov_len = inbox->capacity - inbox->end;
    if (room.iov_len == 0) {
        /* Nothing taken out and no frame larger than what is there: the caller did not
         * call next. */
        return -ENOBUFS;
    }
    do {
        /* A daemon is sent no files; the kernel drops any that come where none are
         * asked for. */
        got = inbox->takes_files ? receive_with_files(inbox, &room, flags)
                                 : recv(inbox->fd, room.iov_base, room.iov_len, flags);
    } while (got < 0 && errno == EINTR);
    if (got < 0) {
        return -errno;
    }
    inbox->end += (size_t)got;
    return got;
}

int pyw_inbox_next(struct pyw_inbox *inbox, struct pyw_frame *frame,
                   struct pyw_span *payload)
{
    size_t unread = inbox->end - inbox->start;

    if (unread < PYW_FRAME_HEADER_LEN) {
        return 0;
    }
    if (pyw_frame_unpack(inbox->buffer + inbox->start, inbox->way, frame) != 0) {
        return -EPROTO;
    }
    if (unread - PYW_FRAME_HEADER_LEN < frame->length) {
        return 0;
    }
    payload->data = (const char *)inbox->buffer + inbox->start + PYW_FRAME_HEADER_LEN;
    payload->len = frame->length;
    inbox->start += PYW_FRAME_HEADER_LEN + frame->length;
    return 1;
}

bool pyw_inbox_find(const struct pyw_inbox *inbox, enum pyw_frame_type type,
                    struct pyw_span *payload)
{
    size_t at = inbox->start;

    while (inbox->end - at >= PYW_FRAME_HEADER_LEN) {
        struct pyw_frame frame;

        if (pyw_frame_unpack(inbox->buffer + at, inbox->way, &frame) != 0) {
            return false; /* `next` will say so in its turn */
        }
        at += PYW_FRAME_HEADER_LEN;
        if (inbox->end - at < frame.length) {
            return false;
        }
        if (frame.type == type) {
            if (payload != NULL) {
                *payload =
                    (struct pyw_span){(const char *)inbox->buffer + at, frame.length};
            }
            return true;
        }
        at += frame.length;
    }
    return false;
}

int pyw_inbox_take_file(struct pyw_inbox *inbox)
{
    int file = inbox->file;

    inbox->file = -1;
    return file;
}

bool pyw_inbox_is_empty(const struct pyw_inbox *inbox)
{
    return inbox->start == inbox->end;
}

void pyw_inbox_rest(struct pyw_inbox *inbox)
{
    close_file(inbox);
    if (inbox->capacity > CAPACITY_AT_REST && pyw_inbox_is_empty(inbox)) {
        free(inbox->buffer);
        inbox->buffer = NULL;
        inbox->capacity = 0;
        inbox->start = 0;
        inbox->end = 0;
    }
}

int pyw_inbox_lend(struct pyw_inbox *inbox, struct pyw_inbox_memory *memory,
                   size_t capacity)
{
    if (inbox->buffer != NULL) {
        return 0;
    }
    if (memory->buffer == NULL) {
        return set_capacity(inbox, capacity);
    }
    inbox->buffer = memory->buffer;
    inbox->capacity = memory->capacity;
    memory->buffer = NULL;
    memory->capacity = 0;
    return 0;
}

void pyw_inbox_reclaim(struct pyw_inbox *inbox, struct pyw_inbox_memory *memory)
{
    if (inbox->buffer == NULL || !pyw_inbox_is_empty(inbox)) {
        return;
    }
    if (memory->buffer == NULL) {
        memory->buffer = inbox->buffer;
        memory->capacity = inbox->capacity;
    } else {
        free(inbox->buffer);
    }
    inbox->buffer = NULL;
    inbox->capacity = 0;
    inbox->start = 0;
    inbox->end = 0;
}
