#include "apache/entry.h"

#include <apr_portable.h>
#include <errno.h>
#include <fcntl.h>
#include <http_log.h>
#include <limits.h>
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "apache/log.h"
#include "apache/module.h"

struct entry {
    server_rec *s;
    request_rec *r; /* NULL: of no request */
    int level;
    const char *text;
    size_t len;
};

/* Held with the lock of the file: that is the process's, not a thread's. */
static pthread_mutex_t stream_mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_once_t stream_once = PTHREAD_ONCE_INIT;

/* --- records --- */

/* Takes the next line off a text, cut to what one record holds, without empty ones.
 * @return its length; 0 at the end. */
static size_t take_line(const char **text, size_t *len, const char **line)
{
    while (*len > 0) {
        const char *end = memchr(*text, '\n', *len);
        size_t size = end != NULL ? (size_t)(end - *text) : *len;
        bool is_cut = size > PYW_RECORD_MAX;
        size_t step;

        size = is_cut ? PYW_RECORD_MAX : size;
        step = end != NULL && !is_cut ? size + 1 : size;
        *line = *text;
        *text += step;
        *len -= step;
        if (size > 0) {
            return size;
        }
    }
    return 0;
}

/* Applications speak of themselves: nothing of theirs is an emergency of the machine,
 * which syslog would tell everybody on it. */
static int limit_level(enum pyw_level level)
{
    return level < PYW_LEVEL_CRIT ? PYW_LEVEL_CRIT : (int)level;
}

static bool is_wanted(const struct entry *entry)
{
    return entry->r != NULL
               ? APLOG_R_MODULE_IS_LEVEL(entry->r, PYW_MODULE_INDEX, entry->level)
               : APLOG_MODULE_IS_LEVEL(entry->s, PYW_MODULE_INDEX, entry->level);
}

static void put_records(const struct entry *entry)
{
    const char *text = entry->text;
    size_t len = entry->len;
    const char *line;
    size_t size;

    while ((size = take_line(&text, &len, &line)) > 0) {
        if (entry->r != NULL) {
            ap_log_rerror_(NULL, 0, PYW_MODULE_INDEX, entry->level, 0, entry->r, "%.*s",
                           (int)size, line);
        } else {
            ap_log_error_(NULL, 0, PYW_MODULE_INDEX, entry->level, 0, entry->s, "%.*s",
                          (int)size, line);
        }
    }
}

/* --- several records at once --- */

/* Lets Apache write the records to another file, in the name of the same server. */
static void put_records_to(apr_file_t *file, const struct entry *entry)
{
    struct entry drawn = *entry;
    server_rec server = *entry->s;
    request_rec request;

    server.error_log = file;
    drawn.s = &server;
    if (entry->r != NULL) {
        request = *entry->r;
        request.server = &server;
        drawn.r = &request;
    }
    put_records(&drawn);
    if (entry->r != NULL) {
        entry->r->log_id = request.log_id; /* made by the first record */
    }
}

static void write_all(int fd, const char *text, size_t len)
{
    while (len > 0) {
        ssize_t done = write(fd, text, len);

        if (done < 0 && errno != EINTR) {
            return; /* a log that cannot be written has nowhere to be reported */
        }
        text += done > 0 ? done : 0;
        len -= done > 0 ? (size_t)done : 0;
    }
}

/* How many bytes of whole records a pipe takes without cutting them; at least one
 * record. */
static size_t whole_records(const char *text, size_t len)
{
    const char *end = len > PIPE_BUF ? memrchr(text, '\n', PIPE_BUF) : text + len - 1;

    if (end == NULL) {
        end = memchr(text, '\n', len);
    }
    return end != NULL ? (size_t)(end - text) + 1 : len;
}

static void write_stream(int fd, const char *text, size_t len)
{
    while (len > 0) {
        size_t part = whole_records(text, len);

        write_all(fd, text, part);
        text += part;
        len -= part;
    }
}

/* The records of an entry, laid out. @return the descriptor of a file in memory, -1
 * where there is none to be had. */
static int lay_out(const struct entry *entry)
{
    int fd = memfd_create("pywsgi-entry", MFD_CLOEXEC);
    apr_file_t *file = NULL;
    apr_pool_t *pool = NULL;

    if (fd < 0) {
        return -1;
    }
    /* A pool of its own: others may be in use by another thread. */
    if (apr_pool_create(&pool, NULL) != APR_SUCCESS ||
        apr_os_file_put(&file, &fd, APR_FOPEN_WRITE, pool) != APR_SUCCESS) {
        close(fd);
        fd = -1;
    } else {
        put_records_to(file, entry);
    }
    if (pool != NULL) {
        apr_pool_destroy(pool); /* does not close what it did not open */
    }
    return fd;
}

static void write_together(int log_fd, bool is_stream, const struct entry *entry)
{
    int fd = lay_out(entry);
    off_t size = fd >= 0 ? lseek(fd, 0, SEEK_END) : 0;
    void *text =
        size > 0 ? mmap(NULL, (size_t)size, PROT_READ, MAP_PRIVATE, fd, 0) : MAP_FAILED;

    if (text != MAP_FAILED) {
        (is_stream ? write_stream : write_all)(log_fd, text, (size_t)size);
        (void)munmap(text, (size_t)size);
    } else if (fd < 0 || size > 0) {
        put_records(entry);
    }
    if (fd >= 0) {
        close(fd);
    }
}

/* --- streams --- */

/* The child of a fork has no thread that would unlock what another held here. Whoever
 * forks does not wait for it: he has the GIL. */
static void renew_mutex(void)
{
    (void)pthread_mutex_init(&stream_mutex, NULL);
}

static void guard_forks(void)
{
    (void)pthread_atfork(NULL, NULL, renew_mutex);
}

/* Among processes; the kernel gives it up for one that dies. */
static void lock_file(int fd, short type)
{
    struct flock lock = {.l_type = type, .l_whence = SEEK_SET};

    while (fcntl(fd, F_SETLKW, &lock) != 0 && errno == EINTR) {
    }
}

static bool has_lines(const struct entry *entry)
{
    return entry->len > PYW_RECORD_MAX || memchr(entry->text, '\n', entry->len) != NULL;
}

static void put(const struct entry *entry)
{
    apr_os_file_t fd = -1;
    struct stat about;
    bool is_stream;

    if (!is_wanted(entry)) {
        return;
    }
    /* Without a file it is syslog's. */
    if (entry->s->error_log == NULL ||
        apr_os_file_get(&fd, entry->s->error_log) != APR_SUCCESS ||
        fstat(fd, &about) != 0) {
        put_records(entry);
        return;
    }
    is_stream = !S_ISREG(about.st_mode);
    if (is_stream) {
        (void)pthread_once(&stream_once, guard_forks);
        (void)pthread_mutex_lock(&stream_mutex);
        lock_file(fd, F_WRLCK);
    }
    if (has_lines(entry)) {
        write_together(fd, is_stream, entry);
    } else {
        put_records(entry);
    }
    if (is_stream) {
        lock_file(fd, F_UNLCK);
        (void)pthread_mutex_unlock(&stream_mutex);
    }
}

void pyw_entry_request(request_rec *r, enum pyw_level level, const char *text,
                       size_t len)
{
    struct entry entry = {r->server, r, limit_level(level), text, len};

    put(&entry);
}

void pyw_entry_server(server_rec *s, enum pyw_level level, const char *text, size_t len)
{
    struct entry entry = {s, NULL, limit_level(level), text, len};

    put(&entry);
}
