#include "base/thread.h"

#include <signal.h>

int pyw_thread_start_joinable(void *(*run)(void *argument), void *argument,
                              pthread_t *thread)
{
    sigset_t all;
    sigset_t saved;
    int error;

    sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &saved);
    error = pthread_create(thread, NULL, run, argument);
    (void)pthread_sigmask(SIG_SETMASK, &saved, NULL);
    return -error;
}

int pyw_thread_start(void *(*run)(void *argument), void *argument)
{
    pthread_t thread;
    int rv = pyw_thread_start_joinable(run, argument, &thread);

    if (rv == 0) {
        pthread_detach(thread);
    }
    return rv;
}
