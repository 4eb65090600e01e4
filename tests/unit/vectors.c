#include "vectors.h"

#include <stdio.h>
#include <string.h>

#include "suite.h"

#define LINE_MAX_LEN 4096

static void read_hex(const char *text, struct vector *vector)
{
    unsigned value;

    for (vector->len = 0; sscanf(text, "%2x", &value) == 1; text += 2) {
        ck_assert_uint_lt(vector->len, sizeof(vector->data));
        vector->data[vector->len++] = (unsigned char)value;
    }
}

/* Reads the next block. @return 0; -1: end of file. */
static int read_block(FILE *file, struct vector *vector)
{
    char line[LINE_MAX_LEN];
    int rv = -1;

    memset(vector, 0, sizeof(*vector));
    while (fgets(line, sizeof(line), file) != NULL) {
        if (line[0] == '\n' && rv == 0) {
            break;
        }
        if (sscanf(line, "name: %63[^\n]", vector->name) == 1) {
            rv = 0;
        } else if (strncmp(line, "way: ", 5) == 0) {
            (void)sscanf(line, "way: %7s", vector->way);
        } else if (strncmp(line, "hex: ", 5) == 0) {
            read_hex(line + 5, vector);
        }
    }
    return rv;
}

int vectors_at(size_t index, struct vector *vector)
{
    FILE *file = fopen(PYW_TOP_SRCDIR "/tests/unit/vectors/frames.txt", "r");
    int rv = 0;

    ck_assert_ptr_nonnull(file);
    for (size_t i = 0; i <= index && rv == 0; i++) {
        rv = read_block(file, vector);
    }
    fclose(file);
    return rv;
}

void vectors_find(const char *name, struct vector *vector)
{
    for (size_t i = 0; vectors_at(i, vector) == 0; i++) {
        if (strcmp(vector->name, name) == 0) {
            return;
        }
    }
    ck_abort_msg("no vector '%s'", name);
}
