#include "python/counters.h"

#include <stdlib.h>

#include "base/clock.h"
#include "python/pyw_gil.h"

/* Written by one thread, read by others. */
typedef _Atomic uint64_t number;

struct page {
    number turn; /* of the reader, when the values began */
    number low[PYW_TIME_COUNT];
    number high[PYW_TIME_COUNT];
};

struct pyw_counters {
    struct pyw_counters *next; /* written once */
    unsigned index;
    unsigned thread;
    _Atomic int64_t begun_us; /* monotonic; 0: idle */
    number totals[PYW_TOTAL_COUNT];
    number sums_us[PYW_TIME_COUNT];
    number numbers[PYW_TIME_COUNT];
    number buckets[PYW_TIME_COUNT][PYW_HISTOGRAM_BUCKETS];
    struct page pages[PYW_COUNTERS_READERS];
};

static _Atomic int64_t since_us;
static _Atomic(struct pyw_counters *) first;
static atomic_uint threads;
static atomic_int readers;
static number turns[PYW_COUNTERS_READERS];
/* Never freed: what a thread has counted stays true when it has ended. */
static __thread struct pyw_counters *own;

static uint64_t get(const number *value)
{
    return atomic_load_explicit(value, memory_order_relaxed);
}

static void set(number *value, uint64_t to)
{
    atomic_store_explicit(value, to, memory_order_relaxed);
}

static int reader_count(void)
{
    int count = atomic_load_explicit(&readers, memory_order_relaxed);

    return count < PYW_COUNTERS_READERS ? count : PYW_COUNTERS_READERS;
}

void pyw_counters_start(void)
{
    int64_t never = 0;

    (void)atomic_compare_exchange_strong(&since_us, &never, pyw_clock_epoch_us());
}

int64_t pyw_counters_since_us(void)
{
    return atomic_load_explicit(&since_us, memory_order_relaxed);
}

/* --- writing --------------------------------------------------------------------- */

/* NULL: out of memory; the request is not counted. */
static struct pyw_counters *get_own(void)
{
    if (own == NULL) {
        own = calloc(1, sizeof(*own));
        if (own == NULL) {
            return NULL;
        }
        own->thread = pyw_gil_thread_number();
        own->index = atomic_fetch_add(&threads, 1);
        own->next = atomic_load(&first);
        while (!atomic_compare_exchange_weak(&first, &own->next, own)) {
        }
    }
    return own;
}

void pyw_counters_begin(int64_t now_us)
{
    struct pyw_counters *counters = get_own();

    if (counters != NULL) {
        atomic_store_explicit(&counters->begun_us, now_us, memory_order_relaxed);
    }
}

static void note_extreme(struct pyw_counters *counters, int reader, int time,
                         uint64_t us)
{
    struct page *page = &counters->pages[reader];
    uint64_t turn = get(&turns[reader]) + 1; /* 0 is that of a page never used */

    if (get(&page->turn) != turn) {
        for (int i = 0; i < PYW_TIME_COUNT; i++) {
            set(&page->low[i], UINT64_MAX);
            set(&page->high[i], 0);
        }
        set(&page->turn, turn);
    }
    if (us < get(&page->low[time])) {
        set(&page->low[time], us);
    }
    if (us > get(&page->high[time])) {
        set(&page->high[time], us);
    }
}

static void note_time(struct pyw_counters *counters, int time, uint64_t us)
{
    number *bucket = &counters->buckets[time][pyw_histogram_bucket(us)];

    set(bucket, get(bucket) + 1);
    set(&counters->sums_us[time], get(&counters->sums_us[time]) + us);
    set(&counters->numbers[time], get(&counters->numbers[time]) + 1);
    for (int reader = 0; reader < reader_count(); reader++) {
        note_extreme(counters, reader, time, us);
    }
}

void pyw_counters_end(const struct pyw_sample *sample)
{
    struct pyw_counters *counters = own;

    if (counters == NULL) {
        return;
    }
    for (int i = 0; i < PYW_TOTAL_COUNT; i++) {
        set(&counters->totals[i], get(&counters->totals[i]) + sample->totals[i]);
    }
    for (int i = 0; i < PYW_TIME_COUNT; i++) {
        if (sample->us[i] >= 0) {
            note_time(counters, i, (uint64_t)sample->us[i]);
        }
    }
    /* Who sees it idle sees what it has counted. */
    atomic_store_explicit(&counters->begun_us, 0, memory_order_release);
}

/* --- reading --------------------------------------------------------------------- */

int pyw_counters_new_reader(void)
{
    int reader = atomic_fetch_add(&readers, 1);

    return reader < PYW_COUNTERS_READERS ? reader : -1;
}

const struct pyw_counters *pyw_counters_next(const struct pyw_counters *after)
{
    return after != NULL ? after->next : atomic_load(&first);
}

unsigned pyw_counters_index(const struct pyw_counters *counters)
{
    return counters->index;
}

unsigned pyw_counters_thread(const struct pyw_counters *counters)
{
    return counters->thread;
}

int64_t pyw_counters_elapsed(const struct pyw_counters *counters, int64_t now_us)
{
    int64_t begun_us = atomic_load_explicit(&counters->begun_us, memory_order_acquire);

    if (begun_us == 0) {
        return -1;
    }
    return now_us > begun_us ? now_us - begun_us : 0;
}

void pyw_counters_add(const struct pyw_counters *counters, int64_t now_us,
                      struct pyw_counts *counts)
{
    int64_t elapsed_us = pyw_counters_elapsed(counters, now_us);

    for (int i = 0; i < PYW_TOTAL_COUNT; i++) {
        counts->totals[i] += get(&counters->totals[i]);
    }
    counts->totals[PYW_TOTAL_BUSY_US] += elapsed_us > 0 ? (uint64_t)elapsed_us : 0;
    for (int i = 0; i < PYW_TIME_COUNT; i++) {
        counts->sums_us[i] += get(&counters->sums_us[i]);
        counts->numbers[i] += get(&counters->numbers[i]);
        for (int j = 0; j < PYW_HISTOGRAM_BUCKETS; j++) {
            counts->buckets[i][j] += get(&counters->buckets[i][j]);
        }
    }
}

void pyw_counters_widen(const struct pyw_counters *counters, int reader,
                        struct pyw_extremes *extremes)
{
    const struct page *page = &counters->pages[reader];

    if (get(&page->turn) != get(&turns[reader]) + 1) {
        return; /* nothing since */
    }
    for (int i = 0; i < PYW_TIME_COUNT; i++) {
        uint64_t low = get(&page->low[i]);
        uint64_t high = get(&page->high[i]);

        extremes->low[i] = low < extremes->low[i] ? low : extremes->low[i];
        extremes->high[i] = high > extremes->high[i] ? high : extremes->high[i];
    }
}

void pyw_counters_turn(int reader)
{
    set(&turns[reader], get(&turns[reader]) + 1);
}
