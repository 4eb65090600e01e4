#include "supervisor/realm.h"

#include <string.h>

struct pyw_crew *pyw_realm_find(const struct pyw_realm *realm, const char *group)
{
    for (size_t i = 0; i < realm->plan->group_count; i++) {
        if (strcmp(realm->crews[i].group->name, group) == 0) {
            return &realm->crews[i];
        }
    }
    return NULL;
}

static bool has_process(const struct pyw_crew *crew, const struct pyw_process *met)
{
    for (uint32_t slot = 0; slot < crew->group->slots; slot++) {
        if (&crew->processes[slot] != met && crew->processes[slot].pid == met->pid) {
            return true;
        }
    }
    return false;
}

static bool has_zygote(const struct pyw_crew *crew, pid_t pid)
{
    for (size_t i = 0; i < PYW_ZYGOTES_MAX; i++) {
        if (crew->zygotes.all[i].pid == pid) {
            return true;
        }
    }
    return false;
}

bool pyw_realm_has_another(const struct pyw_realm *realm, const struct pyw_process *met)
{
    for (size_t i = 0; i < realm->plan->group_count; i++) {
        if (has_process(&realm->crews[i], met) ||
            has_zygote(&realm->crews[i], met->pid)) {
            return true;
        }
    }
    return false;
}
