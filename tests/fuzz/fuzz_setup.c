/* The setup of a daemon process, as its supervisor would never write it. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/setup.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct pyw_setup setup;
    static struct pyw_setup again;
    struct pyw_writer writer;
    char why[64];

    if (pyw_setup_get((const char *)data, size, &setup, why, sizeof(why)) != 0) {
        if (strnlen(why, sizeof(why)) == sizeof(why)) {
            abort();
        }
        return 0;
    }
    pyw_bytes_init(&writer);
    pyw_setup_put(&writer, &setup);
    if (!writer.failed && pyw_setup_get((const char *)writer.data, writer.len, &again,
                                        why, sizeof(why)) != 0) {
        abort();
    }
    pyw_bytes_free(&writer);
    return 0;
}
