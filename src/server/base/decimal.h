/* decimal.h: seconds with a fraction, as people write them, in microseconds; the same
 * whatever the process's locale says about decimal points.
 */
#ifndef PYW_BASE_DECIMAL_H
#define PYW_BASE_DECIMAL_H

#include <stddef.h>
#include <stdint.h>

/* Room for what pyw_decimal_print writes. */
#define PYW_DECIMAL_MAX 32

/* Reads "5", "0.005", ".5"; what is beyond the sixth decimal is cut. @return
 * microseconds, or -1: it is no such number, or a million seconds or more. */
int64_t pyw_decimal_read(const char *text);
/* The text that reads back as `us`. */
const char *pyw_decimal_print(int64_t us, char text[PYW_DECIMAL_MAX]);

#endif
