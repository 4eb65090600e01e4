#include "host/dispatch.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "host/journal.h"
#include "python/events.h"
#include "python/reporter.h"

static const struct {
    int number;
    const char *name;
} rows[PYW_DISPATCH_SIGNALS] = {{SIGHUP, "SIGHUP"}, {SIGUSR2, "SIGUSR2"}};

void pyw_dispatch_signal(struct pyw_host *host, int number)
{
    int saved = errno;

    for (int i = 0; i < PYW_DISPATCH_SIGNALS; i++) {
        if (rows[i].number == number) {
            atomic_fetch_add(&host->dispatch.signals[i], 1);
        }
    }
    (void)sem_post(&host->dispatch.something);
    errno = saved;
}

void pyw_dispatch_stopping(struct pyw_host *host)
{
    (void)sem_post(&host->dispatch.something);
}

static void publish_signals(struct pyw_host *host)
{
    for (int i = 0; i < PYW_DISPATCH_SIGNALS; i++) {
        for (uint32_t left = atomic_exchange(&host->dispatch.signals[i], 0); left > 0;
             left--) {
            pyw_events_signal(rows[i].name, rows[i].number);
        }
    }
}

static void wait_for(sem_t *semaphore)
{
    while (sem_wait(semaphore) != 0) {
        /* interrupted by a signal */
    }
}

static void *run(void *argument)
{
    struct pyw_host *host = argument;
    const char *reason;

    do {
        wait_for(&host->dispatch.something);
        publish_signals(host);
        reason = atomic_load(&host->stop_reason);
    } while (reason == NULL);
    pyw_reporter_stopping(reason);
    pyw_events_stopping(reason);
    (void)sem_post(&host->dispatch.done);
    return NULL;
}

void pyw_dispatch_start(struct pyw_host *host)
{
    pthread_t thread;
    /* It blocks no signals: programs that callbacks start would inherit that. */
    int error = pthread_create(&thread, NULL, run, host);

    host->dispatch.is_running = error == 0;
    if (error == 0) {
        pthread_detach(thread);
    } else {
        PYW_LOG(pyw_journal_line, NULL, DISPATCH_THREAD, (int)getpid(),
                host->setup->group, strerror(error));
    }
}

void pyw_dispatch_finish(struct pyw_host *host)
{
    if (host->dispatch.is_running) {
        wait_for(&host->dispatch.done);
    }
}
