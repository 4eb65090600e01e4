/* json.h: writes a JSON document, piece by piece, behind what a writer (bytes.h) holds.
 *
 * Commas come by themselves. Texts are bytes that should be UTF-8: what is not becomes
 * U+FFFD, and control characters are escaped, so that the document is valid whatever it
 * is told. What did not fit into memory shows in the writer's `failed`.
 */
#ifndef PYW_BASE_JSON_H
#define PYW_BASE_JSON_H

#include "base/bytes.h"

struct pyw_json {
    struct pyw_writer *out;
    bool needs_comma;
};

/* Begins a document; the writer stays the caller's. */
void pyw_json_begin(struct pyw_json *json, struct pyw_writer *out);

/* An object or array, and its end. `key` is NULL in an array and for the document
 * itself, here and below. */
void pyw_json_open_object(struct pyw_json *json, const char *key);
void pyw_json_open_array(struct pyw_json *json, const char *key);
void pyw_json_close_object(struct pyw_json *json);
void pyw_json_close_array(struct pyw_json *json);

void pyw_json_put_text(struct pyw_json *json, const char *key, const char *text);
void pyw_json_put_bytes(struct pyw_json *json, const char *key, const char *text,
                        size_t len);
void pyw_json_put_int(struct pyw_json *json, const char *key, int64_t value);
void pyw_json_put_bool(struct pyw_json *json, const char *key, bool value);
void pyw_json_put_null(struct pyw_json *json, const char *key);
/* Milliseconds as seconds with three decimals. */
void pyw_json_put_seconds(struct pyw_json *json, const char *key, int64_t ms);

#endif
