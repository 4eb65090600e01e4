#include "supervisor/memory.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* @return length; 0 where the file cannot be read. */
static size_t read_file(pid_t pid, const char *name, char *text, size_t size)
{
    char path[64];
    ssize_t got;
    int fd;

    (void)snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return 0;
    }
    got = read(fd, text, size - 1);
    close(fd);
    text[got > 0 ? got : 0] = '\0';
    return got > 0 ? (size_t)got : 0;
}

/* "Pss:   1234 kB" at the beginning of a line. */
static int64_t find_kilobytes(const char *text, const char *name)
{
    const char *found = strstr(text, name);
    int64_t kilobytes;

    if (found == NULL || sscanf(found + strlen(name), "%" SCNd64, &kilobytes) != 1) {
        return -1;
    }
    return kilobytes * 1024;
}

struct pyw_memory pyw_memory_of(pid_t pid)
{
    struct pyw_memory memory = {-1, -1};
    int64_t pages;
    char text[4096];

    if (read_file(pid, "smaps_rollup", text, sizeof(text)) > 0) {
        memory.rss = find_kilobytes(text, "\nRss:");
        memory.pss = find_kilobytes(text, "\nPss:");
    } else if (read_file(pid, "statm", text, sizeof(text)) > 0 &&
               sscanf(text, "%*d %" SCNd64, &pages) == 1) {
        memory.rss = pages * sysconf(_SC_PAGESIZE); /* open to everybody */
    }
    return memory;
}
