#include "supervisor/echo.h"

/* FNV-1a, 64 bits. */
#define HASH_START 0xcbf29ce484222325u
#define HASH_FACTOR 0x100000001b3u

void pyw_echo_forget(struct pyw_echo *echo)
{
    echo->count = 0;
}

static uint64_t hash_line(const char *line, size_t len)
{
    uint64_t hash = HASH_START;

    for (size_t i = 0; i < len; i++) {
        if (line[i] >= '0' && line[i] <= '9') {
            continue;
        }
        hash = (hash ^ (unsigned char)line[i]) * HASH_FACTOR;
    }
    return hash;
}

bool pyw_echo_is_repeated(struct pyw_echo *echo, const char *line, size_t len)
{
    uint64_t hash = hash_line(line, len);

    for (size_t i = 0; i < echo->count; i++) {
        if (echo->lines[i] == hash) {
            return true;
        }
    }
    if (echo->count < PYW_ECHO_LINES) {
        echo->lines[echo->count++] = hash;
    }
    return false;
}
