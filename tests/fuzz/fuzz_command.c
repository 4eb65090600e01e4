/* A line of the control socket. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/command.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct pyw_command command;
    char *line = malloc(size + 1);

    memcpy(line, data, size);
    if (pyw_command_parse(line, size, &command) == NULL && command.group != NULL) {
        const char *end = line + size;

        if (command.group < line || command.group > end ||
            strlen(command.group) > (size_t)(end - command.group)) {
            abort(); /* a group lies within the line */
        }
        if (command.most < command.least || command.least < 0) {
            abort();
        }
    }
    free(line);
    return 0;
}
