#include "base/escape.h"

#include <string.h>

static int digit_value(char byte)
{
    static const char digits[] = "0123456789abcdef";
    const char *found;

    if (byte >= 'A' && byte <= 'F') {
        byte = (char)(byte - 'A' + 'a');
    }
    found = byte != '\0' ? strchr(digits, byte) : NULL;
    return found != NULL ? (int)(found - digits) : -1;
}

int pyw_escape_byte(const char *text)
{
    int high = text[0] == '%' ? digit_value(text[1]) : -1;
    int low = high >= 0 ? digit_value(text[2]) : -1;

    return low < 0 || high + low == 0 ? -1 : high * 16 + low;
}

bool pyw_escape_decode(char *text)
{
    char *to = text;

    for (const char *from = text; *from != '\0'; from++) {
        int byte;

        if (*from != '%') {
            *to++ = *from;
            continue;
        }
        byte = pyw_escape_byte(from);
        if (byte < 0) {
            return false;
        }
        *to++ = (char)byte;
        from += 2;
    }
    *to = '\0';
    return true;
}
