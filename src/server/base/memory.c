#include "base/memory.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define STATM "/proc/self/statm"

int64_t pyw_memory_resident(void)
{
    FILE *file = fopen(STATM, "re");
    int64_t pages = -1;
    long long resident = 0;
    long long shared = 0;

    if (file == NULL) {
        return -errno;
    }
    /* Size of the address space, resident, resident of files and shared memory; pages.
     */
    if (fscanf(file, "%*s %lld %lld", &resident, &shared) == 2) {
        pages = resident - shared;
    }
    (void)fclose(file);
    return pages < 0 ? -EPROTO : pages * sysconf(_SC_PAGESIZE);
}

/* The number in a file. @return INT64_MAX: none, no such file among the reasons. */
static int64_t read_limit(const char *path)
{
    FILE *file = fopen(path, "re");
    long long limit = 0;
    bool is_number;

    if (file == NULL) {
        return INT64_MAX;
    }
    is_number = fscanf(file, "%lld", &limit) == 1; /* "max" is none */
    (void)fclose(file);
    return is_number && limit > 0 ? limit : INT64_MAX;
}

/* Both kinds of cgroups. */
struct hierarchy {
    const char *controller; /* in /proc/self/cgroup; "" is v2 */
    const char *folder;
    const char *file;
};

static const struct hierarchy hierarchies[] = {
    {"", "/sys/fs/cgroup", "memory.max"},
    {"memory", "/sys/fs/cgroup/memory", "memory.limit_in_bytes"},
};

/* The least limit of a cgroup and of those that it lies in. In a container the path may
 * be one of the host's, of which only the top is to be seen. */
static int64_t walk_up(const char *root, const struct hierarchy *hierarchy, char *group)
{
    int64_t least = INT64_MAX;
    char *end;

    do {
        char path[PATH_MAX];
        int64_t limit = INT64_MAX;

        end = strrchr(group, '/');
        if (snprintf(path, sizeof(path), "%s%s%s/%s", root, hierarchy->folder, group,
                     hierarchy->file) < (int)sizeof(path)) {
            limit = read_limit(path);
        }
        least = limit < least ? limit : least;
        if (end != NULL) {
            *end = '\0';
        }
    } while (end != NULL);
    return least;
}

/* Whether a comma separated list of controllers names the one; "" names v2 alone. */
static bool is_in(const char *controllers, const char *controller)
{
    size_t len = strlen(controller);
    const char *at = controllers;

    while (at != NULL && *at != '\0') {
        if (len > 0 && strncmp(at, controller, len) == 0 &&
            (at[len] == ',' || at[len] == '\0')) {
            return true;
        }
        at = strchr(at, ',');
        at = at != NULL ? at + 1 : NULL;
    }
    return len == 0 && controllers[0] == '\0';
}

/* A line of /proc/self/cgroup: `NUMBER:CONTROLLERS:PATH`. */
static int64_t limit_of_line(const char *root, char *line)
{
    char *controllers = strchr(line, ':');
    char *group = controllers != NULL ? strchr(controllers + 1, ':') : NULL;

    if (group == NULL) {
        return INT64_MAX;
    }
    controllers++;
    *group++ = '\0';
    group[strcspn(group, "\n")] = '\0';
    for (size_t i = 0; i < sizeof(hierarchies) / sizeof(hierarchies[0]); i++) {
        if (is_in(controllers, hierarchies[i].controller)) {
            return walk_up(root, &hierarchies[i], group);
        }
    }
    return INT64_MAX;
}

int64_t pyw_memory_allowed(const char *root)
{
    int64_t least = (int64_t)sysconf(_SC_PHYS_PAGES) * sysconf(_SC_PAGESIZE);
    char path[PATH_MAX];
    char *line = NULL;
    size_t size = 0;
    FILE *file;

    (void)snprintf(path, sizeof(path), "%s/proc/self/cgroup", root);
    file = fopen(path, "re");
    while (file != NULL && getline(&line, &size, file) > 0) {
        int64_t limit = limit_of_line(root, line);

        least = limit < least ? limit : least;
    }
    free(line);
    if (file != NULL) {
        (void)fclose(file);
    }
    return least;
}
