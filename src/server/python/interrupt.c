#include "python/interrupt.h"

#include <Python.h>

#include <stddef.h>
#include <unistd.h>

#include "base/seats.h"
#include "python/builtin.h"
#include "python/interpreter.h"
#include "python/log.h"
#include "python/pyw_gil.h"

/* Each holds its thread's struct pyw_interrupt; the locks are taken with the GIL held.
 */
static struct pyw_seats seats;
static __thread struct pyw_seat *own_seat;

void pyw_interrupt_watch(struct pyw_interrupt *interrupt, struct pyw_exchange *exchange,
                         struct pyw_interpreter *interpreter)
{
    struct pyw_seat *seat = pyw_builtin_setup()->options.interrupt_timeout_s > 0
                                ? pyw_seats_own(&seats, &own_seat)
                                : NULL;

    interrupt->is_watched = seat != NULL;
    if (seat == NULL) {
        return;
    }
    interrupt->exchange = exchange;
    interrupt->interpreter = interpreter;
    interrupt->thread = pyw_gil_thread_ident();
    interrupt->number = pyw_gil_thread_number();
    interrupt->is_injected = false;
    pthread_mutex_lock(&seat->lock);
    interrupt->next = seat->first;
    seat->first = interrupt;
    pthread_mutex_unlock(&seat->lock);
}

bool pyw_interrupt_unwatch(struct pyw_interrupt *interrupt)
{
    struct pyw_seat *seat = own_seat;

    if (!interrupt->is_watched) {
        return false;
    }
    pthread_mutex_lock(&seat->lock);
    seat->first = interrupt->next; /* the last that came */
    pthread_mutex_unlock(&seat->lock);
    if (interrupt->is_injected) {
        pyw_gil_raise(interrupt->thread, NULL); /* it may not have come through yet */
    }
    return interrupt->is_injected;
}

/* In a seat that is locked. */
static struct pyw_interrupt *find_wanted(const struct pyw_seat *seat,
                                         const struct pyw_interpreter *interpreter)
{
    struct pyw_interrupt *at = seat->first;

    while (at != NULL && (!atomic_load(&at->exchange->is_interrupt_wanted) ||
                          (interpreter != NULL && at->interpreter != interpreter))) {
        at = at->next;
    }
    return at;
}

/* Inside `interpreter`. @return the number of a thread; 0: nothing is left to do. */
static unsigned inject_one(const struct pyw_interpreter *interpreter)
{
    const struct pyw_builtin *builtin = pyw_builtin_state(interpreter->module);
    struct pyw_seat *seat = NULL;
    unsigned number = 0;

    while (number == 0 && (seat = pyw_seats_next(&seats, seat)) != NULL) {
        struct pyw_interrupt *interrupt;

        pthread_mutex_lock(&seat->lock);
        interrupt = find_wanted(seat, interpreter);
        if (interrupt != NULL) {
            atomic_store(&interrupt->exchange->is_interrupt_wanted, false);
            interrupt->is_injected = true;
            number = interrupt->number;
            pyw_gil_raise(interrupt->thread, builtin->request_timeout);
        }
        pthread_mutex_unlock(&seat->lock);
    }
    return number;
}

static struct pyw_interpreter *next_interpreter(void)
{
    struct pyw_interpreter *interpreter = NULL;
    struct pyw_seat *seat = NULL;

    while (interpreter == NULL && (seat = pyw_seats_next(&seats, seat)) != NULL) {
        const struct pyw_interrupt *interrupt;

        pthread_mutex_lock(&seat->lock);
        interrupt = find_wanted(seat, NULL);
        interpreter = interrupt != NULL ? interrupt->interpreter : NULL;
        pthread_mutex_unlock(&seat->lock);
    }
    return interpreter;
}

void pyw_interrupt_deliver(void)
{
    struct pyw_interpreter *interpreter;

    while ((interpreter = next_interpreter()) != NULL) {
        unsigned number;

        if (pyw_gil_enter(interpreter->index) != 0) {
            break; /* out of memory: the request is cut in the end */
        }
        number = inject_one(interpreter);
        pyw_gil_leave();
        if (number != 0) {
            PYW_LOG(pyw_log_print, NULL, INTERRUPT_INJECTED, number, (int)getpid());
        }
    }
    pyw_gil_leave_thread();
}
