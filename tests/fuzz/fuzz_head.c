/* Request and response heads: whatever is taken is packed into the same bytes again. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/frame.h"
#include "base/head.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct pyw_pair pairs[PYW_HEAD_MAX_PAIRS];
static struct pyw_header headers[PYW_HEAD_MAX_PAIRS];

static void assert_same(struct pyw_writer *writer, const uint8_t *data, size_t size)
{
    /* A name that has a key may come spelled out: then it is packed shorter. */
    if (!writer->failed && writer->len == size + PYW_FRAME_HEADER_LEN &&
        memcmp(writer->data + PYW_FRAME_HEADER_LEN, data, size) != 0) {
        abort();
    }
    pyw_bytes_free(writer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct pyw_span payload = {(const char *)data, size};
    struct pyw_request_head request;
    struct pyw_reply_head reply;
    struct pyw_writer writer;

    pyw_bytes_init(&writer);
    if (pyw_head_get_request(payload, 0, pairs, PYW_HEAD_MAX_PAIRS, &request) == 0) {
        pyw_head_put_request(&writer, &request);
        assert_same(&writer, data, size);
    }
    if (pyw_head_get_reply(payload, headers, PYW_HEAD_MAX_PAIRS, &reply) == 0) {
        pyw_head_put_reply(&writer, PYW_FRAME_HEAD, &reply);
        assert_same(&writer, data, size);
    }
    return 0;
}
