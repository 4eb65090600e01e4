/* sources.h: the Python files of this folder, compiled into the program as text.
 */
#ifndef PYW_PYTHON_SOURCES_H
#define PYW_PYTHON_SOURCES_H

extern const char pyw_sources_api[]; /* api.py; ends in NUL */

#endif
