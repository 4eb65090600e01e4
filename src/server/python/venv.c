#include "python/venv.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

/* Copies what follows "key =" where the line is about that key. */
static void take(const char *line, const char *key, char *value, size_t size)
{
    size_t key_len = strlen(key);
    const char *at = line;
    size_t len;

    if (strncmp(line, key, key_len) != 0) {
        return;
    }
    at += key_len;
    at += strspn(at, " \t");
    if (*at != '=') {
        return;
    }
    at++;
    at += strspn(at, " \t");
    len = strcspn(at, "\r\n");
    while (len > 0 && isspace((unsigned char)at[len - 1])) {
        len--;
    }
    snprintf(value, size, "%.*s", (int)len, at);
}

int pyw_venv_read(const char *home, struct pyw_venv *venv)
{
    char line[PATH_MAX + 64];
    char *slash;
    FILE *file;

    memset(venv, 0, sizeof *venv);
    snprintf(venv->path, sizeof venv->path, "%s/pyvenv.cfg", home);
    snprintf(venv->program, sizeof venv->program, "%s/bin/python", home);
    file = fopen(venv->path, "re");
    if (file == NULL) {
        return -errno;
    }
    while (fgets(line, sizeof line, file) != NULL) {
        take(line, "version", venv->version, sizeof venv->version);
        take(line, "version_info", venv->version,
             sizeof venv->version); /* virtualenv and uv */
        take(line, "home", venv->base, sizeof venv->base);
    }
    (void)fclose(file);
    /* "home" is the directory of the program, PREFIX/bin. */
    slash = strrchr(venv->base, '/');
    if (slash != NULL && slash != venv->base) {
        *slash = '\0';
    }
    return 0;
}
