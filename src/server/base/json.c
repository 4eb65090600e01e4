#include "base/json.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static void put(struct pyw_json *json, const char *text)
{
    pyw_bytes_put(json->out, text, strlen(text));
}

/* The length of the UTF-8 character that the text begins with; 0: it is none. */
static size_t measure_character(const unsigned char *text, size_t len)
{
    /* First byte, its least and highest second byte: shorter forms, surrogates and what
     * is beyond U+10FFFF are left out. */
    static const struct {
        unsigned char from, to, second_from, second_to;
        size_t len;
    } rows[] = {
        {0x00, 0x7f, 0, 0, 1},       {0xc2, 0xdf, 0x80, 0xbf, 2},
        {0xe0, 0xe0, 0xa0, 0xbf, 3}, {0xe1, 0xec, 0x80, 0xbf, 3},
        {0xed, 0xed, 0x80, 0x9f, 3}, {0xee, 0xef, 0x80, 0xbf, 3},
        {0xf0, 0xf0, 0x90, 0xbf, 4}, {0xf1, 0xf3, 0x80, 0xbf, 4},
        {0xf4, 0xf4, 0x80, 0x8f, 4},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (text[0] < rows[i].from || text[0] > rows[i].to) {
            continue;
        }
        if (rows[i].len == 1) {
            return 1;
        }
        if (len < rows[i].len || text[1] < rows[i].second_from ||
            text[1] > rows[i].second_to) {
            return 0;
        }
        for (size_t at = 2; at < rows[i].len; at++) {
            if (text[at] < 0x80 || text[at] > 0xbf) {
                return 0;
            }
        }
        return rows[i].len;
    }
    return 0;
}

static void put_escaped(struct pyw_json *json, unsigned char byte)
{
    char escape[8];

    (void)snprintf(escape, sizeof(escape), "\\u%04x", byte);
    put(json, escape);
}

static void put_quoted(struct pyw_json *json, const char *text, size_t len)
{
    const unsigned char *at = (const unsigned char *)text;

    pyw_bytes_put_u8(json->out, '"');
    while (len > 0) {
        size_t width = measure_character(at, len);

        if (width == 0) {
            put(json, "\\ufffd");
            width = 1;
        } else if (*at < 0x20 || *at == 0x7f || *at == '"' || *at == '\\') {
            put_escaped(json, *at);
        } else {
            pyw_bytes_put(json->out, at, width);
        }
        at += width;
        len -= width;
    }
    pyw_bytes_put_u8(json->out, '"');
}

/* What stands before each value. */
static void lead_in(struct pyw_json *json, const char *key)
{
    if (json->needs_comma) {
        pyw_bytes_put_u8(json->out, ',');
    }
    json->needs_comma = true;
    if (key != NULL) {
        put_quoted(json, key, strlen(key));
        pyw_bytes_put_u8(json->out, ':');
    }
}

static void open_with(struct pyw_json *json, const char *key, char mark)
{
    lead_in(json, key);
    pyw_bytes_put_u8(json->out, (uint8_t)mark);
    json->needs_comma = false;
}

static void close_with(struct pyw_json *json, char mark)
{
    pyw_bytes_put_u8(json->out, (uint8_t)mark);
    json->needs_comma = true;
}

void pyw_json_begin(struct pyw_json *json, struct pyw_writer *out)
{
    json->out = out;
    json->needs_comma = false;
}

void pyw_json_open_object(struct pyw_json *json, const char *key)
{
    open_with(json, key, '{');
}

void pyw_json_open_array(struct pyw_json *json, const char *key)
{
    open_with(json, key, '[');
}

void pyw_json_close_object(struct pyw_json *json)
{
    close_with(json, '}');
}

void pyw_json_close_array(struct pyw_json *json)
{
    close_with(json, ']');
}

void pyw_json_put_bytes(struct pyw_json *json, const char *key, const char *text,
                        size_t len)
{
    lead_in(json, key);
    put_quoted(json, text, len);
}

void pyw_json_put_text(struct pyw_json *json, const char *key, const char *text)
{
    pyw_json_put_bytes(json, key, text, strlen(text));
}

void pyw_json_put_int(struct pyw_json *json, const char *key, int64_t value)
{
    char digits[24];

    (void)snprintf(digits, sizeof(digits), "%" PRId64, value);
    lead_in(json, key);
    put(json, digits);
}

void pyw_json_put_bool(struct pyw_json *json, const char *key, bool value)
{
    lead_in(json, key);
    put(json, value ? "true" : "false");
}

void pyw_json_put_null(struct pyw_json *json, const char *key)
{
    lead_in(json, key);
    put(json, "null");
}

void pyw_json_put_seconds(struct pyw_json *json, const char *key, int64_t ms)
{
    char digits[32];
    int64_t positive = ms > 0 ? ms : 0; /* a clock's rounding */

    (void)snprintf(digits, sizeof(digits), "%" PRId64 ".%03" PRId64, positive / 1000,
                   positive % 1000);
    lead_in(json, key);
    put(json, digits);
}
