/* suite.h: what every unit test program has around its tests. */
#ifndef PYW_UNIT_SUITE_H
#define PYW_UNIT_SUITE_H

#include <check.h>

/* Runs a list of tests that ends in NULL. @return the program's exit status. */
int suite_run(const char *name, const TTest *const *tests);

#endif
