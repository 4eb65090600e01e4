#include "supervisor/identity.h"

#include <errno.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Higher than any capability a kernel has; PR_CAPBSET_DROP says EINVAL past the last.
 */
#define CAPABILITIES_MAX 64
#define CAPABILITY_VERSION_3 0x20080522

/* "#123" as a number. @return 0 or -ENOENT. */
static int parse_number(const char *text, unsigned *number)
{
    char *end = NULL;
    unsigned long value;

    if (text[0] != '#' || text[1] < '0' || text[1] > '9') {
        return -ENOENT;
    }
    errno = 0;
    value = strtoul(text + 1, &end, 10);
    if (*end != '\0' || errno != 0 || value >= UINT_MAX) {
        return -ENOENT;
    }
    *number = (unsigned)value;
    return 0;
}

int pyw_identity_find_user(const char *text, uid_t *uid)
{
    const struct passwd *entry;

    if (text[0] == '#') {
        return parse_number(text, uid);
    }
    entry = getpwnam(text);
    if (entry == NULL) {
        return -ENOENT;
    }
    *uid = entry->pw_uid;
    return 0;
}

int pyw_identity_find_group(const char *text, gid_t *gid)
{
    const struct group *entry;

    if (text[0] == '#') {
        return parse_number(text, gid);
    }
    entry = getgrnam(text);
    if (entry == NULL) {
        return -ENOENT;
    }
    *gid = entry->gr_gid;
    return 0;
}

static int add_group(struct pyw_identity *identity, gid_t gid)
{
    for (size_t i = 0; i < identity->group_count; i++) {
        if (identity->groups[i] == gid) {
            return 0;
        }
    }
    if (identity->group_count == PYW_IDENTITY_GROUPS) {
        return -E2BIG;
    }
    identity->groups[identity->group_count++] = gid;
    return 0;
}

/* The comma list of supplementary-groups=. */
static int add_listed_groups(struct pyw_identity *identity, const char *list, char *why,
                             size_t why_size)
{
    char name[256];

    while (*list != '\0') {
        size_t len = strcspn(list, ",");
        gid_t gid;

        if (len == 0 || len >= sizeof(name)) {
            snprintf(why, why_size,
                     "supplementary-groups= has an empty or overlong name");
            return -EINVAL;
        }
        memcpy(name, list, len);
        name[len] = '\0';
        if (pyw_identity_find_group(name, &gid) != 0) {
            snprintf(why, why_size, "there is no group '%s' (supplementary-groups=)",
                     name);
            return -ENOENT;
        }
        if (add_group(identity, gid) != 0) {
            snprintf(why, why_size, "more than %d supplementary groups",
                     PYW_IDENTITY_GROUPS);
            return -E2BIG;
        }
        list += len + (list[len] == ',' ? 1 : 0);
    }
    return 0;
}

static int add_own_groups(struct pyw_identity *identity, char *why, size_t why_size)
{
    gid_t own[PYW_IDENTITY_GROUPS];
    int count = PYW_IDENTITY_GROUPS;

    if (getgrouplist(identity->name, identity->gid, own, &count) < 0) {
        snprintf(why, why_size, "user '%s' is in more than %d groups", identity->name,
                 PYW_IDENTITY_GROUPS);
        return -E2BIG;
    }
    for (int i = 0; i < count; i++) {
        (void)add_group(identity, own[i]); /* as large as `own` */
    }
    return 0;
}

int pyw_identity_complete(struct pyw_identity *identity, const char *supplementary,
                          char *why, size_t why_size)
{
    const struct passwd *entry = getpwuid(identity->uid);

    snprintf(identity->home, sizeof(identity->home), "%s",
             entry != NULL ? entry->pw_dir : "/");
    if (entry != NULL) {
        snprintf(identity->name, sizeof(identity->name), "%s", entry->pw_name);
    } else {
        snprintf(identity->name, sizeof(identity->name), "%u", (unsigned)identity->uid);
    }
    identity->group_count = 0;
    (void)add_group(identity, identity->gid);
    if (supplementary != NULL) {
        return add_listed_groups(identity, supplementary, why, why_size);
    }
    return entry != NULL ? add_own_groups(identity, why, why_size) : 0;
}

/* What no program executed from here on can get back. */
static int bound_capabilities(void)
{
    for (int capability = 0; capability < CAPABILITIES_MAX; capability++) {
        if (prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) != 0) {
            /* EINVAL: past the last one. EPERM: a container that may not change the
             * set, where the change of user and no_new_privs still take all
             * capabilities away. */
            return errno == EINVAL || errno == EPERM ? 0 : -errno;
        }
    }
    return 0;
}

/* All that the process has: a change of user takes most of them, but not where a
 * service manager set "keep capabilities", and none changes where Apache is no root but
 * was given some, such as for port 80. */
static int drop_capabilities(void)
{
    /* capset(2); the header that declares it is not installed everywhere. */
    struct {
        uint32_t version;
        int pid; /* 0: this process */
    } whose = {.version = CAPABILITY_VERSION_3, .pid = 0};
    struct {
        uint32_t effective;
        uint32_t permitted;
        uint32_t inheritable;
    } none[2] = {{0, 0, 0}, {0, 0, 0}};

    if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) != 0 &&
        errno != EINVAL) {
        return -errno;
    }
    return syscall(SYS_capset, &whose, none) == 0 ? 0 : -errno;
}

/* True when the process is that user and group and no other, in all three ids. */
static bool is_now(const struct pyw_identity *identity)
{
    uid_t uids[3];
    gid_t gids[3];

    if (getresuid(&uids[0], &uids[1], &uids[2]) != 0 ||
        getresgid(&gids[0], &gids[1], &gids[2]) != 0) {
        return false;
    }
    for (int i = 0; i < 3; i++) {
        if (uids[i] != identity->uid || gids[i] != identity->gid) {
            return false;
        }
    }
    return true;
}

int pyw_identity_apply(const struct pyw_identity *identity)
{
    int rv;

    if (identity->is_changed) {
        rv = bound_capabilities();
        if (rv != 0) {
            return rv;
        }
        if (setgroups(identity->group_count, identity->groups) != 0 ||
            setresgid(identity->gid, identity->gid, identity->gid) != 0 ||
            setresuid(identity->uid, identity->uid, identity->uid) != 0) {
            return -errno;
        }
        if (!is_now(identity)) {
            return -EPERM;
        }
    }
    rv = drop_capabilities();
    if (rv != 0) {
        return rv;
    }
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 ? 0 : -errno;
}
