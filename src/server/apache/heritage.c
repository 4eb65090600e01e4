#include "apache/heritage.h"

#include <httpd.h>
#include <apr_portable.h>
#include <fcntl.h>
#include <http_config.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* With the layout of `struct kept`: another version of the module looks elsewhere. */
#define RETAINED_KEY "pywsgi-heritage-" PYW_VERSION

/* One group. Everything is malloc'ed. */
struct kept {
    struct kept *next;
    char *name;
    char *chroot; /* NULL: none */
    struct pyw_identity identity;
    unsigned char secret[PYW_FRAME_SECRET_LEN];
    uint32_t slots;
    char **socket_paths;
    int table_fd;
    int heirs_fd; /* of the log pool's, until it is claimed */
};

static struct kept **list(void)
{
    struct kept **kept = ap_retained_data_get(RETAINED_KEY);

    return kept != NULL ? kept : ap_retained_data_create(RETAINED_KEY, sizeof(*kept));
}

static void close_fd(int fd)
{
    if (fd >= 0) {
        close(fd);
    }
}

static void free_paths(char **paths, uint32_t slots)
{
    for (uint32_t slot = 0; paths != NULL && slot < slots; slot++) {
        free(paths[slot]);
    }
    free(paths);
}

static void free_kept(struct kept *kept)
{
    close_fd(kept->table_fd);
    close_fd(kept->heirs_fd);
    free_paths(kept->socket_paths, kept->slots);
    free(kept->name);
    free(kept->chroot);
    free(kept);
}

static char **copy_paths(const struct pyw_group *group)
{
    char **paths = calloc(group->slots, sizeof(*paths));

    for (uint32_t slot = 0; paths != NULL && slot < group->slots; slot++) {
        paths[slot] = strdup(group->socket_paths[slot]);
        if (paths[slot] == NULL) {
            free_paths(paths, slot);
            return NULL;
        }
    }
    return paths;
}

/* A copy that the pool closes, by code of APR's, as this module's may have gone by
 * then.
 * @return -1: there is none. */
static int copy_into(apr_pool_t *pool, int fd)
{
    int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    apr_file_t *file;

    if (copy >= 0 && apr_os_pipe_put_ex(&file, &copy, 1, pool) != APR_SUCCESS) {
        close(copy);
        return -1;
    }
    return copy;
}

/* Without memory or descriptors a group is not kept: its requests wait for the new one.
 */
static void keep(const struct pyw_group *group, int heirs_fd, apr_pool_t *plog)
{
    const char *root = group->setup.options.chroot;
    struct kept *kept = calloc(1, sizeof(*kept));

    if (kept == NULL) {
        return;
    }
    kept->name = strdup(group->name);
    kept->chroot = root != NULL ? strdup(root) : NULL;
    kept->identity = group->identity;
    memcpy(kept->secret, group->setup.secret, sizeof(kept->secret));
    kept->slots = group->slots;
    kept->socket_paths = copy_paths(group);
    kept->table_fd = fcntl(group->table_fd, F_DUPFD_CLOEXEC, 0);
    kept->heirs_fd = copy_into(plog, heirs_fd);
    if (kept->name == NULL || (root != NULL && kept->chroot == NULL) ||
        kept->socket_paths == NULL || kept->table_fd < 0 || kept->heirs_fd < 0) {
        kept->heirs_fd = -1; /* the pool's */
        free_kept(kept);
        return;
    }
    kept->next = *list();
    *list() = kept;
}

void pyw_heritage_leave(const struct pyw_supervisor_plan *plan, int heirs_fd,
                        apr_pool_t *plog)
{
    for (size_t i = 0; i < plan->group_count; i++) {
        struct pyw_group *group = plan->groups[i];

        if (pyw_setup_is_service(&group->setup)) {
            continue; /* nobody sends it requests */
        }
        if (group->before != NULL && !pyw_group_serves(group) &&
            pyw_group_serves(group->before)) {
            /* It did not come up in its time: the one before it still has to do. */
            keep(group->before, group->before->heirs_fd, plog);
            pyw_table_supersede(group->table);
        } else {
            keep(group, heirs_fd, plog);
        }
    }
}

void pyw_heritage_claim(void)
{
    struct kept **kept = list();

    while (*kept != NULL) {
        struct kept *one = *kept;

        one->heirs_fd = fcntl(one->heirs_fd, F_DUPFD_CLOEXEC, 0);
        if (one->heirs_fd >= 0) {
            kept = &one->next;
        } else {
            *kept = one->next;
            free_kept(one);
        }
    }
}

static bool is_same_text(const char *a, const char *b)
{
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

/* Another user's process must not run what this group's user is to run. */
static bool is_same(const struct kept *kept, const struct pyw_group *group)
{
    const struct pyw_identity *a = &kept->identity;
    const struct pyw_identity *b = &group->identity;

    return strcmp(kept->name, group->name) == 0 && a->uid == b->uid &&
           a->gid == b->gid && a->group_count == b->group_count &&
           memcmp(a->groups, b->groups, a->group_count * sizeof(a->groups[0])) == 0 &&
           is_same_text(kept->chroot, group->setup.options.chroot);
}

static struct kept *find(const struct pyw_group *group, struct kept ***link)
{
    for (*link = list(); **link != NULL; *link = &(**link)->next) {
        if (is_same(**link, group)) {
            return **link;
        }
    }
    return NULL;
}

struct pyw_group *pyw_heritage_take(apr_pool_t *pool, const struct pyw_group *group)
{
    struct kept **link;
    struct kept *kept = find(group, &link);
    struct pyw_group *before;

    if (kept == NULL) {
        return NULL;
    }
    before = apr_pcalloc(pool, sizeof(*before));
    if (pyw_table_open(kept->table_fd, &before->table) != 0 ||
        pyw_table_slots(before->table) != kept->slots) {
        pyw_table_close(before->table);
        return NULL; /* of another version of the module */
    }
    *link = kept->next;
    before->name = group->name;
    before->setup.group = group->name;
    before->setup.options = group->setup.options;
    before->identity = kept->identity;
    memcpy(before->setup.secret, kept->secret, sizeof(kept->secret));
    before->slots = kept->slots;
    before->socket_paths = kept->socket_paths;
    before->table_fd = kept->table_fd;
    before->heirs_fd = kept->heirs_fd;
    kept->socket_paths = NULL;
    kept->table_fd = kept->heirs_fd = -1;
    free_kept(kept);
    return before;
}

void pyw_heritage_settle(void)
{
    struct kept **kept = list();

    while (*kept != NULL) {
        struct kept *one = *kept;
        struct pyw_group gone = {.slots = 0, .heirs_fd = one->heirs_fd};

        *kept = one->next;
        if (pyw_table_open(one->table_fd, &gone.table) == 0) {
            pyw_group_supersede(&gone);
            one->heirs_fd = -1;
            pyw_table_close(gone.table);
        }
        free_kept(one);
    }
}
