#include "host/signals.h"

#include <signal.h>
#include <stddef.h>
#include <unistd.h>

#include "host/dispatch.h"

/* For the handlers, which get no argument. */
static struct pyw_host *signalled;
static pid_t signalled_pid;

static void on_end(int number)
{
    if (getpid() != signalled_pid) {
        /* Forked by the application a moment ago: what it would have been for it. */
        (void)signal(number, SIG_DFL);
        (void)raise(number);
        return;
    }
    if (number == SIGTERM && atomic_exchange(&signalled->tells_end, false)) {
        return; /* for the program alone */
    }
    if (atomic_exchange(&signalled->wants_end, true) || signalled->setup->is_zygote) {
        _exit(0); /* asked twice; or nothing runs */
    }
    pyw_host_wake(signalled);
}

static void on_handover(int number)
{
    (void)number;
    atomic_fetch_or(&signalled->asked, PYW_REASON_SIGNAL);
    pyw_host_wake(signalled);
}

static void on_cpu_limit(int number)
{
    (void)number;
    atomic_fetch_or(&signalled->asked, PYW_REASON_CPU);
    pyw_host_wake(signalled);
}

static void on_message(int number)
{
    if (getpid() == signalled_pid) {
        pyw_dispatch_signal(signalled, number);
    }
}

void pyw_signals_install(struct pyw_host *host)
{
    static const struct {
        int number;
        void (*handler)(int);
    } rows[] = {
        {SIGTERM, on_end},       {SIGINT, on_end},      {SIGUSR1, on_handover},
        {SIGHUP, on_message},    {SIGUSR2, on_message}, {SIGPIPE, SIG_IGN},
        {SIGXCPU, on_cpu_limit},
    };

    signalled_pid = getpid();
    signalled = host;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct sigaction action = {.sa_handler = rows[i].handler,
                                   .sa_flags = SA_RESTART};

        sigemptyset(&action.sa_mask);
        (void)sigaction(rows[i].number, &action, NULL);
    }
}

void pyw_signals_adopt(struct pyw_host *host)
{
    signalled = host;
    signalled_pid = getpid();
}

void pyw_signals_wake_main(void)
{
    if (getpid() == signalled_pid) {
        (void)sem_post(&signalled->end);
    }
}

void pyw_signals_reset(void)
{
    static const int numbers[] = {SIGTERM, SIGINT, SIGUSR1, SIGHUP, SIGUSR2};

    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        (void)signal(numbers[i], SIG_DFL);
    }
}
