#include "host/journal.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#define LINE_MAX_LEN 4096

/* Lines that go into one system call; each is a mark, its text, and its end. */
#define LINES_AT_ONCE 256
#define PIECES 3

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

/* In one system call, so that the lines of several threads do not mix; a signal may cut
 * it short. */
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

void pyw_journal_text(enum pyw_level level, const char *text, size_t len)
{
    char mark[3] = {'<', (char)('0' + (unsigned)level % 8), '>'};
    char end[1] = {'\n'};
    struct iovec pieces[LINES_AT_ONCE * PIECES];
    size_t count = 0;

    while (len > 0) {
        const char *stop = memchr(text, '\n', len);
        size_t line_len = stop != NULL ? (size_t)(stop - text) : len;
        size_t step = stop != NULL ? line_len + 1 : line_len;

        pieces[count++] = (struct iovec){mark, sizeof(mark)};
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
