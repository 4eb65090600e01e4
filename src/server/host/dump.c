#include "host/dump.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/thread.h"
#include "host/frames.h"
#include "host/journal.h"
#include "host/poller.h"
#include "python/runtime.h"

/* How much of a request's URI is shown. */
#define URI_SHOWN 1024
#define LINE_MAX_LEN (URI_SHOWN + 512)
/* Of all lines and stacks in the log. */
#define LOG_MAX ((off_t)4 * 1024 * 1024)
/* Whoever does not read on for so long gets no more. */
#define PATIENCE_MS 10000

/* --- requests --- */

__attribute__((format(printf, 2, 3))) static void add(struct pyw_writer *text,
                                                      const char *format, ...)
{
    char line[LINE_MAX_LEN];
    va_list arguments;

    va_start(arguments, format);
    (void)vsnprintf(line, sizeof(line), format, arguments);
    va_end(arguments);
    pyw_bytes_put(text, line, strnlen(line, sizeof(line)));
}

/* A client's bytes; a terminal may show them. */
static void add_shown(struct pyw_writer *text, struct pyw_span span)
{
    size_t len = span.len < URI_SHOWN ? span.len : URI_SHOWN;

    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)span.data[i];

        pyw_bytes_put_u8(text, c < ' ' || c == 0x7f ? '?' : c);
    }
}

/* Under the channel's lock. */
static void add_request(struct pyw_writer *text, const struct pyw_channel *channel)
{
    const struct pyw_frames *frames = channel->shared.running;
    struct pyw_span id = pyw_head_value(&frames->head, "mod_wsgi.request_id");

    add(text, "Thread 0x%016lx: ", frames->thread);
    add_shown(text, pyw_head_value(&frames->head, "REQUEST_METHOD"));
    add(text, " ");
    add_shown(text, pyw_head_value(&frames->head, "REQUEST_URI"));
    add(text, ", %.1f s", (double)(pyw_clock_now_us() - frames->begun_us) / 1e6);
    if (id.len > 0) {
        add(text, ", log id ");
        add_shown(text, id);
    }
    add(text, "%s\n", channel->shared.is_cut ? ", ended but not back" : "");
}

/* @return how many run. */
static uint32_t add_requests(struct pyw_writer *text, const struct pyw_host *host)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < pyw_poller_used(host->poller); i++) {
        struct pyw_channel *channel = pyw_poller_at(host->poller, i);

        pthread_mutex_lock(&channel->lock);
        if (channel->shared.running != NULL) {
            add_request(text, channel);
            count++;
        }
        pthread_mutex_unlock(&channel->lock);
    }
    return count;
}

static void describe(struct pyw_writer *text, const struct pyw_host *host)
{
    uint32_t workers = atomic_load(&host->workers);
    uint32_t count;

    add(text, "Process %d of group '%s', %s, %.1f s old:\n", (int)getpid(),
        host->setup->group, pyw_host_phase_name(pyw_host_phase(host)),
        (double)(pyw_clock_now_ms() - host->begun_ms) / 1000);
    count = add_requests(text, host);
    add(text, "%u of %u threads wait for requests.\n",
        workers > count ? workers - count : 0, workers);
}

/* --- to a descriptor --- */

/* Whether it takes more, soon. */
static bool has_room(int fd)
{
    struct pollfd room = {.fd = fd, .events = POLLOUT};
    int rv;

    do {
        rv = poll(&room, 1, PATIENCE_MS);
    } while (rv < 0 && errno == EINTR);
    return rv > 0;
}

/* In pieces for which a pipe that has room does not block. */
static void write_all(int fd, const unsigned char *data, size_t len)
{
    while (len > 0 && has_room(fd)) {
        ssize_t done = write(fd, data, len < PIPE_BUF ? len : PIPE_BUF);

        if (done < 0 && errno != EINTR && errno != EAGAIN) {
            return;
        }
        data += done > 0 ? done : 0;
        len -= done > 0 ? (size_t)done : 0;
    }
}

/* In memory first: nobody holds up the stacks of others by reading slowly. @return a
 * descriptor; -1. */
static int gather(struct pyw_host *host)
{
    int fd = memfd_create("pywsgi-dump", MFD_CLOEXEC);
    struct pyw_writer text;

    if (fd >= 0) {
        pyw_bytes_init(&text);
        describe(&text, host);
        if (!text.failed) {
            write_all(fd, text.data, text.len);
        }
        pyw_bytes_free(&text);
        pyw_runtime_dump_stacks(fd);
    }
    return fd;
}

void pyw_dump_write(struct pyw_host *host, int fd)
{
    int from = gather(host);
    unsigned char buffer[16384];
    off_t at = 0;
    ssize_t got;

    while (from >= 0 && (got = pread(from, buffer, sizeof(buffer), at)) > 0) {
        write_all(fd, buffer, (size_t)got);
        at += got;
    }
    if (from >= 0) {
        close(from);
    }
}

void pyw_dump_log(struct pyw_host *host)
{
    int from = gather(host);
    struct stat about;
    void *text = MAP_FAILED;

    if (from >= 0 && fstat(from, &about) == 0 && about.st_size > 0) {
        about.st_size = about.st_size < LOG_MAX ? about.st_size : LOG_MAX;
        text = mmap(NULL, (size_t)about.st_size, PROT_READ, MAP_PRIVATE, from, 0);
    }
    if (text != MAP_FAILED) {
        pyw_journal_text(PYW_LEVEL_ERR, text, (size_t)about.st_size);
        munmap(text, (size_t)about.st_size);
    }
    if (from >= 0) {
        close(from);
    }
}

/* --- aside --- */

struct order {
    struct pyw_host *host;
    int fd;
};

static void *fulfil(void *argument)
{
    struct order *order = argument;

    pyw_dump_write(order->host, order->fd);
    close(order->fd);
    free(order);
    return NULL;
}

void pyw_dump_pass(struct pyw_host *host, int fd)
{
    struct order *order = malloc(sizeof(*order));

    if (order != NULL) {
        *order = (struct order){host, fd};
    }
    if (order == NULL || pyw_thread_start(fulfil, order) != 0) {
        free(order);
        close(fd);
    }
}

static void *log_aside(void *argument)
{
    struct pyw_host *host = argument;

    pyw_dump_log(host);
    atomic_store(&host->is_dumping, false);
    return NULL;
}

void pyw_dump_log_aside(struct pyw_host *host)
{
    if (!atomic_exchange(&host->is_dumping, true) &&
        pyw_thread_start(log_aside, host) != 0) {
        log_aside(host);
    }
}
