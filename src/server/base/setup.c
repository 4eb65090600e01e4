#include "base/setup.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Each entry is u16 name length, name, NUL, u32 value length, value, NUL: the NULs let
 * the reader use the bytes as C strings where they lie. */

enum field_kind { FIELD_TEXT, FIELD_U32, FIELD_BOOL };

struct field_row {
    const char *name;
    enum field_kind kind;
    size_t offset;
};

#define FIELD(name, kind, field)                                                       \
    {                                                                                  \
        name, kind, offsetof(struct pyw_setup, field)                                  \
    }

static const struct field_row fields[] = {
    FIELD("group", FIELD_TEXT, group),
    FIELD("slot", FIELD_U32, slot),
    FIELD("generation", FIELD_U32, generation),
    FIELD("must-load", FIELD_BOOL, must_load),
    FIELD("is-zygote", FIELD_BOOL, is_zygote),
    FIELD("peer-uid", FIELD_U32, peer_uid),
    FIELD("mpm-name", FIELD_TEXT, mpm_name),
    FIELD("server-version-major", FIELD_U32, server_version[0]),
    FIELD("server-version-minor", FIELD_U32, server_version[1]),
    FIELD("server-version-patch", FIELD_U32, server_version[2]),
    FIELD("server-description", FIELD_TEXT, server_description),
    FIELD("server-built", FIELD_TEXT, server_built),
    FIELD("mpm-processes", FIELD_U32, mpm_processes),
    FIELD("mpm-threads", FIELD_U32, mpm_threads),
    FIELD("maximum-processes", FIELD_U32, maximum_processes),
    FIELD("threads-per-process", FIELD_U32, threads_per_process),
    FIELD("is-multiprocess", FIELD_BOOL, is_multiprocess),
    FIELD("is-debug", FIELD_BOOL, is_debug),
    FIELD("telemetry-path", FIELD_TEXT, telemetry_path),
    FIELD("telemetry-interval-ms", FIELD_U32, telemetry_interval_ms),
    FIELD("has-slow-requests", FIELD_BOOL, has_slow_requests),
    FIELD("slow-requests-ms", FIELD_U32, slow_requests_ms),
    FIELD("telemetry-user-agent", FIELD_BOOL, telemetry_user_agent),
};

#define FIELD_COUNT (sizeof(fields) / sizeof(fields[0]))
#define OPTION_PREFIX "option:"
#define PYTHON_PREFIX "python:"
#define SECRET_NAME "secret"
#define PRELOAD_SCRIPT "preload-script"

/* What follows a preload-script and is about it. */
static const struct {
    const char *name;
    size_t offset; /* in struct pyw_preload */
} preload_rows[] = {
    {"preload-group", offsetof(struct pyw_preload, application_group)},
    {"preload-mount", offsetof(struct pyw_preload, mount)},
    {"preload-callable", offsetof(struct pyw_preload, callable)},
};

#define PRELOAD_ROW_COUNT (sizeof(preload_rows) / sizeof(preload_rows[0]))

static void put_entry(struct pyw_writer *writer, const char *name, const void *value,
                      size_t len)
{
    pyw_bytes_put_str16(writer, name, strlen(name));
    pyw_bytes_put_u8(writer, 0);
    pyw_bytes_put_str32(writer, value, len);
    pyw_bytes_put_u8(writer, 0);
}

static void put_option(void *context, const char *name, const char *value)
{
    char full[64];

    snprintf(full, sizeof(full), OPTION_PREFIX "%s", name);
    put_entry(context, full, value, strlen(value));
}

static void put_python(void *context, const char *name, const char *value)
{
    char full[96];

    snprintf(full, sizeof(full), PYTHON_PREFIX "%s", name);
    put_entry(context, full, value, strlen(value));
}

static void put_field(struct pyw_writer *writer, const struct pyw_setup *setup,
                      const struct field_row *row)
{
    const char *at = (const char *)setup + row->offset;
    const char *text;
    char number[16];
    uint32_t value = 0;

    if (row->kind == FIELD_TEXT) {
        memcpy(&text, at, sizeof(text));
        put_entry(writer, row->name, text != NULL ? text : "",
                  text != NULL ? strlen(text) : 0);
        return;
    }
    if (row->kind == FIELD_BOOL) {
        bool flag;

        memcpy(&flag, at, sizeof(flag));
        value = flag ? 1 : 0;
    } else {
        memcpy(&value, at, sizeof(value));
    }
    snprintf(number, sizeof(number), "%" PRIu32, value);
    put_entry(writer, row->name, number, strlen(number));
}

static void put_preload(struct pyw_writer *writer, const struct pyw_preload *preload)
{
    put_entry(writer, PRELOAD_SCRIPT, preload->script, strlen(preload->script));
    for (size_t i = 0; i < PRELOAD_ROW_COUNT; i++) {
        const char *text;

        memcpy(&text, (const char *)preload + preload_rows[i].offset, sizeof(text));
        if (text != NULL) {
            put_entry(writer, preload_rows[i].name, text, strlen(text));
        }
    }
}

void pyw_setup_put(struct pyw_writer *writer, const struct pyw_setup *setup)
{
    for (size_t i = 0; i < FIELD_COUNT; i++) {
        put_field(writer, setup, &fields[i]);
    }
    put_entry(writer, SECRET_NAME, setup->secret, sizeof(setup->secret));
    for (size_t i = 0; i < setup->preload_count; i++) {
        put_preload(writer, &setup->preloads[i]);
    }
    pyw_options_each(&setup->options, put_option, writer);
    pyw_python_options_each(&setup->python, put_python, writer);
}

static int set_field(struct pyw_setup *setup, const struct field_row *row,
                     const char *value)
{
    char *at = (char *)setup + row->offset;
    char *end = NULL;
    unsigned long number;
    uint32_t narrow;
    bool flag;

    if (row->kind == FIELD_TEXT) {
        memcpy(at, &value, sizeof(value));
        return 0;
    }
    errno = 0;
    number = strtoul(value, &end, 10);
    if (end == value || *end != '\0' || errno != 0 || number > UINT32_MAX) {
        return -EPROTO;
    }
    narrow = (uint32_t)number;
    flag = number != 0;
    if (row->kind == FIELD_BOOL) {
        memcpy(at, &flag, sizeof(flag));
    } else {
        memcpy(at, &narrow, sizeof(narrow));
    }
    return 0;
}

static bool is_preload(const char *name)
{
    return strncmp(name, "preload-", strlen("preload-")) == 0;
}

static int set_preload(struct pyw_setup *setup, const char *name, const char *value)
{
    struct pyw_preload *last =
        &setup->preloads[setup->preload_count > 0 ? setup->preload_count - 1 : 0];

    if (strcmp(name, PRELOAD_SCRIPT) == 0) {
        if (setup->preload_count == PYW_SETUP_MAX_PRELOADS) {
            return -EPROTO;
        }
        setup->preloads[setup->preload_count++] =
            (struct pyw_preload){.script = value, .application_group = ""};
        return 0;
    }
    for (size_t i = 0; i < PRELOAD_ROW_COUNT && setup->preload_count > 0; i++) {
        if (strcmp(preload_rows[i].name, name) == 0) {
            memcpy((char *)last + preload_rows[i].offset, &value, sizeof(value));
            return 0;
        }
    }
    return -EPROTO;
}

static int set_entry(struct pyw_setup *setup, const char *name, struct pyw_span value)
{
    char why[256];

    if (strncmp(name, OPTION_PREFIX, strlen(OPTION_PREFIX)) == 0) {
        name += strlen(OPTION_PREFIX);
        return pyw_options_set(&setup->options, name, value.data, why, sizeof(why)) == 0
                   ? 0
                   : -EPROTO;
    }
    if (strncmp(name, PYTHON_PREFIX, strlen(PYTHON_PREFIX)) == 0) {
        return pyw_python_options_read(&setup->python, name + strlen(PYTHON_PREFIX),
                                       value.data);
    }
    if (strcmp(name, SECRET_NAME) == 0) {
        if (value.len != sizeof(setup->secret)) {
            return -EPROTO;
        }
        memcpy(setup->secret, value.data, value.len);
        return 0;
    }
    if (is_preload(name)) {
        return set_preload(setup, name, value.data);
    }
    for (size_t i = 0; i < FIELD_COUNT; i++) {
        if (strcmp(fields[i].name, name) == 0) {
            return set_field(setup, &fields[i], value.data);
        }
    }
    return -EPROTO;
}

int pyw_setup_get(const char *text, size_t len, struct pyw_setup *setup, char *why,
                  size_t why_size)
{
    struct pyw_reader reader;

    memset(setup, 0, sizeof(*setup));
    pyw_options_init(&setup->options);
    pyw_python_options_init(&setup->python);
    pyw_bytes_read_from(&reader, text, len);
    while (!pyw_bytes_is_done(&reader)) {
        struct pyw_span name = pyw_bytes_get_str16(&reader);
        uint8_t first_nul = pyw_bytes_get_u8(&reader);
        struct pyw_span value = pyw_bytes_get_str32(&reader);
        uint8_t second_nul = pyw_bytes_get_u8(&reader);

        if (reader.failed || first_nul != 0 || second_nul != 0 ||
            set_entry(setup, name.data, value) != 0) {
            snprintf(why, why_size, "%s", reader.failed ? "cut short" : name.data);
            return -EPROTO;
        }
    }
    return 0;
}
