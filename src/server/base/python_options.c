#include "base/python_options.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/decimal.h"

/* In a walk: what begins a rule, and its name in the settings that follow. */
#define RULE_FOR_ALL "rule"
#define RULE_FOR_GROUP "rule-for"
#define IN_RULE "rule:"
#define HASH_SEED_RANDOM "random"

enum kind { KIND_FLAG, KIND_NUMBER, KIND_SEED, KIND_SECONDS, KIND_PATH, KIND_TEXTS };

struct row {
    const char *name;
    enum kind kind;
    size_t offset;
    int64_t low;
    int64_t high;
};

#define PROCESS(name, kind, field, low, high)                                          \
    {                                                                                  \
        name, kind, offsetof(struct pyw_python_options, field), low, high              \
    }
#define SETTING(name, kind, field)                                                     \
    {                                                                                  \
        name, kind, offsetof(struct pyw_python_settings, field), 0, 0                  \
    }

static const struct row process_rows[] = {
    PROCESS("WSGIPythonOptimize", KIND_NUMBER, optimize, 0, 2),
    PROCESS("WSGIPythonHashSeed", KIND_SEED, hash_seed, 0, UINT32_MAX),
    PROCESS("WSGIDontWriteBytecode", KIND_FLAG, dont_write_bytecode, 0, 0),
    PROCESS("WSGIDestroyInterpreter", KIND_FLAG, destroy_interpreter, 0, 0),
    PROCESS("WSGIPythonWarnings", KIND_TEXTS, warnings, 0, 0),
};

static const struct row setting_rows[] = {
    SETTING("WSGIPerInterpreterGIL", KIND_FLAG, own_gil),
    SETTING("WSGIFreeThreading", KIND_FLAG, free_threading),
    SETTING("WSGIRestrictStdin", KIND_FLAG, restrict_stdin),
    SETTING("WSGIRestrictStdout", KIND_FLAG, restrict_stdout),
    SETTING("WSGIRestrictSignal", KIND_FLAG, restrict_signal),
    SETTING("WSGISwitchInterval", KIND_SECONDS, switch_interval_us),
    SETTING("WSGIPythonPath", KIND_PATH, python_path),
};

#define PROCESS_ROWS (sizeof(process_rows) / sizeof(process_rows[0]))
#define SETTING_ROWS (sizeof(setting_rows) / sizeof(setting_rows[0]))

/* Where the sentence goes. */
struct why {
    char *text;
    size_t size;
};

static void *field_of(const void *base, const struct row *row)
{
    return (char *)(uintptr_t)base + row->offset;
}

static const struct row *find(const struct row *rows, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++) {
        if (strcasecmp(rows[i].name, name) == 0) {
            return &rows[i];
        }
    }
    return NULL;
}

/* --- texts to values --- */

static int set_flag(const struct row *row, int *flag, const char *value,
                    const struct why *why)
{
    if (strcasecmp(value, "On") == 0) {
        *flag = PYW_ON;
    } else if (strcasecmp(value, "Off") == 0) {
        *flag = PYW_OFF;
    } else {
        snprintf(why->text, why->size, "%s must be one of: Off | On", row->name);
        return -EINVAL;
    }
    return 0;
}

static int set_number(const struct row *row, int64_t *number, const char *value,
                      const struct why *why)
{
    bool is_seed = row->kind == KIND_SEED;
    char *end = NULL;
    long long parsed;

    if (is_seed && strcasecmp(value, HASH_SEED_RANDOM) == 0) {
        *number = PYW_PYTHON_SEED_RANDOM;
        return 0;
    }
    errno = 0;
    parsed = strtoll(value, &end, 10);
    if (value[0] < '0' || value[0] > '9' || *end != '\0' || errno != 0 ||
        parsed < row->low || parsed > row->high) {
        snprintf(why->text, why->size,
                 "Invalid %s '%s': give %sa whole number from %" PRId64 " to %" PRId64
                 ".",
                 row->name, value, is_seed ? "'" HASH_SEED_RANDOM "', or " : "",
                 row->low, row->high);
        return -EINVAL;
    }
    *number = parsed;
    return 0;
}

static int set_seconds(const struct row *row, int64_t *us, const char *value,
                       const struct why *why)
{
    int64_t parsed = pyw_decimal_read(value);

    if (parsed <= 0) {
        snprintf(why->text, why->size,
                 "Invalid %s '%s': give seconds above 0, such as 0.005.", row->name,
                 value);
        return -EINVAL;
    }
    *us = parsed;
    return 0;
}

static int set_text(const struct row *row, void *field, const char *value,
                    const struct why *why)
{
    if (*value == '\0') {
        snprintf(why->text, why->size, "%s takes a value.", row->name);
        return -EINVAL;
    }
    if (row->kind == KIND_PATH) {
        *(const char **)field = value;
    } else if (!pyw_texts_add(field, value)) {
        snprintf(why->text, why->size, "%s: at most %d of them.", row->name,
                 PYW_TEXTS_MAX);
        return -EINVAL;
    }
    return 0;
}

static int set(const struct row *row, void *base, const char *value,
               const struct why *why)
{
    switch (row->kind) {
    case KIND_FLAG:
        return set_flag(row, field_of(base, row), value, why);
    case KIND_NUMBER:
    case KIND_SEED:
        return set_number(row, field_of(base, row), value, why);
    case KIND_SECONDS:
        return set_seconds(row, field_of(base, row), value, why);
    default:
        return set_text(row, field_of(base, row), value, why);
    }
}

int pyw_python_options_set(struct pyw_python_options *options, const char *name,
                           const char *value, char *why, size_t why_size)
{
    const struct row *row = find(process_rows, PROCESS_ROWS, name);

    return row != NULL ? set(row, options, value, &(struct why){why, why_size})
                       : -ENOENT;
}

int pyw_python_settings_set(struct pyw_python_settings *settings, const char *name,
                            const char *value, char *why, size_t why_size)
{
    const struct row *row = find(setting_rows, SETTING_ROWS, name);

    return row != NULL ? set(row, settings, value, &(struct why){why, why_size})
                       : -ENOENT;
}

void pyw_python_settings_init(struct pyw_python_settings *settings)
{
    memset(settings, 0, sizeof(*settings));
    for (size_t i = 0; i < SETTING_ROWS; i++) {
        if (setting_rows[i].kind == KIND_FLAG) {
            *(int *)field_of(settings, &setting_rows[i]) = PYW_UNSET;
        }
    }
}

void pyw_python_options_init(struct pyw_python_options *options)
{
    memset(options, 0, sizeof(*options));
    options->hash_seed = PYW_PYTHON_SEED_UNSET;
    options->dont_write_bytecode = PYW_UNSET;
    options->destroy_interpreter = PYW_UNSET;
}

struct pyw_python_rule *pyw_python_options_add(struct pyw_python_options *options,
                                               const char *application_group)
{
    struct pyw_python_rule *rule;

    if (options->rule_count == PYW_PYTHON_MAX_RULES) {
        return NULL;
    }
    rule = &options->rules[options->rule_count++];
    rule->application_group = application_group;
    pyw_python_settings_init(&rule->settings);
    return rule;
}

/* --- values to texts --- */

/* Where a walk is, and how the names of its rows begin. */
struct walk {
    pyw_python_options_visit *visit;
    void *context;
    const char *prefix;
};

static void visit(const struct walk *walk, const struct row *row, const char *value)
{
    char name[64];

    snprintf(name, sizeof(name), "%s%s", walk->prefix, row->name);
    walk->visit(walk->context, name, value);
}

static void visit_number(const struct walk *walk, const struct row *row, int64_t number)
{
    char text[PYW_DECIMAL_MAX];

    if (row->kind == KIND_SECONDS && number > 0) {
        visit(walk, row, pyw_decimal_print(number, text));
    } else if (row->kind == KIND_SEED && number == PYW_PYTHON_SEED_RANDOM) {
        visit(walk, row, HASH_SEED_RANDOM);
    } else if ((row->kind == KIND_SEED && number >= 0) || number > 0) {
        snprintf(text, sizeof(text), "%" PRId64, number);
        visit(walk, row, text);
    }
}

static void visit_texts(const struct walk *walk, const struct row *row,
                        const struct pyw_texts *texts)
{
    for (size_t i = 0; i < texts->count; i++) {
        visit(walk, row, texts->items[i]);
    }
}

static void visit_row(const struct walk *walk, const struct row *row, const void *base)
{
    const void *field = field_of(base, row);

    switch (row->kind) {
    case KIND_FLAG:
        if (*(const int *)field != PYW_UNSET) {
            visit(walk, row, *(const int *)field == PYW_ON ? "On" : "Off");
        }
        break;
    case KIND_TEXTS:
        visit_texts(walk, row, field);
        break;
    case KIND_PATH:
        if (*(const char *const *)field != NULL) {
            visit(walk, row, *(const char *const *)field);
        }
        break;
    default:
        visit_number(walk, row, *(const int64_t *)field);
    }
}

void pyw_python_options_each(const struct pyw_python_options *options,
                             pyw_python_options_visit *visitor, void *context)
{
    const struct walk process = {visitor, context, ""};
    const struct walk in_rule = {visitor, context, IN_RULE};

    for (size_t i = 0; i < PROCESS_ROWS; i++) {
        visit_row(&process, &process_rows[i], options);
    }
    for (size_t i = 0; i < options->rule_count; i++) {
        const struct pyw_python_rule *rule = &options->rules[i];

        if (rule->application_group == NULL) {
            visitor(context, RULE_FOR_ALL, "");
        } else {
            visitor(context, RULE_FOR_GROUP, rule->application_group);
        }
        for (size_t j = 0; j < SETTING_ROWS; j++) {
            visit_row(&in_rule, &setting_rows[j], &rule->settings);
        }
    }
}

int pyw_python_options_read(struct pyw_python_options *options, const char *name,
                            const char *value)
{
    char why[256];
    int rv;

    if (strcmp(name, RULE_FOR_ALL) == 0 || strcmp(name, RULE_FOR_GROUP) == 0) {
        bool is_for_all = strcmp(name, RULE_FOR_ALL) == 0;

        return pyw_python_options_add(options, is_for_all ? NULL : value) != NULL
                   ? 0
                   : -EPROTO;
    }
    if (strncmp(name, IN_RULE, strlen(IN_RULE)) != 0) {
        rv = pyw_python_options_set(options, name, value, why, sizeof(why));
    } else if (options->rule_count == 0) {
        rv = -EPROTO;
    } else {
        rv = pyw_python_settings_set(&options->rules[options->rule_count - 1].settings,
                                     name + strlen(IN_RULE), value, why, sizeof(why));
    }
    return rv == 0 ? 0 : -EPROTO;
}

/* --- use --- */

static bool is_for(const struct pyw_python_rule *rule, const char *application_group)
{
    return rule->application_group == NULL ||
           strcmp(rule->application_group, application_group) == 0;
}

static void overlay(struct pyw_python_settings *settings,
                    const struct pyw_python_settings *more)
{
    for (size_t i = 0; i < SETTING_ROWS; i++) {
        const struct row *row = &setting_rows[i];
        const void *from = field_of(more, row);
        void *to = field_of(settings, row);

        if (row->kind == KIND_FLAG && *(const int *)from != PYW_UNSET) {
            *(int *)to = *(const int *)from;
        } else if (row->kind == KIND_SECONDS && *(const int64_t *)from > 0) {
            *(int64_t *)to = *(const int64_t *)from;
        }
    }
}

void pyw_python_options_resolve(const struct pyw_python_options *options,
                                const char *application_group,
                                struct pyw_python_settings *settings)
{
    pyw_python_settings_init(settings);
    for (size_t i = 0; i < options->rule_count; i++) {
        if (is_for(&options->rules[i], application_group)) {
            overlay(settings, &options->rules[i].settings);
        }
    }
}

const char *pyw_python_options_next_path(const struct pyw_python_options *options,
                                         const char *application_group, size_t *at)
{
    while (*at < options->rule_count) {
        const struct pyw_python_rule *rule = &options->rules[(*at)++];

        if (rule->settings.python_path != NULL && is_for(rule, application_group)) {
            return rule->settings.python_path;
        }
    }
    return NULL;
}
