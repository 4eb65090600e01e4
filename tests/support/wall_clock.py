"""The wall clock of a server, set while it runs: a library that its processes load first."""

from __future__ import annotations

import struct
import subprocess
from pathlib import Path

# The offset is in a file that every process maps: another value holds for all of them at once.
_SOURCE = r"""
#define _GNU_SOURCE
#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static const volatile int64_t *offset_s;

__attribute__((constructor)) static void map(void)
{
    int fd = open(OFFSET, O_RDONLY | O_CLOEXEC);
    void *memory = fd < 0 ? MAP_FAILED : mmap(NULL, 8, PROT_READ, MAP_SHARED, fd, 0);

    if (memory != MAP_FAILED) {
        offset_s = memory;
    }
    if (fd >= 0) {
        close(fd);
    }
}

int clock_gettime(clockid_t clock, struct timespec *now)
{
    int rv = (int)syscall(SYS_clock_gettime, clock, now);

    if (rv == 0 && offset_s != NULL && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) {
        now->tv_sec += *offset_s;
    }
    return rv;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone)
{
    struct timespec exact;

    (void)zone;
    clock_gettime(CLOCK_REALTIME, &exact);
    now->tv_sec = exact.tv_sec;
    now->tv_usec = exact.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *where)
{
    struct timespec exact;

    clock_gettime(CLOCK_REALTIME, &exact);
    if (where != NULL) {
        *where = exact.tv_sec;
    }
    return exact.tv_sec;
}
"""


class WallClock:
    """`library` is for LD_PRELOAD, `set` changes the time of all who have it."""

    def __init__(self, folder: Path) -> None:
        self.library = folder / "wall_clock.so"
        self._offset = folder / "offset"
        self.set(0)
        self._offset.chmod(0o644)
        source = folder / "wall_clock.c"
        source.write_text(_SOURCE)
        command = ["cc", "-shared", "-fPIC", "-O1", f'-DOFFSET="{self._offset}"', "-o"]
        subprocess.run([*command, str(self.library), str(source)], check=True)
        self.library.chmod(0o755)

    def set(self, ahead_s: int) -> None:
        """So many seconds ahead of the true time."""
        with open(self._offset, "r+b" if self._offset.exists() else "wb") as file:
            file.write(struct.pack("=q", ahead_s))
