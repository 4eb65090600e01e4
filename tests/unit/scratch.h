/* scratch.h: a directory of the test's own, which goes with the process. */
#ifndef PYW_UNIT_SCRATCH_H
#define PYW_UNIT_SCRATCH_H

/* Made by the first call in a process; readable by everybody. @return its path, for
 * ever. */
const char *scratch_directory(void);

#endif
