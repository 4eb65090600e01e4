#include "fake_exchange.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static struct fake *fake_of(struct pyw_exchange *exchange)
{
    return (struct fake *)exchange;
}

static void violate(struct fake *fake, const char *what)
{
    fake->violation = fake->violation != NULL ? fake->violation : what;
}

static void append(struct pyw_writer *writer, const char *data, size_t len)
{
    pyw_bytes_put(writer, data, len);
}

static void append_text(struct pyw_writer *writer, const char *text)
{
    append(writer, text, strlen(text));
}

static ssize_t read_body(struct pyw_exchange *exchange, void *buffer, size_t len,
                         bool may_block)
{
    struct fake *fake = fake_of(exchange);
    size_t left = fake->body_len - fake->read;

    if (fake->blocks && !may_block) {
        return -EAGAIN;
    }
    if (left == 0) {
        return fake->read_error;
    }
    len = len < left ? len : left;
    len = fake->piece != 0 && len > fake->piece ? fake->piece : len;
    memcpy(buffer, fake->body + fake->read, len);
    fake->read += len;
    return (ssize_t)len;
}

static void take_head(struct fake *fake, const struct pyw_reply_head *head)
{
    char number[16];

    if ((head == NULL) != fake->has_head) {
        violate(fake, "the head comes once, with the first part");
    }
    if (head == NULL) {
        return;
    }
    fake->has_head = true;
    snprintf(number, sizeof number, "%u ", head->status);
    append_text(&fake->status, number);
    append(&fake->status, head->reason.data, head->reason.len);
    for (size_t i = 0; i < head->header_count; i++) {
        append(&fake->headers, head->headers[i].name.data, head->headers[i].name.len);
        append_text(&fake->headers, ": ");
        append(&fake->headers, head->headers[i].value.data, head->headers[i].value.len);
        append_text(&fake->headers, "\n");
    }
}

static int inform(struct pyw_exchange *exchange, const struct pyw_reply_head *head)
{
    struct fake *fake = fake_of(exchange);

    if (fake->has_head || fake->has_ended) {
        violate(fake, "an interim response behind the head");
    }
    for (size_t i = 0; i < head->header_count; i++) {
        append(&fake->hints, head->headers[i].name.data, head->headers[i].name.len);
        append_text(&fake->hints, ": ");
        append(&fake->hints, head->headers[i].value.data, head->headers[i].value.len);
        append_text(&fake->hints, "\n");
    }
    return 0;
}

static int deliver(struct fake *fake, const struct pyw_part *part)
{
    if (fake->gone_after != 0 && fake->received.len >= fake->gone_after) {
        fake->is_aborted = true;
        return -EPIPE;
    }
    if (fake->has_last || fake->has_ended) {
        violate(fake, "a part after the end");
    }
    take_head(fake, part->head);
    append(&fake->received, part->body.data, part->body.len);
    fake->has_last = part->is_last;
    fake->sends++;
    return 0;
}

static int send_part(struct pyw_exchange *exchange, const struct pyw_part *part)
{
    struct fake *fake = fake_of(exchange);

    if (fake->pending != NULL) {
        violate(fake, "send before finish_send");
    }
    if (fake->blocks) {
        fake->pending = part;
        return -EAGAIN;
    }
    return deliver(fake, part);
}

static int finish_send(struct pyw_exchange *exchange)
{
    struct fake *fake = fake_of(exchange);
    const struct pyw_part *part = fake->pending;

    if (part == NULL) {
        violate(fake, "finish_send without a send that would block");
        return -EINVAL;
    }
    fake->pending = NULL;
    return deliver(fake, part);
}

static int send_file(struct pyw_exchange *exchange, const struct pyw_file_part *file)
{
    struct fake *fake = fake_of(exchange);
    uint64_t at = file->offset;
    uint64_t end = file->offset + file->length;
    char buffer[4096];

    take_head(fake, file->head);
    while (at < end) {
        size_t wanted = end - at < sizeof buffer ? (size_t)(end - at) : sizeof buffer;
        ssize_t got = pread(file->fd, buffer, wanted, (off_t)at);

        if (got <= 0) {
            return -EIO;
        }
        append(&fake->received, buffer, (size_t)got);
        at += (uint64_t)got;
    }
    fake->sends++;
    fake->files++;
    return 0;
}

static int flush(struct pyw_exchange *exchange)
{
    (void)exchange;
    return 0;
}

static void write_log(struct pyw_exchange *exchange, enum pyw_level level,
                      const char *text, size_t len)
{
    static const char *const names[] = {"emerg",   "alert",  "crit", "err",
                                        "warning", "notice", "info", "debug"};
    struct fake *fake = fake_of(exchange);

    if (fake->has_last || fake->has_ended) {
        violate(fake, "a log entry after the end");
    }
    append_text(&fake->log, names[level]);
    append_text(&fake->log, ": ");
    append(&fake->log, text, len);
    append_text(&fake->log, "\n");
}

static bool is_aborted(struct pyw_exchange *exchange)
{
    return fake_of(exchange)->is_aborted;
}

static void end(struct pyw_exchange *exchange, enum pyw_outcome outcome)
{
    struct fake *fake = fake_of(exchange);

    if (fake->has_ended) {
        violate(fake, "ended twice");
    }
    if (fake->has_last && outcome != PYW_OUTCOME_OK) {
        violate(fake, "failed after the last part");
    }
    if (outcome == PYW_OUTCOME_OK && !fake->has_head) {
        violate(fake, "well done without a head");
    }
    fake->has_ended = true;
    fake->outcome = (int)outcome;
}

static const struct pyw_exchange_ops fake_ops = {
    .read_body = read_body,
    .inform = inform,
    .send = send_part,
    .finish_send = finish_send,
    .send_file = send_file,
    .flush = flush,
    .log = write_log,
    .is_aborted = is_aborted,
    .end = end,
};

void fake_init(struct fake *fake)
{
    memset(fake, 0, sizeof *fake);
    fake->exchange.ops = &fake_ops;
    fake->exchange.head = &fake->head;
    fake->head.content_length = -1;
    fake->outcome = -1;
    pyw_bytes_init(&fake->status);
    pyw_bytes_init(&fake->headers);
    pyw_bytes_init(&fake->hints);
    pyw_bytes_init(&fake->received);
    pyw_bytes_init(&fake->log);
}

void fake_free(struct fake *fake)
{
    pyw_bytes_free(&fake->status);
    pyw_bytes_free(&fake->headers);
    pyw_bytes_free(&fake->hints);
    pyw_bytes_free(&fake->received);
    pyw_bytes_free(&fake->log);
}

const char *fake_text(struct pyw_writer *writer)
{
    static const char nothing[] = "";

    if (!pyw_bytes_reserve(writer, 1)) {
        return nothing;
    }
    writer->data[writer->len] = '\0';
    return (const char *)writer->data;
}
