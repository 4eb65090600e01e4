#include "python/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "python/pyw_gil.h"

#define LINE_MAX_LEN 2048

static pyw_process_log *process_log;
static __thread struct pyw_exchange *bound;

void pyw_log_init(pyw_process_log *log)
{
    process_log = log;
}

void pyw_log_bind(struct pyw_exchange *exchange)
{
    bound = exchange;
}

struct pyw_exchange *pyw_log_bound(void)
{
    return bound;
}

static size_t entry_len(const char *text, size_t len)
{
    const char *end = len > PYW_LOG_MAX ? memrchr(text, '\n', PYW_LOG_MAX) : NULL;

    if (end != NULL) {
        return (size_t)(end - text) + 1;
    }
    return len > PYW_LOG_MAX ? PYW_LOG_MAX : len;
}

void pyw_log_text(struct pyw_exchange *exchange, enum pyw_level level, const char *text,
                  size_t len)
{
    while (len > 0) {
        size_t part = entry_len(text, len);

        if (exchange != NULL) {
            exchange->ops->log(exchange, level, text, part);
        } else if (process_log != NULL) {
            process_log(level, text, part);
        }
        text += part;
        len -= part;
    }
}

static size_t format_line(char *line, const char *format, va_list arguments)
{
    int len = vsnprintf(line, LINE_MAX_LEN, format, arguments);

    if (len < 0) {
        return 0;
    }
    return len < LINE_MAX_LEN ? (size_t)len : LINE_MAX_LEN - 1;
}

void pyw_log_print(struct pyw_exchange *exchange, enum pyw_level level,
                   const char *format, ...)
{
    char line[LINE_MAX_LEN];
    va_list arguments;
    size_t len;

    va_start(arguments, format);
    len = format_line(line, format, arguments);
    va_end(arguments);
    pyw_log_text(exchange, level, line, len);
}

void pyw_log_print_held(struct pyw_exchange *exchange, enum pyw_level level,
                        const char *format, ...)
{
    char line[LINE_MAX_LEN];
    va_list arguments;
    size_t len;
    void *token;

    va_start(arguments, format);
    len = format_line(line, format, arguments);
    va_end(arguments);
    token = pyw_gil_release();
    pyw_log_text(exchange, level, line, len);
    pyw_gil_acquire(token);
}
