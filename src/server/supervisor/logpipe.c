#include "supervisor/logpipe.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Rounds of reading per call: one chatty process must not hold up the supervisor. */
#define ROUNDS_PER_PUMP 16

/* What a line says of itself. */
struct mark {
    size_t len; /* 0: nothing */
    enum pyw_level level;
    bool is_more; /* the next line is of the same entry */
};

void pyw_logpipe_set_pid(struct pyw_logpipe *pipe, pid_t pid)
{
    (void)snprintf(pipe->who, sizeof(pipe->who), "[pid %d] ", (int)pid);
}

void pyw_logpipe_init(struct pyw_logpipe *pipe, int fd, pid_t pid)
{
    pipe->fd = fd;
    pipe->len = 0;
    pyw_logpipe_set_pid(pipe, pid);
    pyw_bytes_init(&pipe->entry);
}

static struct mark read_mark(const char *line, size_t len)
{
    struct mark mark = {0, PYW_LEVEL_ERR, false};

    if (len < 3 || line[0] != '<' || line[1] < '0' || line[1] > '7') {
        return mark;
    }
    mark.is_more = len >= 4 && line[2] == '+';
    if (line[mark.is_more ? 3 : 2] == '>') {
        mark.len = mark.is_more ? 4 : 3;
        mark.level = (enum pyw_level)(line[1] - '0');
    }
    return mark;
}

static void give_entry(struct pyw_logpipe *pipe, pyw_logpipe_sink *sink, void *context)
{
    if (pipe->entry.len > 0) {
        sink(context, pipe->entry_level, (const char *)pipe->entry.data,
             pipe->entry.len - 1);
    }
    pyw_bytes_free(&pipe->entry);
}

/* A line that is an entry. */
static void give_alone(struct pyw_logpipe *pipe, enum pyw_level level, const char *line,
                       size_t len, pyw_logpipe_sink *sink, void *context)
{
    char text[sizeof(pipe->who) + sizeof(pipe->line)];
    size_t who_len = strlen(pipe->who);

    if (len > 0) {
        memcpy(text, pipe->who, who_len);
        memcpy(text + who_len, line, len);
        sink(context, level, text, who_len + len);
    }
}

/* Without memory, the lines so far are given out. */
static bool add_line(struct pyw_logpipe *pipe, enum pyw_level level, const char *line,
                     size_t len, pyw_logpipe_sink *sink, void *context)
{
    size_t who_len = strlen(pipe->who);

    if (pipe->entry.len + who_len + len + 1 > PYW_LOGPIPE_ENTRY ||
        !pyw_bytes_reserve(&pipe->entry, who_len + len + 1)) {
        give_entry(pipe, sink, context);
        if (!pyw_bytes_reserve(&pipe->entry, who_len + len + 1)) {
            pyw_bytes_free(&pipe->entry);
            return false;
        }
    }
    pipe->entry_level = level;
    pyw_bytes_put(&pipe->entry, pipe->who, who_len);
    pyw_bytes_put(&pipe->entry, line, len);
    pyw_bytes_put_u8(&pipe->entry, '\n');
    return true;
}

static void give_line(struct pyw_logpipe *pipe, const char *line, size_t len,
                      pyw_logpipe_sink *sink, void *context)
{
    struct mark mark = read_mark(line, len);
    bool is_of_entry = mark.len > 0 && (mark.is_more || pipe->entry.len > 0);

    line += mark.len;
    len -= mark.len;
    if (!is_of_entry) {
        give_alone(pipe, mark.level, line, len, sink, context);
        return;
    }
    if (len > 0 && !add_line(pipe, mark.level, line, len, sink, context)) {
        give_alone(pipe, mark.level, line, len, sink, context);
    }
    if (!mark.is_more) {
        give_entry(pipe, sink, context);
    }
}

/* Gives out every whole line, or everything when the buffer is full of one. */
static void give_lines(struct pyw_logpipe *pipe, pyw_logpipe_sink *sink, void *context)
{
    size_t start = 0;
    const char *end;

    while ((end = memchr(pipe->line + start, '\n', pipe->len - start)) != NULL) {
        size_t len = (size_t)(end - pipe->line) - start;

        give_line(pipe, pipe->line + start, len, sink, context);
        start += len + 1;
    }
    if (start == 0 && pipe->len == sizeof(pipe->line)) {
        give_line(pipe, pipe->line, pipe->len, sink, context);
        start = pipe->len;
    }
    memmove(pipe->line, pipe->line + start, pipe->len - start);
    pipe->len -= start;
}

bool pyw_logpipe_pump(struct pyw_logpipe *pipe, pyw_logpipe_sink *sink, void *context)
{
    for (int round = 0; round < ROUNDS_PER_PUMP && pipe->fd >= 0; round++) {
        ssize_t got =
            read(pipe->fd, pipe->line + pipe->len, sizeof(pipe->line) - pipe->len);

        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0 && errno == EAGAIN) {
            return true;
        }
        if (got <= 0) {
            pyw_logpipe_close(pipe, sink, context);
            return false;
        }
        pipe->len += (size_t)got;
        give_lines(pipe, sink, context);
    }
    return pipe->fd >= 0;
}

void pyw_logpipe_drop(struct pyw_logpipe *pipe)
{
    if (pipe->fd >= 0) {
        close(pipe->fd);
        pipe->fd = -1;
    }
    pipe->len = 0;
    pyw_bytes_free(&pipe->entry);
}

void pyw_logpipe_close(struct pyw_logpipe *pipe, pyw_logpipe_sink *sink, void *context)
{
    if (pipe->fd < 0) {
        return;
    }
    give_line(pipe, pipe->line, pipe->len, sink, context);
    give_entry(pipe, sink, context);
    pyw_logpipe_drop(pipe);
}
