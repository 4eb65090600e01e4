#include "apache/log.h"

#include <http_log.h>
#include <stdarg.h>
#include <stdio.h>

#include "apache/module.h"

void pyw_log_server(server_rec *s, enum pyw_level level, const char *format, ...)
{
    char text[PYW_RECORD_MAX];
    va_list arguments;

    if (!APLOG_MODULE_IS_LEVEL(s, PYW_MODULE_INDEX, (int)level)) {
        return;
    }
    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    ap_log_error_(NULL, 0, PYW_MODULE_INDEX, (int)level, 0, s, "%s", text);
}

void pyw_log_connection(conn_rec *c, enum pyw_level level, const char *format, ...)
{
    char text[PYW_RECORD_MAX];
    va_list arguments;

    if (!APLOG_C_MODULE_IS_LEVEL(c, PYW_MODULE_INDEX, (int)level)) {
        return;
    }
    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    ap_log_cerror_(NULL, 0, PYW_MODULE_INDEX, (int)level, 0, c, "%s", text);
}

void pyw_log_request(request_rec *r, enum pyw_level level, const char *format, ...)
{
    char text[PYW_RECORD_MAX];
    va_list arguments;

    if (!APLOG_R_MODULE_IS_LEVEL(r, PYW_MODULE_INDEX, (int)level)) {
        return;
    }
    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    ap_log_rerror_(NULL, 0, PYW_MODULE_INDEX, (int)level, 0, r, "%s", text);
}
