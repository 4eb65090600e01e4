/* codes.h: log codes. Every record of level warning and above carries a code PYWnnnn
 * from the one table pyw_codes.def; docs/errors.md has a row for each: cause, outcome,
 * what to do.
 *
 * A log call names the code and its arguments, `PYW_LOG(log_request, r, SCRIPT_MISSING,
 * path)`: level and text come from the table, and the compiler checks the arguments
 * against the text.
 */
#ifndef PYW_BASE_CODES_H
#define PYW_BASE_CODES_H

#include "base/frame.h"

enum pyw_code_level {
#define X(number, level, name, text) pyw_level_##name = PYW_LEVEL_##level,
#include "base/pyw_codes.def"
#undef X
};

#define X(number, level, name, text)                                                   \
    static const char pyw_text_##name[] __attribute__((unused)) =                      \
        "PYW" #number ": " text;
#include "base/pyw_codes.def"
#undef X

/* Calls FUNCTION(WHERE, level, format, arguments...). */
#define PYW_LOG(function, where, name, ...)                                            \
    function(where, (enum pyw_level)pyw_level_##name, pyw_text_##name, ##__VA_ARGS__)

#endif
