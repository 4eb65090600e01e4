#include "supervisor/tail.h"

#include <string.h>

/* Room for `len` bytes: the oldest lines go. */
static void make_room(struct pyw_tail *tail, size_t len)
{
    size_t from = 0;

    while (tail->len - from + len > sizeof(tail->text)) {
        const char *end = memchr(tail->text + from, '\n', tail->len - from);

        from = end != NULL ? (size_t)(end - tail->text) + 1 : tail->len;
    }
    memmove(tail->text, tail->text + from, tail->len - from);
    tail->len -= from;
}

void pyw_tail_add(struct pyw_tail *tail, pid_t pid, const char *text, size_t len)
{
    if (tail->pid != pid) {
        tail->pid = pid;
        tail->len = 0;
    }
    if (len >= sizeof(tail->text)) {
        const char *end;

        text += len - (sizeof(tail->text) - 1);
        len = sizeof(tail->text) - 1;
        end = memchr(text, '\n', len);
        if (end != NULL) { /* not half a line, where there is a whole one */
            len -= (size_t)(end - text) + 1;
            text = end + 1;
        }
    }
    make_room(tail, len + 1);
    memcpy(tail->text + tail->len, text, len);
    tail->text[tail->len + len] = '\n';
    tail->len += len + 1;
}
