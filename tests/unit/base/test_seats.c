/* A seat for each thread, found by whoever looks. */
#include <pthread.h>

#include "base/seats.h"
#include "suite.h"

enum { THREADS = 4 };

static struct pyw_seats seats;
static __thread struct pyw_seat *own;

static void *sit(void *argument)
{
    struct pyw_seat *seat = pyw_seats_own(&seats, &own);

    ck_assert_ptr_nonnull(seat);
    ck_assert_ptr_eq(pyw_seats_own(&seats, &own), seat);
    ck_assert_ptr_null(seat->first);
    pthread_mutex_lock(&seat->lock);
    seat->first = argument;
    pthread_mutex_unlock(&seat->lock);
    return NULL;
}

START_TEST(each_thread_has_its_own)
{
    pthread_t threads[THREADS];
    int seen[THREADS] = {0};
    struct pyw_seat *seat = NULL;

    ck_assert_ptr_null(pyw_seats_next(&seats, NULL));
    for (int i = 0; i < THREADS; i++) {
        ck_assert_int_eq(pthread_create(&threads[i], NULL, sit, &seen[i]), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    while ((seat = pyw_seats_next(&seats, seat)) != NULL) {
        ++*(int *)seat->first;
    }
    for (int i = 0; i < THREADS; i++) {
        ck_assert_int_eq(seen[i], 1);
    }
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {each_thread_has_its_own, NULL};

    return suite_run("seats", tests);
}
