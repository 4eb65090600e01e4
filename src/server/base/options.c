#include "base/options.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/decimal.h"
#include "base/environment.h"
#include "base/escape.h"

enum option_kind {
    OPTION_TEXT,
    OPTION_PATH, /* absolute */
    OPTION_NUMBER,
    OPTION_OCTAL,
    OPTION_SIZE,    /* bytes: 0, the default, or at least `low` */
    OPTION_MEMORY,  /* the same, or N% of what the process may have, kept as -N */
    OPTION_SECONDS, /* with a fraction */
    OPTION_FLAG,
    OPTION_RANGE,   /* N, or LEAST-MOST; its field is the most, the next the least */
    OPTION_ENV,     /* NAME=value, as often as one likes */
    OPTION_URL_PATH /* likewise */
};

struct option_row {
    const char *name;
    enum option_kind kind;
    size_t offset;
    int64_t low;
    int64_t high;
    int64_t fallback;
};

#define TEXT(name, field)                                                              \
    {                                                                                  \
        name, OPTION_TEXT, offsetof(struct pyw_options, field), 0, 0, 0                \
    }
#define PATH(name, field)                                                              \
    {                                                                                  \
        name, OPTION_PATH, offsetof(struct pyw_options, field), 0, 0, 0                \
    }
#define NUMBER(name, field, low, high, fallback)                                       \
    {                                                                                  \
        name, OPTION_NUMBER, offsetof(struct pyw_options, field), low, high, fallback  \
    }
#define RANGE(name, field, low, high, fallback)                                        \
    {                                                                                  \
        name, OPTION_RANGE, offsetof(struct pyw_options, field), low, high, fallback   \
    }
#define OCTAL(name, field)                                                             \
    {                                                                                  \
        name, OPTION_OCTAL, offsetof(struct pyw_options, field), 0, 0777, -1           \
    }
#define SIZE(name, field, low, high)                                                   \
    {                                                                                  \
        name, OPTION_SIZE, offsetof(struct pyw_options, field), low, high, 0           \
    }
#define MEMORY(name, field)                                                            \
    {                                                                                  \
        name, OPTION_MEMORY, offsetof(struct pyw_options, field), MEMORY_LOW,          \
            INT64_MAX, 0                                                               \
    }
#define KIND(name, kind, field)                                                        \
    {                                                                                  \
        name, kind, offsetof(struct pyw_options, field), 0, 0, 0                       \
    }

/* Less memory starts no Python: somebody meant megabytes. */
#define MEMORY_LOW ((int64_t)16 * 1024 * 1024)

static const struct option_row rows[] = {
    TEXT("user", user),
    TEXT("group", group),
    TEXT("supplementary-groups", supplementary_groups),
    TEXT("socket-user", socket_user),
    PATH("home", home),
    TEXT("lang", lang),
    TEXT("locale", locale),
    PATH("python-home", python_home),
    TEXT("python-path", python_path),
    PATH("python-eggs", python_eggs),
    PATH("env-file", env_file),
    KIND("env", OPTION_ENV, env),
    KIND("single-application", OPTION_FLAG, is_single_application),
    KIND("preload", OPTION_FLAG, is_preload),
    KIND("warmup", OPTION_URL_PATH, warmup),
    KIND("switch-interval", OPTION_SECONDS, switch_interval_us),
    TEXT("display-name", display_name),
    PATH("daemon-program", daemon_program),
    RANGE("processes", processes, 1, PYW_OPTIONS_MAX_PROCESSES, 1),
    NUMBER("max-unavailable", max_unavailable, 0, PYW_OPTIONS_MAX_PROCESSES, 0),
    NUMBER("threads", threads, 0, PYW_OPTIONS_MAX_THREADS, 15),
    NUMBER("interpreters", interpreters, 1, PYW_OPTIONS_MAX_INTERPRETERS, 1),
    OCTAL("umask", umask),
    NUMBER("connect-timeout", connect_timeout_s, 0, INT_MAX, 15),
    NUMBER("socket-timeout", socket_timeout_s, 0, INT_MAX, 0),
    NUMBER("request-timeout", request_timeout_s, 0, INT_MAX, 0),
    NUMBER("interrupt-timeout", interrupt_timeout_s, 0, INT_MAX, 0),
    NUMBER("startup-timeout", startup_timeout_s, 0, INT_MAX, 0),
    NUMBER("shutdown-timeout", shutdown_timeout_s, 0, INT_MAX, 5),
    NUMBER("graceful-timeout", graceful_timeout_s, 0, INT_MAX, 15),
    NUMBER("eviction-timeout", eviction_timeout_s, 0, INT_MAX, 0),
    NUMBER("deadlock-timeout", deadlock_timeout_s, 0, INT_MAX, 300),
    NUMBER("inactivity-timeout", inactivity_timeout_s, 0, INT_MAX, 0),
    NUMBER("queue-timeout", queue_timeout_s, 0, INT_MAX, 0),
    NUMBER("queue-size", queue_size, 0, INT_MAX, 0),
    NUMBER("restart-interval", restart_interval_s, 0, INT_MAX, 0),
    NUMBER("restart-interval-jitter", restart_interval_jitter_s, 0, INT_MAX, 0),
    NUMBER("cpu-time-limit", cpu_time_limit_s, 0, INT_MAX, 0),
    NUMBER("maximum-requests", maximum_requests, 0, INT_MAX, 0),
    NUMBER("maximum-requests-jitter", maximum_requests_jitter, 0, INT_MAX, 0),
    MEMORY("reload-on-rss", reload_on_rss),
    NUMBER("response-socket-timeout", response_socket_timeout_s, 0, INT_MAX, 0),
    NUMBER("response-flush-delay", response_flush_delay_ms, 0, INT_MAX, 0),
    NUMBER("listen-backlog", listen_backlog, 0, INT_MAX, 100),
    NUMBER("stack-size", stack_size, 65536, INT64_MAX, 0),
    SIZE("send-buffer-size", send_buffer_size, 512, INT_MAX),
    SIZE("receive-buffer-size", receive_buffer_size, 512, INT_MAX),
    SIZE("header-buffer-size", header_buffer_size, 8192, INT_MAX),
    NUMBER("request-buffer-size", request_buffer_size, 0, INT_MAX,
           PYW_OPTIONS_REQUEST_BUFFER),
    SIZE("response-buffer-size", response_buffer_size, 65536, INT_MAX),
    NUMBER("cpu-priority", cpu_priority, -20, 19, 0),
    SIZE("memory-limit", memory_limit, MEMORY_LOW, INT64_MAX),
    SIZE("virtual-memory-limit", virtual_memory_limit, MEMORY_LOW, INT64_MAX),
    PATH("chroot", chroot),
    KIND("private-tmp", OPTION_FLAG, private_tmp),
    TEXT("script-user", script_user),
    TEXT("script-group", script_group),
    KIND("server-metrics", OPTION_FLAG, server_metrics),
    TEXT("schedule", schedule),
    TEXT("schedule-overlap", schedule_overlap),
    NUMBER("schedule-timeout", schedule_timeout_s, 0, INT_MAX, 0),
};

#define ROW_COUNT (sizeof(rows) / sizeof(rows[0]))

static const char **text_field(const struct pyw_options *options,
                               const struct option_row *row)
{
    return (const char **)((char *)(uintptr_t)options + row->offset);
}

static void *field_of(const struct pyw_options *options, const struct option_row *row)
{
    return (char *)(uintptr_t)options + row->offset;
}

static int64_t *number_field(const struct pyw_options *options,
                             const struct option_row *row)
{
    return (int64_t *)((char *)(uintptr_t)options + row->offset);
}

static bool is_number(const struct option_row *row)
{
    return row->kind == OPTION_NUMBER || row->kind == OPTION_OCTAL ||
           row->kind == OPTION_SIZE || row->kind == OPTION_MEMORY;
}

void pyw_options_init(struct pyw_options *options)
{
    memset(options, 0, sizeof(*options));
    for (size_t i = 0; i < ROW_COUNT; i++) {
        if (is_number(&rows[i])) {
            *number_field(options, &rows[i]) = rows[i].fallback;
        }
    }
    options->processes = options->processes_least = 1;
}

static const struct option_row *find_row(const char *name)
{
    for (size_t i = 0; i < ROW_COUNT; i++) {
        if (strcmp(rows[i].name, name) == 0) {
            return &rows[i];
        }
    }
    return NULL;
}

/* What would have been right. */
static void describe_range(const struct option_row *row, char *text, size_t size)
{
    switch (row->kind) {
    case OPTION_OCTAL:
        snprintf(text, size, "give an octal number from 0%" PRIo64 " to 0%" PRIo64,
                 row->low, row->high);
        break;
    case OPTION_SIZE:
        snprintf(text, size, "must be >= %" PRId64 " bytes, or 0 for default",
                 row->low);
        break;
    case OPTION_MEMORY:
        snprintf(text, size,
                 "give 0, a number of bytes from %" PRId64 ", or 1%% to 100%%",
                 row->low);
        break;
    default:
        snprintf(text, size, "give a whole number from %" PRId64 " to %" PRId64,
                 row->low, row->high);
        break;
    }
}

static void explain_number(const struct option_row *row, const char *value, char *why,
                           size_t why_size)
{
    char range[128];

    describe_range(row, range, sizeof(range));
    snprintf(why, why_size, "Invalid %s '%s' for WSGI daemon process: %s.", row->name,
             value, range);
}

/* Digits, with a minus where the row has negative numbers. */
static bool begins_number(const struct option_row *row, const char *value)
{
    if (value[0] == '-' && row->low < 0) {
        value++;
    }
    return value[0] >= '0' && value[0] <= '9';
}

static bool is_in_range(const struct option_row *row, int64_t number)
{
    if ((row->kind == OPTION_SIZE || row->kind == OPTION_MEMORY) && number == 0) {
        return true;
    }
    return number >= row->low && number <= row->high;
}

static int set_number(struct pyw_options *options, const struct option_row *row,
                      const char *value, char *why, size_t why_size)
{
    int base = row->kind == OPTION_OCTAL ? 8 : 10;
    char *end = NULL;
    long long number;

    errno = 0;
    number = strtoll(value, &end, base);
    if (row->kind == OPTION_MEMORY && begins_number(row, value) &&
        strcmp(end, "%") == 0 && number >= 1 && number <= 100) {
        *number_field(options, row) = -number;
        return 0;
    }
    if (!begins_number(row, value) || *end != '\0' || errno != 0 ||
        !is_in_range(row, number)) {
        explain_number(row, value, why, why_size);
        return -EINVAL;
    }
    *number_field(options, row) = number;
    return 0;
}

static int refuse(const struct option_row *row, const char *value, const char *wanted,
                  char *why, size_t why_size)
{
    snprintf(why, why_size, "Invalid %s '%s' for WSGI daemon process: give %s.",
             row->name, value, wanted);
    return -EINVAL;
}

/* One number of a range; `*text` moves behind it. */
static bool read_bound(const struct option_row *row, const char **text, int64_t *bound)
{
    char *end = NULL;

    errno = 0;
    *bound = strtoll(*text, &end, 10);
    if (**text < '0' || **text > '9' || errno != 0 || !is_in_range(row, *bound)) {
        return false;
    }
    *text = end;
    return true;
}

static int set_range(struct pyw_options *options, const struct option_row *row,
                     const char *value, char *why, size_t why_size)
{
    const char *text = value;
    int64_t least;
    int64_t most;
    bool is_good = read_bound(row, &text, &least);

    most = least;
    if (is_good && *text == '-') {
        text++;
        is_good = read_bound(row, &text, &most);
    }
    if (!is_good || *text != '\0' || least > most) {
        snprintf(why, why_size,
                 "Invalid %s '%s' for WSGI daemon process: give a whole number from "
                 "%" PRId64 " to %" PRId64
                 ", or two, the least and the most, as in 2-8.",
                 row->name, value, row->low, row->high);
        return -EINVAL;
    }
    options->processes_least = least;
    options->processes = most;
    options->has_processes = true;
    return 0;
}

/* A path as a request line has it, a query behind it included. */
static bool is_url_path(const char *value)
{
    const char *query = value + strcspn(value, "?");

    for (const char *at = value; *at != '\0'; at++) {
        if (*at <= ' ' || *at >= 0x7f || *at == '#' ||
            (*at == '%' && at < query && pyw_escape_byte(at) < 0)) {
            return false;
        }
    }
    return value[0] == '/';
}

static int set_url_path(struct pyw_texts *texts, const struct option_row *row,
                        const char *value, char *why, size_t why_size)
{
    if (!is_url_path(value)) {
        return refuse(row, value,
                      "the path of a URL, such as /health; what is not ASCII, and "
                      "blanks, as %XX",
                      why, why_size);
    }
    if (!pyw_texts_add(texts, value)) {
        snprintf(why, why_size, "Too many %s for WSGI daemon process: at most %d.",
                 row->name, PYW_TEXTS_MAX);
        return -EINVAL;
    }
    return 0;
}

/* The kinds that are neither plain texts nor whole numbers. */
static int set_special(struct pyw_options *options, const struct option_row *row,
                       const char *value, char *why, size_t why_size)
{
    void *field = field_of(options, row);

    if (row->kind == OPTION_SECONDS) {
        int64_t us = pyw_decimal_read(value);

        if (us <= 0) {
            return refuse(row, value, "seconds above 0, such as 0.005", why, why_size);
        }
        *(int64_t *)field = us;
        return 0;
    }
    if (row->kind == OPTION_FLAG) {
        bool is_on = strcasecmp(value, "On") == 0;

        if (!is_on && strcasecmp(value, "Off") != 0) {
            return refuse(row, value, "On or Off", why, why_size);
        }
        *(bool *)field = is_on;
        return 0;
    }
    if (row->kind == OPTION_RANGE) {
        return set_range(options, row, value, why, why_size);
    }
    if (row->kind == OPTION_URL_PATH) {
        return set_url_path(field, row, value, why, why_size);
    }
    /* The value may be a secret: it is not repeated. */
    if (!pyw_environment_is_pair(value)) {
        snprintf(why, why_size,
                 "Invalid %s for WSGI daemon process: give NAME=value, the name in "
                 "letters, digits and '_'.",
                 row->name);
        return -EINVAL;
    }
    if (!pyw_texts_add(field, value)) {
        snprintf(why, why_size,
                 "Too many %s for WSGI daemon process: at most %d, put more into "
                 "env-file=.",
                 row->name, PYW_TEXTS_MAX);
        return -EINVAL;
    }
    return 0;
}

int pyw_options_set(struct pyw_options *options, const char *name, const char *value,
                    char *why, size_t why_size)
{
    const struct option_row *row = find_row(name);

    if (row == NULL) {
        snprintf(why, why_size, "Invalid option to WSGI daemon process definition: %s.",
                 name);
        return -EINVAL;
    }
    if (value[0] == '\0' || (row->kind == OPTION_PATH && value[0] != '/')) {
        snprintf(why, why_size, "Invalid %s '%s' for WSGI daemon process: give %s.",
                 name, value,
                 row->kind == OPTION_PATH ? "an absolute path" : "a value");
        return -EINVAL;
    }
    if (is_number(row)) {
        return set_number(options, row, value, why, why_size);
    }
    if (row->kind >= OPTION_SECONDS) {
        return set_special(options, row, value, why, why_size);
    }
    *text_field(options, row) = value;
    return 0;
}

static void visit_number(const struct pyw_options *options,
                         const struct option_row *row, pyw_options_visit *visit,
                         void *context)
{
    int64_t value = *number_field(options, row);
    char number[32];

    if (value == row->fallback) {
        return;
    }
    if (row->kind == OPTION_MEMORY && value < 0) {
        snprintf(number, sizeof(number), "%" PRId64 "%%", -value);
    } else {
        snprintf(number, sizeof(number),
                 row->kind == OPTION_OCTAL ? "%" PRIo64 : "%" PRId64, value);
    }
    visit(context, row->name, number);
}

static void visit_special(const struct pyw_options *options,
                          const struct option_row *row, pyw_options_visit *visit,
                          void *context)
{
    const void *field = field_of(options, row);
    char number[PYW_DECIMAL_MAX];
    char range[64];

    if (row->kind == OPTION_RANGE && options->has_processes) {
        snprintf(range, sizeof(range), "%" PRId64 "-%" PRId64, options->processes_least,
                 options->processes);
        visit(context, row->name, range);
    } else if (row->kind == OPTION_ENV || row->kind == OPTION_URL_PATH) {
        const struct pyw_texts *texts = field;

        for (size_t i = 0; i < texts->count; i++) {
            visit(context, row->name, texts->items[i]);
        }
    } else if (row->kind == OPTION_FLAG && *(const bool *)field) {
        visit(context, row->name, "On");
    } else if (row->kind == OPTION_SECONDS && *(const int64_t *)field > 0) {
        visit(context, row->name, pyw_decimal_print(*(const int64_t *)field, number));
    }
}

void pyw_options_each(const struct pyw_options *options, pyw_options_visit *visit,
                      void *context)
{
    for (size_t i = 0; i < ROW_COUNT; i++) {
        const struct option_row *row = &rows[i];

        if (is_number(row)) {
            visit_number(options, row, visit, context);
        } else if (row->kind >= OPTION_SECONDS) {
            visit_special(options, row, visit, context);
        } else if (*text_field(options, row) != NULL) {
            visit(context, row->name, *text_field(options, row));
        }
    }
}

/* --- groups that run programs --- */

static bool is_overlap(const char *text)
{
    static const char *const names[] = {"skip", "wait", "replace"};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strcmp(names[i], text) == 0) {
            return true;
        }
    }
    return false;
}

/* What can be said of a schedule without the library that reads it: five or six fields,
 * or a name. */
static bool looks_like_schedule(const char *text)
{
    size_t fields = 0;

    for (text += strspn(text, " \t"); *text != '\0'; text += strspn(text, " \t")) {
        if (*text == '@') {
            return strpbrk(text, " \t") == NULL;
        }
        text += strcspn(text, " \t");
        fields++;
    }
    return fields == 5 || fields == 6;
}

/* NULL: nothing is wrong. */
static const char *find_schedule_fault(const struct pyw_options *options)
{
    if (options->threads != 0) {
        return "schedule= is for groups that run programs: add threads=0.";
    }
    if (options->processes != 1) {
        return "schedule= has one process, which starts the runs: take processes= "
               "away. schedule-overlap= says what happens to a run that is due while "
               "one is at work.";
    }
    if (!looks_like_schedule(options->schedule)) {
        return "Invalid schedule: give five fields in quotes, such as "
               "schedule=\"*/5 * * * *\", or a name such as @hourly.";
    }
    if (options->schedule_overlap != NULL && !is_overlap(options->schedule_overlap)) {
        return "Invalid schedule-overlap: give skip, wait or replace.";
    }
    return NULL;
}

/* NULL: nothing is wrong. */
static const char *find_interpreters_fault(const struct pyw_options *options)
{
    if (options->interpreters > 1 && options->is_preload) {
        return "interpreters= and preload=On exclude each other: interpreters beside the "
               "first do not survive the fork. Take preload= away, or interpreters= and "
               "give processes= in its place.";
    }
    if (options->interpreters > 1 && options->threads == 0) {
        return "interpreters= is for applications, which threads=0 has none of: take one "
               "of them away.";
    }
    return options->interpreters > options->threads && options->interpreters > 1
               ? "each of interpreters= needs a thread of its own: give at least as many "
                 "threads=."
               : NULL;
}

const char *pyw_options_find_fault(const struct pyw_options *options)
{
    const char *fault = find_interpreters_fault(options);

    if (fault != NULL) {
        return fault;
    }
    if (options->threads == 0 && (options->is_preload || options->warmup.count > 0)) {
        return "preload= and warmup= are for applications, which threads=0 has none of: "
               "take them away, or threads=0.";
    }
    if (options->threads == 0 && options->processes_least != options->processes) {
        return "processes= adapts to requests, of which there are none with threads=0: "
               "give one number.";
    }
    if (options->schedule != NULL) {
        return find_schedule_fault(options);
    }
    return options->schedule_overlap != NULL || options->schedule_timeout_s > 0
               ? "schedule-overlap= and schedule-timeout= are for groups with "
                 "schedule=: add that, or take them away."
               : NULL;
}
