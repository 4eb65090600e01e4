#include "base/command.h"

#include <string.h>

#include "base/escape.h"
#include "base/options.h"

#define WORDS_MAX 3

struct words {
    size_t count; /* one more than WORDS_MAX: too many */
    char *text[WORDS_MAX];
};

static bool is_blank(char byte)
{
    return byte == ' ' || byte == '\t' || byte == '\r';
}

static struct words split(char *line, size_t len)
{
    struct words words = {0};
    size_t at = 0;

    line[len] = '\0';
    for (;;) {
        while (at < len && is_blank(line[at])) {
            line[at++] = '\0';
        }
        if (at == len) {
            return words;
        }
        if (words.count == WORDS_MAX) {
            words.count++;
            return words;
        }
        words.text[words.count++] = line + at;
        while (at < len && !is_blank(line[at])) {
            at++;
        }
    }
}

/* Digits up to `end`. @return -1: it is no number, or a larger one than any group has
 * processes. */
static int64_t read_count(const char **at, char end)
{
    int64_t value = 0;
    const char *digit = *at;

    for (; *digit >= '0' && *digit <= '9'; digit++) {
        value = value * 10 + (*digit - '0');
        if (value > PYW_OPTIONS_MAX_PROCESSES) {
            return -1;
        }
    }
    if (digit == *at || *digit != end) {
        return -1;
    }
    *at = digit;
    return value;
}

/* "4", or "2-8". */
static bool read_range(const char *word, struct pyw_command *command)
{
    bool is_range = strchr(word, '-') != NULL;

    command->least = read_count(&word, is_range ? '-' : '\0');
    command->most = command->least;
    if (is_range && command->least >= 0) {
        word++;
        command->most = read_count(&word, '\0');
    }
    return command->least >= 1 && command->most >= command->least;
}

static const struct {
    const char *name;
    enum pyw_verb verb;
    size_t least_words;
    size_t most_words;
    const char *usage;
} verbs[] = {
    {"status", PYW_VERB_STATUS, 1, 1, "status takes no more words."},
    {"reload", PYW_VERB_RELOAD, 1, 2, "It is: reload [GROUP]"},
    {"restart", PYW_VERB_RESTART, 1, 2, "It is: restart [GROUP]"},
    {"scale", PYW_VERB_SCALE, 3, 3,
     "It is: scale GROUP NUMBER, or scale GROUP MIN-MAX"},
    {"stacks", PYW_VERB_STACKS, 1, 2, "It is: stacks [GROUP]"},
};

const char *pyw_command_parse(char *line, size_t len, struct pyw_command *command)
{
    struct words words;
    size_t row = 0;

    memset(command, 0, sizeof(*command));
    if (memchr(line, '\0', len) != NULL) {
        return "The line holds a NUL.";
    }
    words = split(line, len);
    while (words.count > 0 && row < sizeof(verbs) / sizeof(verbs[0]) &&
           strcmp(words.text[0], verbs[row].name) != 0) {
        row++;
    }
    if (words.count == 0 || row == sizeof(verbs) / sizeof(verbs[0])) {
        return "The commands are status, reload, restart, scale and stacks.";
    }
    command->verb = verbs[row].verb;
    if (words.count < verbs[row].least_words || words.count > verbs[row].most_words) {
        return verbs[row].usage;
    }
    if (words.count > 1) {
        command->group = words.text[1];
        if (!pyw_escape_decode(words.text[1])) {
            return "The name of the group has a % that is not followed by the two "
                   "hexadecimal digits of a byte.";
        }
    }
    if (words.count > 2 && !read_range(words.text[2], command)) {
        return "The number of processes is not a number from 1 to 1024, or MIN-MAX.";
    }
    return NULL;
}
