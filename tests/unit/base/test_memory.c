/* What a process may have: limits of made-up cgroups; and what it has. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/memory.h"
#include "suite.h"

#define MIB (INT64_C(1024) * 1024)

static char root[PATH_MAX];

/* A file below `root`, with the folders that lead to it. */
static void put(const char *name, const char *text)
{
    char command[2 * PATH_MAX + 256];

    snprintf(command, sizeof(command),
             "mkdir -p \"$(dirname '%s%s')\" && printf '%s' > '%s%s'", root, name, text,
             root, name);
    ck_assert_int_eq(system(command), 0);
}

static void begin(const char *cgroup)
{
    strcpy(root, "/tmp/pywsgi-memory-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(root));
    put("/proc/self/cgroup", cgroup);
}

static int64_t allowed(void)
{
    int64_t bytes = pyw_memory_allowed(root);
    char command[PATH_MAX + 16];

    snprintf(command, sizeof(command), "rm -r '%s'", root);
    ck_assert_int_eq(system(command), 0);
    return bytes;
}

static int64_t physical(void)
{
    return (int64_t)sysconf(_SC_PHYS_PAGES) * sysconf(_SC_PAGESIZE);
}

START_TEST(the_machine)
{
    ck_assert_int_eq(pyw_memory_allowed("/nowhere"), physical());
    begin("0::/a/b\\n");
    ck_assert_int_eq(allowed(), physical());
}
END_TEST

START_TEST(v2)
{
    begin("0::/a/b/c\\n");
    put("/sys/fs/cgroup/a/b/c/memory.max", "max\\n");
    put("/sys/fs/cgroup/a/b/memory.max", "50331648\\n");
    put("/sys/fs/cgroup/a/memory.max", "104857600\\n");
    ck_assert_int_eq(allowed(), 48 * MIB);
}
END_TEST

START_TEST(the_process_s_own)
{
    begin("0::/a/b\\n");
    put("/sys/fs/cgroup/a/b/memory.max", "20971520\\n");
    put("/sys/fs/cgroup/a/memory.max", "104857600\\n");
    ck_assert_int_eq(allowed(), 20 * MIB);
}
END_TEST

START_TEST(in_a_container)
{
    begin("0::/\\n");
    put("/sys/fs/cgroup/memory.max", "104857600\\n");
    ck_assert_int_eq(allowed(), 100 * MIB);
}
END_TEST

START_TEST(v1)
{
    begin("3:cpu,cpuacct:/c\\n2:hugetlb,memory:/a/b\\n1:name=systemd:/d\\n");
    put("/sys/fs/cgroup/memory/a/b/memory.limit_in_bytes", "9223372036854771712\\n");
    put("/sys/fs/cgroup/memory/a/memory.limit_in_bytes", "73400320\\n");
    put("/sys/fs/cgroup/memory/c/memory.limit_in_bytes", "1\\n");
    ck_assert_int_eq(allowed(), 70 * MIB);
}
END_TEST

/* The paths are the host's, the mount shows the container's own. */
START_TEST(v1_in_a_container)
{
    begin("2:memory:/docker/0123\\n");
    put("/sys/fs/cgroup/memory/memory.limit_in_bytes", "73400320\\n");
    ck_assert_int_eq(allowed(), 70 * MIB);
}
END_TEST

START_TEST(what_is_no_cgroup)
{
    begin("nonsense\\n0:\\n::\\n7:memory\\n");
    put("/sys/fs/cgroup/memory.max", "zero\\n");
    ck_assert_int_eq(allowed(), physical());
}
END_TEST

START_TEST(what_it_has)
{
    int64_t before = pyw_memory_resident();
    void *own = mmap(NULL, 64 * MIB, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    void *shared =
        mmap(NULL, 64 * MIB, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    ck_assert_int_gt(before, 0);
    memset(shared, 1, 64 * MIB);
    ck_assert_int_lt(pyw_memory_resident(), before + 32 * MIB);
    memset(own, 1, 64 * MIB);
    ck_assert_int_gt(pyw_memory_resident(), before + 48 * MIB);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {the_machine,       v2,          the_process_s_own,
                                  in_a_container,    v1,          v1_in_a_container,
                                  what_is_no_cgroup, what_it_has, NULL};

    return suite_run("memory", tests);
}
