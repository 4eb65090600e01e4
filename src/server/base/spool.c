#include "base/spool.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A step of growth, so many times what it was. */
#define GROWTH 4

/* Bytes in memory beyond PYW_SPOOL_MEMORY each, of all spools. */
static _Atomic size_t grown;

void pyw_spool_init(struct pyw_spool *spool, size_t max)
{
    memset(spool, 0, sizeof(*spool));
    spool->max = max;
    spool->room = PYW_SPOOL_MEMORY;
    spool->fd = -1;
}

void pyw_spool_init_growing(struct pyw_spool *spool, size_t max)
{
    pyw_spool_init(spool, max);
    spool->may_grow = true;
}

/* Of a spool whose memory is, or is about to be, no more than the first piece. */
static void count_as_small(struct pyw_spool *spool)
{
    atomic_fetch_sub_explicit(&grown, spool->room - PYW_SPOOL_MEMORY,
                              memory_order_relaxed);
    spool->room = PYW_SPOOL_MEMORY;
}

void pyw_spool_free(struct pyw_spool *spool)
{
    bool may_grow = spool->may_grow;

    free(spool->memory);
    count_as_small(spool);
    if (spool->fd >= 0) {
        close(spool->fd);
    }
    pyw_spool_init(spool, spool->max);
    spool->may_grow = may_grow;
}

static size_t in_file(const struct pyw_spool *spool)
{
    return (size_t)(spool->tail - spool->head);
}

size_t pyw_spool_size(const struct pyw_spool *spool)
{
    return in_file(spool) + spool->filled;
}

/* --- the file --- */

/* Whole pieces, so that none of them is written in two parts. */
static uint64_t capacity_of(const struct pyw_spool *spool)
{
    uint64_t pieces = (spool->max + PYW_SPOOL_MEMORY - 1) / PYW_SPOOL_MEMORY;

    return (pieces > 0 ? pieces : 1) * PYW_SPOOL_MEMORY;
}

static int open_named(const char *directory)
{
    char path[4096];
    int len = snprintf(path, sizeof(path), "%s/pywsgi-XXXXXX", directory);
    int fd;

    if (len < 0 || (size_t)len >= sizeof(path)) {
        return -ENAMETOOLONG;
    }
    fd = mkostemp(path, O_CLOEXEC);
    if (fd < 0) {
        return -errno;
    }
    (void)unlink(path);
    return fd;
}

static int open_file(void)
{
    const char *directory = getenv("TMPDIR");
    int fd;

    if (directory == NULL || directory[0] == '\0') {
        directory = "/tmp";
    }
    fd = open(directory, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (fd >= 0) {
        return fd;
    }
    /* Not every file system has files without a name. */
    return errno == EOPNOTSUPP || errno == EISDIR ? open_named(directory) : -errno;
}

static int write_all(int fd, const unsigned char *data, size_t len, uint64_t offset)
{
    while (len > 0) {
        ssize_t put = pwrite(fd, data, len, (off_t)offset);

        if (put == 0 || (put < 0 && errno != EINTR)) {
            return put == 0 ? -ENOSPC : -errno;
        }
        if (put > 0) {
            data += put;
            len -= (size_t)put;
            offset += (uint64_t)put;
        }
    }
    return 0;
}

/* One that has a file needs no more memory than any other. */
static void shrink(struct pyw_spool *spool)
{
    unsigned char *less;

    if (spool->room > PYW_SPOOL_MEMORY) {
        less = realloc(spool->memory, PYW_SPOOL_MEMORY);
        spool->memory = less != NULL ? less : spool->memory;
        count_as_small(spool);
    }
}

int pyw_spool_spill(struct pyw_spool *spool)
{
    int rv = -spool->error;

    if (rv == 0 && spool->fd < 0) {
        spool->fd = open_file();
        rv = spool->fd < 0 ? spool->fd : 0;
    }
    if (rv == 0) {
        rv = write_all(spool->fd, spool->memory, spool->filled,
                       spool->tail % capacity_of(spool));
    }
    if (rv == 0) {
        spool->tail += spool->filled;
        spool->filled = 0;
        shrink(spool);
    }
    spool->error = -rv;
    return rv;
}

size_t pyw_spool_ranges(const struct pyw_spool *spool, struct pyw_spool_range ranges[2])
{
    uint64_t capacity = capacity_of(spool);
    uint64_t offset = spool->head % capacity;
    uint64_t length = in_file(spool);
    uint64_t first = length < capacity - offset ? length : capacity - offset;

    ranges[0] = (struct pyw_spool_range){offset, first};
    ranges[1] = (struct pyw_spool_range){0, length - first};
    return length == 0 ? 0 : first < length ? 2 : 1;
}

/* --- in --- */

bool pyw_spool_has_room(const struct pyw_spool *spool)
{
    return pyw_spool_size(spool) < spool->max &&
           (spool->error == 0 || spool->filled < spool->room);
}

/* @return false: it may not, or has all of what it may hold, or there is no memory. */
static bool grow(struct pyw_spool *spool)
{
    uint64_t most = capacity_of(spool);
    size_t room = spool->room * GROWTH < most ? spool->room * GROWTH : (size_t)most;
    size_t more = room - spool->room;
    unsigned char *memory = NULL;

    if (!spool->may_grow || spool->fd >= 0 || spool->room >= most) {
        return false;
    }
    if (atomic_fetch_add_explicit(&grown, more, memory_order_relaxed) + more <=
        PYW_SPOOL_GROWN_MAX) {
        memory = realloc(spool->memory, room);
    }
    if (memory == NULL) {
        atomic_fetch_sub_explicit(&grown, more, memory_order_relaxed);
        return false;
    }
    spool->memory = memory;
    spool->room = room;
    return true;
}

unsigned char *pyw_spool_reserve(struct pyw_spool *spool, size_t *len)
{
    size_t room = spool->max - pyw_spool_size(spool);

    if (!pyw_spool_has_room(spool) ||
        (spool->filled == spool->room && !grow(spool) && pyw_spool_spill(spool) != 0)) {
        return NULL;
    }
    if (spool->memory == NULL) {
        spool->memory = malloc(spool->room);
    }
    if (spool->memory == NULL) {
        return NULL;
    }
    *len = spool->room - spool->filled;
    *len = *len < room ? *len : room;
    return spool->memory + spool->filled;
}

void pyw_spool_commit(struct pyw_spool *spool, size_t len)
{
    spool->filled += len;
}

size_t pyw_spool_append(struct pyw_spool *spool, const void *data, size_t len)
{
    const unsigned char *from = data;
    size_t done = 0;

    while (done < len) {
        size_t room = 0;
        unsigned char *place = pyw_spool_reserve(spool, &room);

        if (place == NULL) {
            break;
        }
        room = room < len - done ? room : len - done;
        memcpy(place, from + done, room);
        pyw_spool_commit(spool, room);
        done += room;
    }
    return done;
}

/* --- out --- */

static int read_file(const struct pyw_spool *spool, size_t at, void *scratch,
                     size_t len, struct pyw_span *found)
{
    uint64_t capacity = capacity_of(spool);
    uint64_t offset = (spool->head + at) % capacity;
    uint64_t together = capacity - offset;
    ssize_t got;

    together = together < in_file(spool) - at ? together : in_file(spool) - at;
    len = len < together ? len : (size_t)together;
    do {
        got = pread(spool->fd, scratch, len, (off_t)offset);
    } while (got < 0 && errno == EINTR);
    if (got <= 0) {
        return got < 0 ? -errno : -EIO;
    }
    *found = (struct pyw_span){scratch, (size_t)got};
    return 0;
}

int pyw_spool_look(const struct pyw_spool *spool, size_t at, void *scratch,
                   size_t scratch_len, struct pyw_span *found)
{
    size_t size = pyw_spool_size(spool);

    if (at < in_file(spool)) {
        return read_file(spool, at, scratch, scratch_len, found);
    }
    at = at < size ? at - in_file(spool) : spool->filled;
    *found = (struct pyw_span){(const char *)spool->memory + at, spool->filled - at};
    found->len = found->len < scratch_len ? found->len : scratch_len;
    return 0;
}

void pyw_spool_drop(struct pyw_spool *spool, size_t len)
{
    size_t of_file = len < in_file(spool) ? len : in_file(spool);

    spool->head += of_file;
    len -= of_file;
    if (spool->head == spool->tail) {
        spool->head = spool->tail = 0; /* its first pages are warm */
    }
    if (len >= spool->filled) {
        spool->filled = 0;
    } else if (len > 0) {
        memmove(spool->memory, spool->memory + len, spool->filled - len);
        spool->filled -= len;
    }
}

unsigned char *pyw_spool_take_memory(struct pyw_spool *spool, size_t *len)
{
    unsigned char *memory = spool->filled > 0 ? spool->memory : NULL;

    *len = spool->filled;
    if (memory != NULL) {
        spool->memory = NULL;
        spool->filled = 0;
        count_as_small(spool);
    }
    return memory;
}
