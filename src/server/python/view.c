#include "python/view.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/clock.h"

struct pyw_view_reader {
    pthread_mutex_t lock;     /* a leaf, and not held while Python code may run */
    int place;                /* for smallest and largest values; -1: has none */
    struct pyw_view views[2]; /* the last, and the one under way */
};

/* --- looking --------------------------------------------------------------------- */

static int64_t us_of(struct timeval time)
{
    return (int64_t)time.tv_sec * 1000000 + time.tv_usec;
}

static void look_at_process(struct pyw_view *view)
{
    struct rusage usage;

    memset(&usage, 0, sizeof usage);
    (void)getrusage(RUSAGE_SELF, &usage);
    view->user_us = us_of(usage.ru_utime);
    view->system_us = us_of(usage.ru_stime);
    view->epoch_us = pyw_clock_epoch_us();
    view->now_us = pyw_clock_now_us();
}

/* Threads that come meanwhile count the next time. @return false: out of memory. */
static bool make_room(struct pyw_view *view)
{
    const struct pyw_counters *newest = pyw_counters_next(NULL);
    unsigned wanted = newest != NULL ? pyw_counters_index(newest) + 1 : 0;
    struct pyw_view_thread *each;

    if (wanted > view->capacity) {
        each = realloc(view->each, wanted * sizeof(*each));
        if (each == NULL) {
            return false;
        }
        view->each = each;
        view->capacity = wanted;
    }
    if (wanted > 0) {
        memset(view->each, 0, wanted * sizeof(*view->each));
    }
    view->threads = wanted;
    return true;
}

static void look_at_thread(struct pyw_view *view, const struct pyw_counters *counters,
                           int place)
{
    struct pyw_view_thread *thread = &view->each[pyw_counters_index(counters)];
    struct pyw_extremes extremes = {.high = {0}};
    uint64_t before[3] = {view->all.totals[PYW_TOTAL_REQUESTS],
                          view->all.totals[PYW_TOTAL_BUSY_US],
                          view->all.totals[PYW_TOTAL_CPU_US]};

    pyw_counters_add(counters, view->now_us, &view->all);
    thread->requests = view->all.totals[PYW_TOTAL_REQUESTS] - before[0];
    thread->busy_us = view->all.totals[PYW_TOTAL_BUSY_US] - before[1];
    thread->cpu_us = view->all.totals[PYW_TOTAL_CPU_US] - before[2];
    thread->elapsed_us = pyw_counters_elapsed(counters, view->now_us);
    view->active += thread->elapsed_us >= 0 ? 1 : 0;
    if (place >= 0) {
        pyw_counters_widen(counters, place, &view->extremes);
        pyw_counters_widen(counters, place, &extremes);
        thread->longest_us = extremes.high[PYW_TIME_REQUEST];
    }
}

bool pyw_view_look(struct pyw_view *view, int place)
{
    const struct pyw_counters *at = NULL;

    if (!make_room(view)) {
        return false;
    }
    look_at_process(view);
    memset(&view->all, 0, sizeof view->all);
    memset(view->extremes.low, 0xff, sizeof view->extremes.low);
    memset(view->extremes.high, 0, sizeof view->extremes.high);
    view->active = 0;
    while ((at = pyw_counters_next(at)) != NULL) {
        if (pyw_counters_index(at) < view->threads) {
            look_at_thread(view, at, place);
        }
    }
    return true;
}

long pyw_view_memory_rss(void)
{
    FILE *file = fopen("/proc/self/statm", "re");
    long pages = 0;

    if (file != NULL) {
        if (fscanf(file, "%*s %ld", &pages) != 1) {
            pages = 0;
        }
        fclose(file);
    }
    return pages * sysconf(_SC_PAGESIZE);
}

long pyw_view_memory_max_rss(void)
{
    struct rusage usage;

    return getrusage(RUSAGE_SELF, &usage) == 0 ? usage.ru_maxrss * 1024 : 0;
}

/* --- the reader ------------------------------------------------------------------ */

static void free_views(struct pyw_view_reader *reader)
{
    free(reader->views[0].each);
    free(reader->views[1].each);
}

void pyw_view_free_reader(struct pyw_view_reader *reader)
{
    if (reader != NULL) {
        free_views(reader);
        pthread_mutex_destroy(&reader->lock);
        free(reader);
    }
}

struct pyw_view_reader *pyw_view_make_reader(void)
{
    struct pyw_view_reader *reader = calloc(1, sizeof(*reader));
    int64_t age_us = pyw_clock_epoch_us() - pyw_counters_since_us();

    if (reader != NULL && pthread_mutex_init(&reader->lock, NULL) != 0) {
        free(reader);
        reader = NULL;
    }
    if (reader == NULL) {
        return NULL;
    }
    reader->place = pyw_counters_new_reader();
    look_at_process(&reader->views[0]);
    reader->views[0].epoch_us -= age_us;
    reader->views[0].now_us -= age_us;
    return reader;
}

bool pyw_view_read_interval(struct pyw_view_reader *reader, struct pyw_view *from,
                            struct pyw_view *to)
{
    struct pyw_view *last = &reader->views[0];
    struct pyw_view *now = &reader->views[1];
    bool is_done;

    pthread_mutex_lock(&reader->lock);
    is_done = pyw_view_look(now, reader->place);
    if (is_done) {
        size_t size = now->threads * sizeof(*now->each);

        *from = *last;
        *to = *now;
        /* What the reader keeps is a copy; the arrays go out. */
        last->each = NULL;
        last->capacity = 0;
        now->each = size > 0 ? malloc(size) : NULL;
        now->capacity = now->each != NULL ? now->threads : 0;
        now->threads = now->capacity;
        if (now->each != NULL) {
            memcpy(now->each, to->each, size);
        }
        *last = *now;
        now->each = NULL;
        now->capacity = 0;
        if (reader->place >= 0) {
            pyw_counters_turn(reader->place);
        }
    }
    pthread_mutex_unlock(&reader->lock);
    return is_done;
}
