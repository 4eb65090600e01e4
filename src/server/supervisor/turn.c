#include "supervisor/turn.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* FNV-1a, 64 bits, of which an offset has 63. */
#define HASH_START 0xcbf29ce484222325u
#define HASH_FACTOR 0x100000001b3u

int pyw_turn_create(void)
{
    int fd = memfd_create("pywsgi-turn", MFD_CLOEXEC);

    return fd >= 0 ? fd : -errno;
}

static off_t byte_of(const char *group)
{
    uint64_t hash = HASH_START;

    for (; *group != '\0'; group++) {
        hash = (hash ^ (unsigned char)*group) * HASH_FACTOR;
    }
    return (off_t)(hash >> 2); /* the last byte that can be locked lies above */
}

int pyw_turn_take(int file, const char *group, int *turn)
{
    struct flock lock = {
        .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = byte_of(group), .l_len = 1};
    char path[64];
    int fd;

    if (*turn >= 0) {
        return 0;
    }
    snprintf(path, sizeof(path), "/proc/self/fd/%d", file);
    fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0) {
        fd = fcntl(file, F_DUPFD_CLOEXEC, 0);
        *turn = fd;
        return fd >= 0 ? 0 : -errno;
    }
    if (fcntl(fd, F_OFD_SETLK, &lock) != 0) {
        int error = errno == EACCES ? EAGAIN : errno;

        close(fd);
        return -error;
    }
    *turn = fd;
    return 0;
}

void pyw_turn_give_back(int *turn)
{
    if (*turn >= 0) {
        close(*turn);
        *turn = -1;
    }
}
