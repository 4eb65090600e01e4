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

/* Takes the next line off a text, cut to what one record holds, without empty ones.
 * @return its length; 0 at the end. */
static size_t take_line(const char **text, size_t *len, const char **line)
{
    while (*len > 0) {
        const char *end = memchr(*text, '\n', *len);
        size_t size = end != NULL ? (size_t)(end - *text) : *len;
        bool is_cut = size > RECORD_MAX;
        size_t step;

        size = is_cut ? RECORD_MAX : size;
        step = end != NULL && !is_cut ? size + 1 : size;
        *line = *text;
        *text += step;
        *len -= step;
        if (size > 0) {
            return size;
        }
    }
    return 0;
}

/* Applications speak of themselves: nothing of theirs is an emergency of the machine,
 * which syslog would tell everybody on it. */
static int limit_level(enum pyw_level level)
{
    return level < PYW_LEVEL_CRIT ? PYW_LEVEL_CRIT : (int)level;
}

void pyw_log_request_text(request_rec *r, enum pyw_level level, const char *text,
                          size_t len)
{
    const char *line;
    size_t size;

    while ((size = take_line(&text, &len, &line)) > 0) {
        ap_log_rerror_(NULL, 0, PYW_MODULE_INDEX, limit_level(level), 0, r, "%.*s",
                       (int)size, line);
    }
}

void pyw_log_server_text(server_rec *s, enum pyw_level level, const char *text,
                         size_t len)
{
    const char *line;
    size_t size;

    while ((size = take_line(&text, &len, &line)) > 0) {
        ap_log_error_(NULL, 0, PYW_MODULE_INDEX, limit_level(level), 0, s, "%.*s",
                      (int)size, line);
    }
}
