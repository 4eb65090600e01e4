#include "apache/log.h"

#include <http_log.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "apache/module.h"

/* Apache cuts a record at MAX_STRING_LEN (8 KiB), its own prefix included. */
#define RECORD_MAX 7900

void pyw_log_server(server_rec *s, enum pyw_level level, const char *format, ...)
{
    char text[RECORD_MAX];
    va_list arguments;

    if (!APLOG_MODULE_IS_LEVEL(s, PYW_MODULE_INDEX, (int)level)) {
        return;
    }
    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    ap_log_error_(NULL, 0, PYW_MODULE_INDEX, (int)level, 0, s, "%s", text);
}

void pyw_log_request(request_rec *r, enum pyw_level level, const char *format, ...)
{
    char text[RECORD_MAX];
    va_list arguments;

    if (!APLOG_R_MODULE_IS_LEVEL(r, PYW_MODULE_INDEX, (int)level)) {
        return;
    }
    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    ap_log_rerror_(NULL, 0, PYW_MODULE_INDEX, (int)level, 0, r, "%s", text);
}

/* The next line of a text, cut to what one record holds. */
static size_t line_length(const char *text, size_t len)
{
    const char *end = memchr(text, '\n', len);
    size_t line = end != NULL ? (size_t)(end - text) : len;

    return line < RECORD_MAX ? line : RECORD_MAX;
}

static size_t step_over(const char *text, size_t len, size_t line)
{
    return line < len && text[line] == '\n' ? line + 1 : line;
}

void pyw_log_request_text(request_rec *r, enum pyw_level level, const char *text,
                          size_t len)
{
    while (len > 0) {
        size_t line = line_length(text, len);
        size_t step = step_over(text, len, line);

        ap_log_rerror_(NULL, 0, PYW_MODULE_INDEX, (int)level, 0, r, "%.*s", (int)line,
                       text);
        text += step;
        len -= step;
    }
}

void pyw_log_server_text(server_rec *s, enum pyw_level level, const char *text,
                         size_t len)
{
    while (len > 0) {
        size_t line = line_length(text, len);
        size_t step = step_over(text, len, line);

        ap_log_error_(NULL, 0, PYW_MODULE_INDEX, (int)level, 0, s, "%.*s", (int)line,
                      text);
        text += step;
        len -= step;
    }
}
