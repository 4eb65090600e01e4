/* escape.h: bytes that are written as %XX, in URLs and in names on the control socket.
 *
 * Thread: none; works on what it is given.
 */
#ifndef PYW_BASE_ESCAPE_H
#define PYW_BASE_ESCAPE_H

#include <stdbool.h>

/* The byte that the three characters stand for. @return -1: they are no %XX, or the end
 * of a C string. */
int pyw_escape_byte(const char *text);

/* Replaces each %XX by its byte, in place. @return false: a % that is no byte. */
bool pyw_escape_decode(char *text);

#endif
