/* identity.h: the user, groups and home directory that a daemon process runs with.
 *
 * Resolved in the Apache parent while the configuration is read (name service, may
 * block); applied in the forked child by spawn's step list, where nothing may fail
 * silently.
 */
#ifndef PYW_SUPERVISOR_IDENTITY_H
#define PYW_SUPERVISOR_IDENTITY_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define PYW_IDENTITY_GROUPS 128

struct pyw_identity {
    bool is_changed; /* false: the process stays what its parent is */
    uid_t uid;
    gid_t gid;
    size_t group_count;
    gid_t groups[PYW_IDENTITY_GROUPS]; /* supplementary, gid among them */
    char name[64];                     /* of the user; its number when it has none */
    char home[1024];                   /* "/" when it has none */
};

/* A user or group by name or `#number`. @return 0 or -ENOENT. */
int pyw_identity_find_user(const char *text, uid_t *uid);
int pyw_identity_find_group(const char *text, gid_t *gid);

/* Fills in name, home and supplementary groups of a uid and gid: those of
 * `supplementary` (a comma list) when given, else the user's own. @return 0, or -errno
 * with a sentence in `why`. */
int pyw_identity_complete(struct pyw_identity *identity, const char *supplementary,
                          char *why, size_t why_size);

/* Becomes that identity for good. Called once, in a forked child. @return 0 or -errno;
 * after an error the process must end. */
int pyw_identity_apply(const struct pyw_identity *identity);

#endif
