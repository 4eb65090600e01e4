#include "base/path.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *user_name(void)
{
    const struct passwd *user = getpwuid(geteuid());

    return user != NULL ? user->pw_name : "of this process";
}

/* What stands in the way at `component`: the path itself, or something before it. */
static void explain(int error, const char *component, const char *path, char *why,
                    size_t why_size)
{
    bool is_end = strcmp(component, path) == 0;

    if (error != EACCES) {
        snprintf(why, why_size, "'%s'%s%s%s %s", component,
                 is_end ? "" : " on the way to '", is_end ? "" : path,
                 is_end ? "" : "'",
                 error == ENOENT    ? "does not exist"
                 : error == ENOTDIR ? "is not a directory"
                                    : strerror(error));
    } else if (is_end) {
        snprintf(
            why, why_size,
            "'%s' is not readable by user %s: give access (chmod o+rX '%s') or use "
            "another place",
            path, user_name(), path);
    } else {
        snprintf(
            why, why_size,
            "'%s' cannot be reached because user %s may not search the directory '%s': "
            "give access (chmod o+x '%s') or use another place",
            path, user_name(), component, component);
    }
}

/* 0, or the errno with which the current user fails on `path`. */
static int try_access(const char *path, int mode)
{
    return faccessat(AT_FDCWD, path, mode, AT_EACCESS) == 0 ? 0 : errno;
}

/* The same for going through `component`. A file there may have any mode. */
static int try_search(const char *component)
{
    struct stat info;

    if (stat(component, &info) == 0 && !S_ISDIR(info.st_mode)) {
        return ENOTDIR;
    }
    return try_access(component, X_OK);
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
        on_the_way = try_search(component);
        if (on_the_way != 0) {
            explain(on_the_way, component, path, why, why_size);
            return -on_the_way;
        }
    }
    explain(error, path, path, why, why_size);
    return -error;
}
