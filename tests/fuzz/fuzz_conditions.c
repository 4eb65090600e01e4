/* Conditional requests: five headers of a request and two of its response, one a line.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/conditions.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Takes a line off `rest`. */
static struct pyw_span next_line(struct pyw_span *rest)
{
    const char *end = rest->len > 0 ? memchr(rest->data, '\n', rest->len) : NULL;
    struct pyw_span line = {rest->data,
                            end != NULL ? (size_t)(end - rest->data) : rest->len};
    size_t used = line.len + (end != NULL ? 1 : 0);

    rest->data += used;
    rest->len -= used;
    return line;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *copy = malloc(size > 0 ? size : 1);
    struct pyw_span rest = {copy, size};
    struct pyw_conditions conditions;
    struct pyw_validators validators;
    struct pyw_span tag;

    if (copy == NULL) {
        abort();
    }
    memcpy(copy, data, size);
    conditions.match = next_line(&rest);
    conditions.none_match = next_line(&rest);
    conditions.modified_since = next_line(&rest);
    conditions.unmodified_since = next_line(&rest);
    conditions.encodings = next_line(&rest);
    validators.tag = next_line(&rest);
    validators.modified = next_line(&rest);
    if (pyw_conditions_judge(&conditions, &validators, &tag) ==
            PYW_CONDITION_UNNEEDED &&
        tag.len > 0 && (tag.data < copy || tag.data + tag.len > copy + size)) {
        abort();
    }
    free(copy);
    return 0;
}
