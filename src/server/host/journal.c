#include "host/journal.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#define LINE_MAX_LEN 4096

/* Lines that go into one system call; each is a mark, its text, and its end. */
#define LINES_AT_ONCE 256
#define PIECES 3

/* What the supervisor takes for one line, less the mark; longer ones go in parts. */
#define PART_MAX 8000

/* A pipe that is full lets other threads' writes in between. */
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_once_t once = PTHREAD_ONCE_INIT;

/* The child of a fork has no thread that would unlock what another held here. Whoever
 * forks does not wait for it: he has the GIL. */
static void renew(void)
{
    (void)pthread_mutex_init(&mutex, NULL);
}

static void guard_forks(void)
{
    (void)pthread_atfork(NULL, NULL, renew);
}

/* Takes what was written off the pieces. @return the first that is left. */
static struct iovec *skip(struct iovec *pieces, struct iovec *end, size_t done)
{
    while (pieces < end && done >= pieces->iov_len) {
        done -= pieces->iov_len;
        pieces++;
    }
    if (pieces < end) {
        pieces->iov_base = (char *)pieces->iov_base + done;
        pieces->iov_len -= done;
    }
    return pieces;
}

/* A signal may cut a system call short. */
static void write_pieces(struct iovec *pieces, size_t count)
{
    struct iovec *end = pieces + count;

    while (pieces < end) {
        ssize_t done = writev(STDERR_FILENO, pieces, (int)(end - pieces));

        if (done < 0 && errno != EINTR) {
            return; /* a log that cannot be written has nowhere to be reported */
        }
        pieces = skip(pieces, end, done > 0 ? (size_t)done : 0);
    }
}

static void write_lines(enum pyw_level level, const char *text, size_t len)
{
    char more[4] = {'<', (char)('0' + (unsigned)level % 8), '+', '>'};
    char last[3] = {'<', more[1], '>'};
    char end[1] = {'\n'};
    struct iovec pieces[LINES_AT_ONCE * PIECES];
    size_t count = 0;

    while (len > 0) {
        const char *stop = memchr(text, '\n', len < PART_MAX ? len : PART_MAX);
        size_t line_len = stop != NULL     ? (size_t)(stop - text)
                          : len < PART_MAX ? len
                                           : PART_MAX;
        size_t step = stop != NULL ? line_len + 1 : line_len;

        pieces[count++] = step < len ? (struct iovec){more, sizeof(more)}
                                     : (struct iovec){last, sizeof(last)};
        pieces[count++] = (struct iovec){(void *)(uintptr_t)text, line_len};
        pieces[count++] = (struct iovec){end, sizeof(end)};
        text += step;
        len -= step;
        if (count == LINES_AT_ONCE * PIECES) {
            write_pieces(pieces, count);
            count = 0;
        }
    }
    write_pieces(pieces, count);
}

void pyw_journal_text(enum pyw_level level, const char *text, size_t len)
{
    (void)pthread_once(&once, guard_forks);
    (void)pthread_mutex_lock(&mutex);
    write_lines(level, text, len);
    (void)pthread_mutex_unlock(&mutex);
}

void pyw_journal_line(const void *where, enum pyw_level level, const char *format, ...)
{
    char line[LINE_MAX_LEN];
    va_list arguments;
    int len;

    (void)where;
    va_start(arguments, format);
    len = vsnprintf(line, sizeof(line), format, arguments);
    va_end(arguments);
    if (len > 0) {
        pyw_journal_text(level, line, strnlen(line, sizeof(line)));
    }
}
