#include "base/path.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *wish(int mode)
{
    return (mode & X_OK) != 0 ? "execute or search" : "read";
}

static void explain(int error, const char *component, const char *path, int mode,
                    char *why, size_t why_size)
{
    if (error == ENOENT || error == ENOTDIR) {
        snprintf(why, why_size, "'%s' does not exist%s%s%s", component,
                 strcmp(component, path) == 0 ? "" : " (on the way to '",
                 strcmp(component, path) == 0 ? "" : path,
                 strcmp(component, path) == 0 ? "" : "')");
        return;
    }
    if (error == EACCES) {
        snprintf(
            why, why_size,
            "user id %u may not %s '%s'%s%s: give that user access (chmod or chgrp) or put it "
            "elsewhere",
            (unsigned)geteuid(), wish(mode), component,
            strcmp(component, path) == 0 ? "" : ", which is on the way to ",
            strcmp(component, path) == 0 ? "" : path);
        return;
    }
    snprintf(why, why_size, "'%s': %s", component, strerror(error));
}

/* 0, or the errno with which the current user fails on `path`. */
static int try_access(const char *path, int mode)
{
    return faccessat(AT_FDCWD, path, mode, AT_EACCESS) == 0 ? 0 : errno;
}

int pyw_path_check(const char *path, int mode, char *why, size_t why_size)
{
    char component[PATH_MAX];
    size_t len = strlen(path);
    int error = try_access(path, mode);

    if (error == 0) {
        return 0;
    }
    if (path[0] != '/' || len >= sizeof(component)) {
        snprintf(why, why_size, "'%s' is not an absolute path of a usable length",
                 path);
        return -EINVAL;
    }
    for (size_t i = 1; i < len; i++) {
        int on_the_way;

        if (path[i] != '/') {
            continue;
        }
        memcpy(component, path, i);
        component[i] = '\0';
        on_the_way = try_access(component, X_OK);
        if (on_the_way != 0) {
            explain(on_the_way, component, path, X_OK, why, why_size);
            return -on_the_way;
        }
    }
    explain(error, path, path, mode, why, why_size);
    return -error;
}
