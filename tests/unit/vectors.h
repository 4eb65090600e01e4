/* vectors.h: the frames of tests/unit/vectors/frames.txt, which tests in C and in
 * Python share. */
#ifndef PYW_UNIT_VECTORS_H
#define PYW_UNIT_VECTORS_H

#include <stddef.h>

struct vector {
    char name[64];
    char way[8]; /* "child", "daemon" or "both" */
    size_t len;
    unsigned char data[1024];
};

/* The vector at a place in the file. @return 0; -1 behind the last one. */
int vectors_at(size_t index, struct vector *vector);
/* The vector of that name; fails the test when there is none. */
void vectors_find(const char *name, struct vector *vector);

#endif
