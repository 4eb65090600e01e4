#include "host/journal.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#define LINE_MAX_LEN 4096

/* One line in one system call, so that those of several threads do not mix. */
static void write_line(enum pyw_level level, const char *text, size_t len)
{
    char mark[4] = {'<', (char)('0' + (unsigned)level % 8), '>', '\0'};
    char line_end[] = "\n";
    struct iovec pieces[3] = {{mark, 3}, {(void *)(uintptr_t)text, len}, {line_end, 1}};
    ssize_t done;

    do {
        done = writev(STDERR_FILENO, pieces, 3);
    } while (done < 0 && errno == EINTR);
    /* A log that cannot be written has nowhere to be reported. */
}

void pyw_journal_text(enum pyw_level level, const char *text, size_t len)
{
    while (len > 0) {
        const char *line_end = memchr(text, '\n', len);
        size_t line_len = line_end != NULL ? (size_t)(line_end - text) : len;

        write_line(level, text, line_len);
        line_len += line_end != NULL ? 1 : 0;
        text += line_len;
        len -= line_len;
    }
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
