#include "base/environment.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define FILE_MAX_SIZE ((off_t)1024 * 1024)

static bool is_name(char c, bool is_first)
{
    return c == '_' || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           (!is_first && c >= '0' && c <= '9');
}

/* How many characters of the text make a name. */
static size_t name_len(const char *text)
{
    size_t len = 0;

    while (is_name(text[len], len == 0)) {
        len++;
    }
    return len;
}

bool pyw_environment_is_pair(const char *text)
{
    size_t len = name_len(text);

    return len > 0 && text[len] == '=';
}

int pyw_environment_set(const char *pair)
{
    const char *equals = strchr(pair, '=');
    char *name = equals != NULL ? strndup(pair, (size_t)(equals - pair)) : NULL;
    int rv = 0;

    if (name == NULL) {
        return equals == NULL ? -EINVAL : -ENOMEM;
    }
    if (setenv(name, equals + 1, 1) != 0) {
        rv = -errno;
    }
    free(name);
    return rv;
}

static char *skip_blanks(char *text)
{
    while (*text == ' ' || *text == '\t') {
        text++;
    }
    return text;
}

static void cut_blanks(char *text, size_t len)
{
    while (len > 0 && isspace((unsigned char)text[len - 1])) {
        len--;
    }
    text[len] = '\0';
}

/* Takes quotes off a value, in place. @return NULL: they do not match. */
static char *unquote(char *value)
{
    size_t len = strlen(value);
    char quote = value[0];

    if (quote != '"' && quote != '\'') {
        return value;
    }
    if (len < 2 || value[len - 1] != quote ||
        memchr(value + 1, quote, len - 2) != NULL) {
        return NULL;
    }
    value[len - 1] = '\0';
    return value + 1;
}

/* @return 0; -EINVAL: the line is wrong, `*what` says how; -ENOMEM. */
static int take_line(char *line, const char **what)
{
    char *name = skip_blanks(line);
    char *value;
    char *equals;

    cut_blanks(name, strlen(name));
    if (*name == '\0' || *name == '#') {
        return 0;
    }
    equals = strchr(name, '=');
    if (equals != NULL) {
        cut_blanks(name, (size_t)(equals - name));
    }
    if (equals == NULL || *name == '\0' || name[name_len(name)] != '\0') {
        *what = "is not NAME=value, the name in letters, digits and '_'";
        return -EINVAL;
    }
    value = unquote(skip_blanks(equals + 1));
    if (value == NULL) {
        *what = "has quotes in its value that do not match";
        return -EINVAL;
    }
    return setenv(name, value, 1) == 0 ? 0 : -errno;
}

static int read_lines(FILE *file, const char *path, char *why, size_t why_size)
{
    const char *what = "";
    char *line = NULL;
    size_t capacity = 0;
    ssize_t len;
    unsigned number = 0;
    int rv = 0;

    while (rv == 0 && (len = getline(&line, &capacity, file)) >= 0) {
        number++;
        if (memchr(line, '\0', (size_t)len) != NULL) {
            what = "holds a NUL byte";
            rv = -EINVAL;
        } else {
            rv = take_line(line, &what);
        }
    }
    if (rv == -EINVAL) {
        snprintf(why, why_size, "line %u of '%s' %s", number, path, what);
    } else if (rv != 0 || ferror(file) != 0) {
        rv = rv != 0 ? rv : -EIO;
        snprintf(why, why_size, "'%s' could not be read: %s", path, strerror(-rv));
    }
    free(line);
    return rv;
}

int pyw_environment_read(const char *path, char *why, size_t why_size)
{
    struct stat about;
    FILE *file;
    int rv;

    /* Not opened before it is known to be a file: a named pipe would block. */
    if (stat(path, &about) == 0 &&
        (!S_ISREG(about.st_mode) || about.st_size > FILE_MAX_SIZE)) {
        snprintf(why, why_size, "'%s' is not a file of at most 1 MiB", path);
        return -EINVAL;
    }
    file = fopen(path, "re");
    if (file == NULL) {
        rv = -errno;
        snprintf(why, why_size, "'%s' cannot be opened: %s", path, strerror(-rv));
        return rv;
    }
    rv = read_lines(file, path, why, why_size);
    (void)fclose(file);
    return rv;
}
