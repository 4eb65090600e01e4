/* texts.h: a short list of strings that somebody else owns, in the order given. */
#ifndef PYW_BASE_TEXTS_H
#define PYW_BASE_TEXTS_H

#include <stdbool.h>
#include <stddef.h>

#define PYW_TEXTS_MAX 128

struct pyw_texts {
    size_t count;
    const char *items[PYW_TEXTS_MAX];
};

/* @return false: the list is full. */
static inline bool pyw_texts_add(struct pyw_texts *texts, const char *text)
{
    if (texts->count == PYW_TEXTS_MAX) {
        return false;
    }
    texts->items[texts->count++] = text;
    return true;
}

#endif
