#include "supervisor/private_tmp.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

/* Each of the two may take a quarter of the machine's memory, and have as many files as
 * anybody could want. */
#define TMPFS_OPTIONS "mode=1777,size=25%,nr_inodes=1m"

/* Where making it failed, told by a byte on a pipe. */
enum stage {
    STAGE_DONE,
    STAGE_NAMESPACE,
    STAGE_PROPAGATION,
    STAGE_CHROOT,
    STAGE_TMP,
    STAGE_VAR_TMP
};

static const char *const stages[] = {
    [STAGE_DONE] = "",
    [STAGE_NAMESPACE] = "a mount namespace",
    [STAGE_PROPAGATION] = "mounts that stay within it",
    [STAGE_CHROOT] = "the way into chroot=",
    [STAGE_TMP] = "an empty /tmp",
    [STAGE_VAR_TMP] = "an empty /var/tmp",
};

struct failure {
    enum stage stage;
    int error;
};

static int mount_empty(const char *path)
{
    return mount("private-tmp", path, "tmpfs", MS_NOSUID | MS_NODEV, TMPFS_OPTIONS);
}

/* In the child. Slave, not private: what the machine mounts and unmounts elsewhere is
 * followed, or a disk could not be taken away while the group lives; nothing of ours
 * gets out. Behind chroot paths are resolved within it, whatever links lie there. */
static enum stage build(const char *root)
{
    if (unshare(CLONE_NEWNS) != 0) {
        return STAGE_NAMESPACE;
    }
    if (mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) != 0) {
        return STAGE_PROPAGATION;
    }
    if (root != NULL && (chroot(root) != 0 || chdir("/") != 0)) {
        return STAGE_CHROOT;
    }
    if (mount_empty("/tmp") != 0) {
        return STAGE_TMP;
    }
    /* A jail need not have one, and then nobody writes to it. */
    return mount_empty("/var/tmp") == 0 || errno == ENOENT ? STAGE_DONE : STAGE_VAR_TMP;
}

/* Says how it went, and keeps the namespace until the other end has been closed. */
__attribute__((noreturn)) static void be_builder(const char *root, int report, int hold)
{
    struct failure failure = {.stage = build(root)};
    char byte;

    failure.error = failure.stage != STAGE_DONE ? errno : 0;
    if (write(report, &failure, sizeof(failure)) == (ssize_t)sizeof(failure)) {
        while (read(hold, &byte, 1) < 0 && errno == EINTR) {
            /* a signal of Apache's: ours are its handlers still */
        }
    }
    _exit(EXIT_SUCCESS);
}

/* In the parent: the child's namespace, once it says that it is there. */
static int take(pid_t builder, int report, char *why, size_t why_size)
{
    struct failure failure = {STAGE_NAMESPACE, EIO};
    char path[64];
    ssize_t got;
    int fd;

    do {
        got = read(report, &failure, sizeof(failure));
    } while (got < 0 && errno == EINTR);
    if (got != (ssize_t)sizeof(failure) || failure.stage != STAGE_DONE) {
        snprintf(why, why_size, "private-tmp=On: %s could not be had: %s%s",
                 stages[failure.stage], strerror(failure.error),
                 failure.error == EPERM
                     ? "; it needs the capability CAP_SYS_ADMIN, which containers "
                       "mostly lack: leave it out, or give it to the container"
                     : "");
        return -failure.error;
    }
    snprintf(path, sizeof(path), "/proc/%d/ns/mnt", (int)builder);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        snprintf(why, why_size, "private-tmp=On: '%s' could not be opened: %s", path,
                 strerror(errno));
        return -errno;
    }
    return fd;
}

static void close_both(const int ends[2])
{
    close(ends[0]);
    close(ends[1]);
}

int pyw_private_tmp_open(const char *root, char *why, size_t why_size)
{
    int report[2];
    int hold[2];
    pid_t builder;
    int fd;

    snprintf(why, why_size, "private-tmp=On: no process could be started for it");
    if (pipe2(report, O_CLOEXEC) != 0) {
        return -errno;
    }
    if (pipe2(hold, O_CLOEXEC) != 0) {
        close_both(report);
        return -EMFILE;
    }
    builder = fork();
    if (builder == 0) {
        close(report[0]);
        close(hold[1]);
        be_builder(root, report[1], hold[0]);
    }
    close(report[1]);
    close(hold[0]);
    fd = builder < 0 ? -EAGAIN : take(builder, report[0], why, why_size);
    close(report[0]);
    close(hold[1]);
    while (builder > 0 && waitpid(builder, NULL, 0) < 0 && errno == EINTR) {
        /* it ends now that nothing holds it */
    }
    return fd;
}

int pyw_private_tmp_enter(int fd)
{
    return setns(fd, CLONE_NEWNS) == 0 ? 0 : -errno;
}
