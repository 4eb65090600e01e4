#include "base/decimal.h"

#include <inttypes.h>
#include <stdio.h>

#define SECOND 1000000
#define MAX_DIGITS 6

static int is_digit(char c)
{
    return c >= '0' && c <= '9';
}

int64_t pyw_decimal_read(const char *text)
{
    int64_t us = 0;
    int64_t unit = SECOND;
    int digits = 0;

    for (; is_digit(*text); text++) {
        us = us * 10 + (*text - '0');
        if (++digits > MAX_DIGITS) {
            return -1;
        }
    }
    us *= SECOND;
    if (*text == '.') {
        for (text++; is_digit(*text); text++) {
            unit /= 10;
            us += (*text - '0') * unit;
            digits++;
        }
    }
    return digits > 0 && *text == '\0' ? us : -1;
}

const char *pyw_decimal_print(int64_t us, char text[PYW_DECIMAL_MAX])
{
    snprintf(text, PYW_DECIMAL_MAX, "%" PRId64 ".%06" PRId64, us / SECOND, us % SECOND);
    return text;
}
