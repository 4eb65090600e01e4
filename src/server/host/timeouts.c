#include "host/timeouts.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "host/dump.h"
#include "host/frames.h"
#include "host/journal.h"
#include "host/poller.h"
#include "host/pulse.h"

/* How much of a request's URI an entry shows. */
#define URI_SHOWN 1024

static int shown(struct pyw_span span)
{
    return span.len < URI_SHOWN ? (int)span.len : URI_SHOWN;
}

/* Seconds as "1.5" for people. */
static double seconds_of(const struct pyw_frames *frames)
{
    return (double)(pyw_clock_now_us() - frames->begun_us) / 1e6;
}

/* Where a description goes; for PYW_LOG(print, &text, CODE, ...). */
struct text {
    char *data;
    size_t size;
    size_t len;
};

__attribute__((format(printf, 3, 4))) static void print(struct text *text,
                                                        enum pyw_level level,
                                                        const char *format, ...)
{
    va_list arguments;

    (void)level;
    va_start(arguments, format);
    (void)vsnprintf(text->data, text->size, format, arguments);
    va_end(arguments);
    text->len = strnlen(text->data, text->size);
}

static size_t describe_timeout(const struct pyw_frames *frames, char *data, size_t size)
{
    struct pyw_span method = pyw_head_value(&frames->head, "REQUEST_METHOD");
    struct pyw_span uri = pyw_head_value(&frames->head, "REQUEST_URI");
    struct text text = {data, size, 0};

    PYW_LOG(print, &text, REQUEST_TIMEOUT, shown(method), method.data, shown(uri),
            uri.data, seconds_of(frames),
            (int)frames->host->setup->options.request_timeout_s, (int)getpid());
    return text.len;
}

static size_t describe_end(const struct pyw_frames *frames, char *data, size_t size)
{
    struct pyw_span method = pyw_head_value(&frames->head, "REQUEST_METHOD");
    struct pyw_span uri = pyw_head_value(&frames->head, "REQUEST_URI");
    struct text text = {data, size, 0};

    PYW_LOG(print, &text, REQUEST_CUT, shown(method), method.data, shown(uri), uri.data,
            seconds_of(frames), (int)getpid());
    return text.len;
}

static void limit_capacity(const struct pyw_host *host)
{
    uint32_t workers = atomic_load(&host->workers);
    uint32_t stuck = atomic_load(&host->stuck);

    pyw_table_set_capacity(host->table, host->setup->slot,
                           workers > stuck ? workers - stuck : 0);
}

/* @return false: it has to be cut, or is none of ours. */
static bool interrupt(const struct pyw_host *host, struct pyw_channel *channel,
                      const struct pyw_cut *cut, int64_t now_ms)
{
    int64_t more_ms = host->setup->options.interrupt_timeout_s * 1000;

    return more_ms > 0 &&
           pyw_frames_interrupt(channel, cut->begun_before_us, now_ms + more_ms);
}

int64_t pyw_timeouts_enforce(struct pyw_host *host, int64_t now_ms)
{
    int64_t timeout_ms = host->setup->options.request_timeout_s * 1000;
    struct pyw_cut cut = {PYW_OUTCOME_TIMEOUT, (now_ms - timeout_ms + 1) * 1000,
                          describe_timeout};
    int64_t next_ms = now_ms + timeout_ms; /* of a request that begins now */
    uint32_t count = 0;
    bool has_interrupted = false;

    if (timeout_ms == 0) {
        return PYW_CLOCK_NEVER;
    }
    for (uint32_t i = 0; i < pyw_poller_used(host->poller); i++) {
        struct pyw_channel *channel = pyw_poller_at(host->poller, i);
        int64_t deadline_ms = atomic_load(&channel->deadline_ms);

        if (deadline_ms > now_ms) {
            next_ms = deadline_ms < next_ms ? deadline_ms : next_ms;
        } else if (atomic_compare_exchange_strong(&channel->deadline_ms, &deadline_ms,
                                                  PYW_CLOCK_NEVER)) {
            if (interrupt(host, channel, &cut, now_ms)) {
                has_interrupted = true;
                next_ms = now_ms; /* its new deadline is looked at next time */
            } else {
                count += pyw_frames_cut(channel, &cut) ? 1 : 0;
            }
        }
    }
    if (has_interrupted) {
        pyw_pulse_poke(host);
    }
    if (count > 0) {
        pyw_dump_log_aside(host);
    }
    limit_capacity(host);
    return next_ms;
}

static size_t describe_queued(const struct pyw_frames *frames, char *data, size_t size)
{
    struct pyw_span method = pyw_head_value(&frames->head, "REQUEST_METHOD");
    struct pyw_span uri = pyw_head_value(&frames->head, "REQUEST_URI");
    struct text text = {data, size, 0};
    double arrived_us = (double)frames->head.arrival_clock_us;

    PYW_LOG(print, &text, QUEUE_TIMEOUT, shown(method), method.data, shown(uri),
            uri.data, ((double)pyw_clock_now_us() - arrived_us) / 1e6, (int)getpid(),
            (int)frames->host->setup->options.queue_timeout_s);
    return text.len;
}

void pyw_timeouts_log_queued(struct pyw_frames *frames)
{
    char data[URI_SHOWN + 512];
    size_t len = describe_queued(frames, data, sizeof(data));

    frames->exchange.ops->log(&frames->exchange, PYW_LEVEL_ERR, data, len);
}

bool pyw_timeouts_cut_queued(struct pyw_channel *channel)
{
    static const struct pyw_cut cut = {PYW_OUTCOME_TIMEOUT, INT64_MAX, describe_queued};

    return pyw_frames_cut(channel, &cut);
}

uint32_t pyw_timeouts_cut_all(struct pyw_host *host)
{
    static const struct pyw_cut cut = {PYW_OUTCOME_ERROR, INT64_MAX, describe_end};
    uint32_t count = 0;

    for (uint32_t i = 0; i < pyw_poller_used(host->poller); i++) {
        count += pyw_frames_cut(pyw_poller_at(host->poller, i), &cut) ? 1 : 0;
    }
    return count;
}
