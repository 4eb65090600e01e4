/* python_options.h: how Python is to run in a process: the directives of the whole
 * server (WSGIPythonOptimize and its kin) and what is different from interpreter to
 * interpreter (<WSGIInterpreterOptions>).
 *
 * Written by the Apache parent (apache/python_conf), which leaves out what is for other
 * process groups; read by python/. On the way to a daemon they are part of its setup
 * (base/setup). The names are those of the directives.
 *
 * Adding one: a field here, a row in python_options.c, one in apache/directives.c, one
 * in docs/directives.md, a test.
 */
#ifndef PYW_BASE_PYTHON_OPTIONS_H
#define PYW_BASE_PYTHON_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/texts.h"

/* A flag that may not have been set. */
enum pyw_flag { PYW_UNSET = -1, PYW_OFF = 0, PYW_ON = 1, PYW_AUTO = 2 };

#define PYW_PYTHON_MAX_RULES 256
/* Values of `hash_seed` that are no seeds. */
#define PYW_PYTHON_SEED_UNSET (-2)
#define PYW_PYTHON_SEED_RANDOM (-1)

/* What an interpreter may have of its own. Strings borrow from the caller. */
struct pyw_python_settings {
    int own_gil;        /* enum pyw_flag, like the other int */
    int free_threading; /* of a process: not together with an application group */
    int restrict_stdin;
    int restrict_stdout;
    int restrict_signal;
    int64_t switch_interval_us; /* 0: unset */
    const char *python_path;    /* NULL: unset */
};

/* Settings for one application group, or for all. */
struct pyw_python_rule {
    const char *application_group; /* NULL: all */
    struct pyw_python_settings settings;
};

struct pyw_python_options {
    int64_t optimize;
    int64_t hash_seed;
    int dont_write_bytecode;
    int destroy_interpreter;
    struct pyw_texts warnings;
    size_t rule_count;
    struct pyw_python_rule rules[PYW_PYTHON_MAX_RULES]; /* the least specific first */
};

void pyw_python_options_init(struct pyw_python_options *options);
void pyw_python_settings_init(struct pyw_python_settings *settings);

/* Sets one from the text behind its directive. @return 0; -ENOENT: there is none of
 * that name here; -EINVAL: with a sentence for the user in `why`. */
int pyw_python_options_set(struct pyw_python_options *options, const char *name,
                           const char *value, char *why, size_t why_size);
int pyw_python_settings_set(struct pyw_python_settings *settings, const char *name,
                            const char *value, char *why, size_t why_size);

/* A new rule at the end, nothing set; NULL: too many. */
struct pyw_python_rule *pyw_python_options_add(struct pyw_python_options *options,
                                               const char *application_group);

/* Walks what was given, as texts that pyw_python_options_read takes, in an order that
 * matters. */
typedef void pyw_python_options_visit(void *context, const char *name,
                                      const char *value);
void pyw_python_options_each(const struct pyw_python_options *options,
                             pyw_python_options_visit *visit, void *context);
/* Takes the next of such a walk; the value stays the caller's. @return 0, or -EPROTO.
 */
int pyw_python_options_read(struct pyw_python_options *options, const char *name,
                            const char *value);

/* What holds for an interpreter: of each setting, the last that was made for it. The
 * path is its own walk, as all of them count. */
void pyw_python_options_resolve(const struct pyw_python_options *options,
                                const char *application_group,
                                struct pyw_python_settings *settings);
/* The next rule's path for the interpreter, from rule `*at` on; NULL: no more. */
const char *pyw_python_options_next_path(const struct pyw_python_options *options,
                                         const char *application_group, size_t *at);

#endif
