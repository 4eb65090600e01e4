#include "scratch.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static char directory[] = "/tmp/pywsgi-unit-XXXXXX";
static pid_t owner;

static int remove_one(const char *path, const struct stat *info, int type,
                      struct FTW *at)
{
    (void)info;
    (void)type;
    (void)at;
    return remove(path);
}

static void remove_all(void)
{
    if (owner == getpid()) {
        (void)nftw(directory, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    }
}

const char *scratch_directory(void)
{
    if (owner == 0) {
        if (mkdtemp(directory) == NULL || chmod(directory, 0755) != 0) {
            perror("mkdtemp");
            abort();
        }
        owner = getpid();
        (void)atexit(remove_all);
    }
    return directory;
}
