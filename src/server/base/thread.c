#include "base/thread.h"

#include <pthread.h>
#include <signal.h>

int pyw_thread_start(void *(*run)(void *argument), void *argument)
{
    pthread_t thread;
    sigset_t all;
    sigset_t saved;
    int error;

    sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &saved);
    error = pthread_create(&thread, NULL, run, argument);
    (void)pthread_sigmask(SIG_SETMASK, &saved, NULL);
    if (error == 0) {
        pthread_detach(thread);
    }
    return -error;
}
