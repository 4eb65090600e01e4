#include "base/decision.h"

#include <errno.h>
#include <string.h>

#include "base/head.h"

#define IN(verdict) (1u << PYW_VERDICT_##verdict)

/* What each question may be answered with: a set of verdicts. */
static const unsigned answers[PYW_ROLE_COUNT] = {
    [PYW_ROLE_DISPATCH] = IN(ROUTE),
    [PYW_ROLE_ACCESS] = IN(GRANTED) | IN(DENIED) | IN(UNKNOWN),
    [PYW_ROLE_PASSWORD] = IN(GRANTED) | IN(DENIED) | IN(UNKNOWN) | IN(NAMED),
    [PYW_ROLE_REALM_HASH] = IN(HASH) | IN(UNKNOWN),
    [PYW_ROLE_GROUPS] = IN(GROUPS),
};

/* How many texts each verdict has, and which they may be. */
static const struct shape {
    uint16_t least;
    uint16_t most;
    bool may_be_absent;
    bool may_be_empty;
} shapes[PYW_VERDICT_COUNT] = {
    [PYW_VERDICT_NAMED] = {1, 1, false, false},
    [PYW_VERDICT_HASH] = {1, 1, false, false},
    [PYW_VERDICT_GROUPS] = {0, PYW_DECISION_MAX_TEXTS, false, true},
    [PYW_VERDICT_ROUTE] = {PYW_ROUTE_COUNT, PYW_ROUTE_COUNT, true, true},
};

bool pyw_decision_is_text(struct pyw_span text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] == '\0' || text.data[i] == '\n' || text.data[i] == '\r') {
            return false;
        }
    }
    return true;
}

void pyw_decision_put(struct pyw_writer *writer, enum pyw_verdict verdict,
                      size_t text_count)
{
    if (text_count > PYW_DECISION_MAX_TEXTS) {
        writer->failed = true;
        return;
    }
    pyw_bytes_put_u8(writer, (uint8_t)verdict);
    pyw_bytes_put_u16(writer, (uint16_t)text_count);
}

void pyw_decision_put_text(struct pyw_writer *writer, struct pyw_span text)
{
    pyw_bytes_put_u8(writer, text.data != NULL ? 1 : 0);
    if (text.data != NULL) {
        pyw_bytes_put_str16(writer, text.data, text.len);
    }
}

/* The next text as it is; a malformed one makes the reader fail. */
static struct pyw_span get_text(struct pyw_reader *reader)
{
    static const struct pyw_span absent = {NULL, 0};
    uint8_t is_present = pyw_bytes_get_u8(reader);

    if (is_present > 1) {
        reader->failed = true;
    }
    return is_present == 1 ? pyw_bytes_get_str16(reader) : absent;
}

static bool may_be(const struct shape *shape, struct pyw_span text)
{
    if (text.data == NULL) {
        return shape->may_be_absent;
    }
    return (text.len > 0 || shape->may_be_empty) && pyw_decision_is_text(text);
}

int pyw_decision_get(struct pyw_span packed, uint8_t role,
                     struct pyw_decision *decision)
{
    struct pyw_reader reader;
    const struct shape *shape;
    uint8_t verdict;
    uint16_t count;

    if (packed.len > PYW_DECISION_MAX_SIZE || role >= PYW_ROLE_COUNT) {
        return -EPROTO;
    }
    pyw_bytes_read_from(&reader, packed.data, packed.len);
    verdict = pyw_bytes_get_u8(&reader);
    count = pyw_bytes_get_u16(&reader);
    if (reader.failed || verdict >= PYW_VERDICT_COUNT ||
        (answers[role] & (1u << verdict)) == 0) {
        return -EPROTO;
    }
    shape = &shapes[verdict];
    if (count < shape->least || count > shape->most) {
        return -EPROTO;
    }
    decision->verdict = (enum pyw_verdict)verdict;
    decision->left = count;
    decision->at = reader;
    for (uint16_t i = 0; i < count; i++) {
        struct pyw_span text = get_text(&reader);

        if (reader.failed || !may_be(shape, text)) {
            return -EPROTO;
        }
    }
    return pyw_bytes_is_done(&reader) ? 0 : -EPROTO;
}

bool pyw_decision_next(struct pyw_decision *decision, struct pyw_span *text)
{
    if (decision->left == 0) {
        return false;
    }
    decision->left--;
    *text = get_text(&decision->at);
    return true;
}
