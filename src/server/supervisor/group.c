#include "supervisor/group.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "channel/socket.h"

static int make_secret(struct pyw_group *group, char *why, size_t why_size)
{
    unsigned char *secret = group->setup.secret;

    if (getrandom(secret, PYW_FRAME_SECRET_LEN, 0) != PYW_FRAME_SECRET_LEN) {
        snprintf(why, why_size, "no random numbers: %s", strerror(errno));
        return -EIO;
    }
    return 0;
}

static int open_listener(struct pyw_group *group, uint32_t slot, const char *dir,
                         const char *name, uid_t owner)
{
    char path[PATH_MAX];
    int fd;

    if (snprintf(path, sizeof(path), "%s/%s.%u", dir, name, slot) >=
        (int)sizeof(path)) {
        return -ENAMETOOLONG;
    }
    fd = pyw_socket_listen(path, (int)group->setup.options.listen_backlog, owner);
    if (fd < 0) {
        return fd;
    }
    group->listeners[slot] = fd;
    group->socket_paths[slot] = strdup(path);
    return group->socket_paths[slot] != NULL ? 0 : -ENOMEM;
}

/* What to do about that error of a socket. */
static const char *advice(int rv)
{
    switch (rv) {
    case -ENAMETOOLONG:
        return "; set WSGISocketPrefix to a shorter path";
    case -EMFILE:
        return "; a group needs two sockets for each of its processes: raise the limit "
               "of open files (ulimit -n, LimitNOFILE=), or lower processes=";
    default:
        return "";
    }
}

static int open_listeners(struct pyw_group *group, const char *dir, const char *name,
                          uid_t owner, char *why, size_t why_size)
{
    group->listeners = malloc(group->slots * sizeof(*group->listeners));
    group->socket_paths = calloc(group->slots, sizeof(*group->socket_paths));
    if (group->listeners == NULL || group->socket_paths == NULL) {
        return -ENOMEM;
    }
    for (uint32_t slot = 0; slot < group->slots; slot++) {
        group->listeners[slot] = -1;
    }
    for (uint32_t slot = 0; slot < group->slots; slot++) {
        int rv = open_listener(group, slot, dir, name, owner);

        if (rv != 0) {
            snprintf(why, why_size, "its socket in '%s' could not be made: %s%s", dir,
                     strerror(-rv), advice(rv));
            return rv;
        }
    }
    return 0;
}

int pyw_group_open(struct pyw_group *group, const char *dir, const char *name,
                   uid_t socket_owner, char *why, size_t why_size)
{
    int rv = make_secret(group, why, why_size);

    if (rv != 0) {
        return rv;
    }
    rv = pyw_table_create(group->slots, group->cells, &group->table, &group->table_fd);
    if (rv != 0) {
        snprintf(why, why_size, "its group table could not be made: %s", strerror(-rv));
        return rv;
    }
    pyw_table_set_size(group->table, (uint32_t)group->setup.options.processes_least,
                       (uint32_t)group->setup.options.threads);
    return pyw_setup_is_service(&group->setup)
               ? 0
               : open_listeners(group, dir, name, socket_owner, why, why_size);
}

static void close_slot(struct pyw_group *group, uint32_t slot, bool unlink_sockets)
{
    if (group->listeners != NULL && group->listeners[slot] >= 0) {
        close(group->listeners[slot]);
    }
    if (group->socket_paths != NULL && group->socket_paths[slot] != NULL) {
        if (unlink_sockets) {
            (void)unlink(
                group->socket_paths[slot]); /* nothing to be done where it is gone */
        }
        free(group->socket_paths[slot]);
    }
}

static void close_before(struct pyw_group *before)
{
    if (before->heirs_fd >= 0) {
        close(before->heirs_fd);
        before->heirs_fd = -1;
    }
    pyw_group_close(before, false);
}

bool pyw_group_serves(const struct pyw_group *group)
{
    return pyw_table_count(group->table, PYW_STATE_READY) > 0;
}

void pyw_group_supersede(struct pyw_group *before)
{
    if (before->heirs_fd < 0) {
        return;
    }
    pyw_table_supersede(before->table);
    (void)!write(before->heirs_fd, "r", 1); /* full or broken: it looks by itself */
    close(before->heirs_fd);
    before->heirs_fd = -1;
}

void pyw_group_close(struct pyw_group *group, bool unlink_sockets)
{
    if (group->before != NULL) {
        close_before(group->before);
        group->before = NULL;
    }
    if (group->tmp_fd > 0) {
        close(group->tmp_fd);
        group->tmp_fd = 0;
    }
    for (uint32_t slot = 0; slot < group->slots; slot++) {
        close_slot(group, slot, unlink_sockets);
    }
    free(group->listeners);
    free(group->socket_paths);
    group->listeners = NULL;
    group->socket_paths = NULL;
    if (group->table != NULL) {
        pyw_table_close(group->table);
        close(group->table_fd);
        group->table = NULL;
    }
}
