#include "host/lanes.h"

#include <pthread.h>
#include <stdint.h>

#include "host/worker.h"
#include "python/interpreter.h"
#include "python/loader.h"
#include "wsgi/serve.h"

static void *run(void *lane)
{
    pyw_interpreter_take_lane((unsigned)(uintptr_t)lane);
    pyw_loader_follow();
    pyw_serve_leave_thread();
    return NULL;
}

int pyw_lanes_load(const struct pyw_options *options)
{
    unsigned lanes = pyw_interpreter_lanes();
    pthread_t threads[PYW_OPTIONS_MAX_INTERPRETERS];
    pthread_attr_t attributes;
    unsigned started = 1;
    int rv = -pthread_attr_init(&attributes);

    if (rv != 0) {
        return rv;
    }
    rv = pyw_worker_set_stack(&attributes, options);
    pyw_loader_begin_wait();
    while (rv == 0 && started < lanes) {
        rv = -pthread_create(&threads[started], &attributes, run,
                             (void *)(uintptr_t)started);
        started += rv == 0 ? 1 : 0;
    }
    for (unsigned lane = 1; lane < started; lane++) {
        (void)pthread_join(threads[lane], NULL);
    }
    pyw_loader_end_wait();
    pthread_attr_destroy(&attributes);
    return rv;
}
