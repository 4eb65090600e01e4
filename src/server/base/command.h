/* command.h: the one line that a client of the control socket writes (docs/control.md):
 * a verb, and behind blanks the name of a process group and a number, as the verb has
 * it. In a name, %XX stands for a byte: blanks and % itself are written so.
 *
 * Thread: none; works on what it is given.
 */
#ifndef PYW_BASE_COMMAND_H
#define PYW_BASE_COMMAND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A line at most, its end included. */
#define PYW_COMMAND_LINE 4096

enum pyw_verb {
    PYW_VERB_STATUS,
    PYW_VERB_RELOAD,
    PYW_VERB_RESTART,
    PYW_VERB_SCALE,
    PYW_VERB_STACKS
};

struct pyw_command {
    enum pyw_verb verb;
    const char *group; /* within the line; NULL: all of them */
    int64_t least;     /* of scale */
    int64_t most;
};

/* Reads a line without its end, which is changed on the way; line[len] must be there to
 * be written to.
 * @return NULL, or a sentence that says what is wrong. */
const char *pyw_command_parse(char *line, size_t len, struct pyw_command *command);

#endif
