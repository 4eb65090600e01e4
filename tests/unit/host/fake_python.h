/* fake_python.h: what host/ calls of the Python floors, without Python: a request is
 * served by a C function of the test.
 */
#ifndef PYW_UNIT_FAKE_PYTHON_H
#define PYW_UNIT_FAKE_PYTHON_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/pyw_exchange.h"

struct fake_python {
    void (*serve)(struct pyw_exchange *exchange); /* set before workers start */
    _Atomic bool is_stale;
    _Atomic int64_t waits_since_ms; /* pyw_loader_waits_since_ms */
    _Atomic int interrupts;         /* pyw_interrupt_deliver */
    _Atomic int dumps;              /* of stacks */
    _Atomic int leavers;            /* threads that said that they end */
};

extern struct fake_python fake_python;

#endif
