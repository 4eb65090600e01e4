/* Options of WSGIDaemonProcess: lines of name=value. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/options.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(void *context, const char *name, const char *value)
{
    struct pyw_options *copy = context;
    char why[512];

    if (pyw_options_set(copy, name, value, why, sizeof(why)) != 0) {
        abort(); /* what was taken once is taken again */
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = calloc(1, size + 1);
    struct pyw_options options;
    struct pyw_options copy;
    char why[512];
    char *rest = text;
    char *line;

    memcpy(text, data, size);
    pyw_options_init(&options);
    pyw_options_init(&copy);
    while ((line = strsep(&rest, "\n")) != NULL) {
        char *value = strchr(line, '=');

        if (value != NULL) {
            *value++ = '\0';
            (void)pyw_options_set(&options, line, value, why, sizeof(why));
        }
    }
    pyw_options_each(&options, check, &copy);
    free(text);
    return 0;
}
