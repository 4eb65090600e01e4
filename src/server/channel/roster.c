#include "channel/roster.h"

#include <stdatomic.h>
#include <stdint.h>
#include <string.h>

enum entry_state { ENTRY_FREE = 0, ENTRY_TAKEN = 1, ENTRY_WRITTEN = 2 };

struct entry {
    _Atomic uint32_t state;
    struct pyw_roster_entry texts;
};

struct pyw_roster {
    struct entry entries[PYW_ROSTER_ENTRIES];
};

size_t pyw_roster_size(void)
{
    return sizeof(struct pyw_roster);
}

bool pyw_roster_get(const struct pyw_roster *roster, size_t index,
                    struct pyw_roster_entry *entry)
{
    if (index >= PYW_ROSTER_ENTRIES ||
        atomic_load(&roster->entries[index].state) != ENTRY_WRITTEN) {
        return false;
    }
    *entry = roster->entries[index].texts;
    return memchr(entry->script, '\0', sizeof(entry->script)) != NULL &&
           memchr(entry->application_group, '\0', sizeof(entry->application_group)) !=
               NULL;
}

static bool is_same(const struct entry *entry, const char *script, const char *group)
{
    return strncmp(entry->texts.script, script, PYW_ROSTER_SCRIPT) == 0 &&
           strncmp(entry->texts.application_group, group, PYW_ROSTER_GROUP) == 0;
}

/* Two processes may add the same at once: then it is there twice, and loaded once. */
void pyw_roster_add(struct pyw_roster *roster, const char *script,
                    const char *application_group)
{
    size_t script_len = strlen(script);
    size_t group_len = strlen(application_group);

    if (script_len >= PYW_ROSTER_SCRIPT || group_len >= PYW_ROSTER_GROUP) {
        return;
    }
    for (size_t i = 0; i < PYW_ROSTER_ENTRIES; i++) {
        struct entry *entry = &roster->entries[i];
        uint32_t state = ENTRY_FREE;

        if (atomic_compare_exchange_strong(&entry->state, &state, ENTRY_TAKEN)) {
            memcpy(entry->texts.script, script, script_len + 1);
            memcpy(entry->texts.application_group, application_group, group_len + 1);
            atomic_store(&entry->state, ENTRY_WRITTEN);
            return;
        }
        if (state == ENTRY_WRITTEN && is_same(entry, script, application_group)) {
            return;
        }
    }
}

bool pyw_roster_has(const struct pyw_roster *roster, const char *script,
                    const char *application_group)
{
    for (size_t i = 0; i < PYW_ROSTER_ENTRIES; i++) {
        const struct entry *entry = &roster->entries[i];

        if (atomic_load(&entry->state) == ENTRY_WRITTEN &&
            is_same(entry, script, application_group)) {
            return true;
        }
    }
    return false;
}

void pyw_roster_copy(struct pyw_roster *to, const struct pyw_roster *from)
{
    for (size_t i = 0; i < PYW_ROSTER_ENTRIES; i++) {
        if (atomic_load(&from->entries[i].state) == ENTRY_WRITTEN) {
            to->entries[i].texts = from->entries[i].texts;
            atomic_store(&to->entries[i].state, ENTRY_WRITTEN);
        }
    }
}
