#include "base/clock.h"

#include <limits.h>
#include <time.h>

#define BACKOFF_FIRST_MS 100
#define BACKOFF_MOST_MS 10000

static int64_t read_us(clockid_t clock)
{
    struct timespec now = {0, 0};

    /* Cannot fail: the clocks named here exist on every Linux. */
    (void)clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

int64_t pyw_clock_now_us(void)
{
    return read_us(CLOCK_MONOTONIC);
}

int64_t pyw_clock_now_ms(void)
{
    return pyw_clock_now_us() / 1000;
}

int64_t pyw_clock_epoch_us(void)
{
    return read_us(CLOCK_REALTIME);
}

int64_t pyw_clock_cpu_us(void)
{
    return read_us(CLOCK_THREAD_CPUTIME_ID);
}

int64_t pyw_clock_of_epoch_us(int64_t epoch_us)
{
    int64_t passed_us = pyw_clock_epoch_us() - epoch_us;

    return pyw_clock_now_us() - (passed_us > 0 ? passed_us : 0);
}

int pyw_clock_until(int64_t deadline_ms)
{
    int64_t left;

    if (deadline_ms == PYW_CLOCK_NEVER) {
        return -1;
    }
    left = deadline_ms - pyw_clock_now_ms();
    if (left <= 0) {
        return 0;
    }
    return left > INT_MAX ? INT_MAX : (int)left;
}

int pyw_clock_backoff_ms(unsigned failures)
{
    int delay = BACKOFF_FIRST_MS;

    for (unsigned i = 1; i < failures && delay < BACKOFF_MOST_MS; i++) {
        delay *= 2;
    }
    return delay < BACKOFF_MOST_MS ? delay : BACKOFF_MOST_MS;
}
