/* sources.h: the Python files of this folder, compiled into the program as text, which
 * ends in NUL.
 */
#ifndef PYW_PYTHON_SOURCES_H
#define PYW_PYTHON_SOURCES_H

extern const char pyw_sources_api[];      /* api.py */
extern const char pyw_sources_schedule[]; /* schedule.py */

#endif
