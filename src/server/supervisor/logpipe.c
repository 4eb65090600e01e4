#include "supervisor/logpipe.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

/* Rounds of reading per call: one chatty process must not hold up the supervisor. */
#define ROUNDS_PER_PUMP 16

void pyw_logpipe_init(struct pyw_logpipe *pipe, int fd)
{
    pipe->fd = fd;
    pipe->len = 0;
}

static void give_line(const char *line, size_t len, pyw_logpipe_sink *sink,
                      void *context)
{
    enum pyw_level level = PYW_LEVEL_ERR;

    if (len >= 3 && line[0] == '<' && line[1] >= '0' && line[1] <= '7' &&
        line[2] == '>') {
        level = (enum pyw_level)(line[1] - '0');
        line += 3;
        len -= 3;
    }
    if (len > 0) {
        sink(context, level, line, len);
    }
}

/* Gives out every whole line, or everything when the buffer is full of one. */
static void give_lines(struct pyw_logpipe *pipe, pyw_logpipe_sink *sink, void *context)
{
    size_t start = 0;
    const char *end;

    while ((end = memchr(pipe->line + start, '\n', pipe->len - start)) != NULL) {
        size_t len = (size_t)(end - pipe->line) - start;

        give_line(pipe->line + start, len, sink, context);
        start += len + 1;
    }
    if (start == 0 && pipe->len == sizeof(pipe->line)) {
        give_line(pipe->line, pipe->len, sink, context);
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

void pyw_logpipe_close(struct pyw_logpipe *pipe, pyw_logpipe_sink *sink, void *context)
{
    if (pipe->fd < 0) {
        return;
    }
    give_line(pipe->line, pipe->len, sink, context);
    pipe->len = 0;
    close(pipe->fd);
    pipe->fd = -1;
}
