#include "channel/board.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#ifndef F_SEAL_FUTURE_WRITE
#define F_SEAL_FUTURE_WRITE 0x0010
#endif

#define BOARD_MAGIC 0x42575950u /* "PYWB" */
#define BOARD_VERSION 1u
/* Who claims it and has not published by then has died. */
#define CLAIM_MS 5000
#define READ_TRIES 100

/* What is shared. Children write; a daemon checks what it reads. */
struct shared {
    uint32_t magic;
    uint32_t version;
    _Atomic int64_t claimed_ms; /* 0: nobody writes */
    _Atomic int64_t written_ms; /* 0: never */
    _Atomic uint32_t turn;      /* odd: being written */
    _Atomic uint32_t len;
    _Atomic unsigned char bytes[]; /* see copy_in() and copy_out() */
};

struct pyw_board {
    struct shared *shared;
    size_t size;
};

static int map_board(int fd, size_t size, int protection, struct pyw_board **board)
{
    struct pyw_board *made = calloc(1, sizeof(*made));
    void *memory;

    if (made == NULL) {
        return -ENOMEM;
    }
    memory = mmap(NULL, size, protection, MAP_SHARED, fd, 0);
    if (memory == MAP_FAILED) {
        int error = errno;

        free(made);
        return -error;
    }
    made->shared = memory;
    made->size = size;
    *board = made;
    return 0;
}

/* Makes and maps the segment, then seals it: it cannot shrink, and nobody can map it
 * for writing but who has it already. */
static int make_board(int fd, size_t size, struct pyw_board **board)
{
    int rv;

    if (ftruncate(fd, (off_t)size) != 0) {
        return -errno;
    }
    rv = map_board(fd, size, PROT_READ | PROT_WRITE, board);
    if (rv == 0 &&
        fcntl(fd, F_ADD_SEALS,
              F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_FUTURE_WRITE | F_SEAL_SEAL) != 0) {
        rv = -errno;
        pyw_board_close(*board);
        *board = NULL;
    }
    return rv;
}

int pyw_board_create(size_t capacity, struct pyw_board **board, int *fd)
{
    int made = memfd_create("pywsgi-board", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    int rv;

    if (made < 0) {
        return -errno;
    }
    rv = make_board(made, sizeof(struct shared) + capacity, board);
    if (rv != 0) {
        close(made);
        return rv;
    }
    (*board)->shared->magic = BOARD_MAGIC;
    (*board)->shared->version = BOARD_VERSION;
    *fd = made;
    return 0;
}

int pyw_board_open(int fd, struct pyw_board **board)
{
    struct stat about;
    int rv;

    if (fstat(fd, &about) != 0) {
        return -errno;
    }
    if (!S_ISREG(about.st_mode) || about.st_size < (off_t)sizeof(struct shared)) {
        return -EPROTO;
    }
    rv = map_board(fd, (size_t)about.st_size, PROT_READ, board);
    if (rv == 0 && ((*board)->shared->magic != BOARD_MAGIC ||
                    (*board)->shared->version != BOARD_VERSION)) {
        pyw_board_close(*board);
        *board = NULL;
        rv = -EPROTO;
    }
    return rv;
}

void pyw_board_close(struct pyw_board *board)
{
    if (board != NULL) {
        munmap(board->shared, board->size);
        free(board);
    }
}

static size_t capacity_of(const struct pyw_board *board)
{
    return board->size - sizeof(struct shared);
}

bool pyw_board_claim(struct pyw_board *board, int64_t now_ms, int64_t age_ms)
{
    struct shared *shared = board->shared;
    int64_t claimed_ms = atomic_load(&shared->claimed_ms);

    if (now_ms - atomic_load_explicit(&shared->written_ms, memory_order_relaxed) <
            age_ms ||
        (claimed_ms != 0 && now_ms - claimed_ms < CLAIM_MS)) {
        return false;
    }
    return atomic_compare_exchange_strong(&shared->claimed_ms, &claimed_ms, now_ms);
}

/* Each byte is stored after the turn was made odd, and loaded before the turn is looked
 * at again. */
static void copy_in(struct shared *shared, struct pyw_span bytes)
{
    for (size_t i = 0; i < bytes.len; i++) {
        atomic_store_explicit(&shared->bytes[i], (unsigned char)bytes.data[i],
                              memory_order_release);
    }
}

static void copy_out(const struct shared *shared, unsigned char *data, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        data[i] = atomic_load_explicit(&shared->bytes[i], memory_order_acquire);
    }
}

void pyw_board_publish(struct pyw_board *board, int64_t now_ms, struct pyw_span bytes)
{
    struct shared *shared = board->shared;
    uint32_t turn = atomic_load(&shared->turn);
    uint32_t odd = (turn & 1) != 0 ? turn + 2 : turn + 1; /* odd: its writer died */

    if (bytes.len > 0 && bytes.len <= capacity_of(board)) {
        atomic_store(&shared->turn, odd);
        copy_in(shared, bytes);
        atomic_store(&shared->len, (uint32_t)bytes.len);
        atomic_store(&shared->turn, odd + 1);
    }
    atomic_store(&shared->written_ms, now_ms);
    atomic_store(&shared->claimed_ms, 0);
}

/* @return 0; -EBUSY: it is being written; -EAGAIN; -EPROTO; -ENOMEM. */
static int try_read(const struct pyw_board *board, struct pyw_writer *writer)
{
    const struct shared *shared = board->shared;
    uint32_t turn = atomic_load(&shared->turn);
    uint32_t len = atomic_load(&shared->len);

    if ((turn & 1) != 0) {
        return -EBUSY;
    }
    if (len == 0 || len > capacity_of(board)) {
        return len == 0 ? -EAGAIN : -EPROTO;
    }
    if (!pyw_bytes_reserve(writer, len)) {
        return -ENOMEM;
    }
    copy_out(shared, writer->data + writer->len, len);
    if (atomic_load(&shared->turn) != turn) {
        return -EBUSY;
    }
    writer->len += len;
    return 0;
}

int pyw_board_read(const struct pyw_board *board, struct pyw_writer *writer)
{
    static const struct timespec moment = {.tv_nsec = 1000000};
    int rv = -EBUSY;

    for (int i = 0; i < READ_TRIES && rv == -EBUSY; i++) {
        if (i > 0) {
            (void)nanosleep(&moment, NULL);
        }
        rv = try_read(board, writer);
    }
    return rv;
}
