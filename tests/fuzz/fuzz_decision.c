/* Answers of scripts that decide, to each question: whatever is taken is packed into
 * the same bytes again, and none of its texts could break a line. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/decision.h"
#include "base/head.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(struct pyw_decision *decision, const uint8_t *data, size_t size)
{
    struct pyw_writer writer;
    struct pyw_span text;

    pyw_bytes_init(&writer);
    pyw_decision_put(&writer, decision->verdict, decision->left);
    while (pyw_decision_next(decision, &text)) {
        if (text.data != NULL && !pyw_decision_is_text(text)) {
            abort();
        }
        pyw_decision_put_text(&writer, text);
    }
    if (!writer.failed &&
        (writer.len != size || memcmp(writer.data, data, size) != 0)) {
        abort();
    }
    pyw_bytes_free(&writer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct pyw_span packed = {(const char *)data, size};
    struct pyw_decision decision;

    for (unsigned role = 0; role < PYW_ROLE_COUNT; role++) {
        if (pyw_decision_get(packed, (uint8_t)role, &decision) == 0) {
            check(&decision, data, size);
        }
    }
    return 0;
}
