#include "channel/vitals.h"

#include <stdatomic.h>
#include <stddef.h>
#include <sys/mman.h>

struct pyw_vitals {
    _Atomic int64_t beat_ms; /* 0: none yet, or it has ended */
    atomic_bool is_stopping;
};

struct pyw_vitals *pyw_vitals_create(void)
{
    void *memory = mmap(NULL, sizeof(struct pyw_vitals), PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    return memory != MAP_FAILED ? memory : NULL; /* all zero */
}

void pyw_vitals_close(struct pyw_vitals *vitals)
{
    if (vitals != NULL) {
        munmap(vitals, sizeof(*vitals));
    }
}

void pyw_vitals_clear(struct pyw_vitals *vitals)
{
    atomic_store(&vitals->beat_ms, 0);
    atomic_store(&vitals->is_stopping, false);
}

void pyw_vitals_beat(struct pyw_vitals *vitals, int64_t now_ms, bool is_stopping)
{
    if (vitals != NULL) {
        atomic_store(&vitals->is_stopping, is_stopping);
        atomic_store(&vitals->beat_ms, now_ms);
    }
}

bool pyw_vitals_is_alive(const struct pyw_vitals *vitals, int64_t now_ms)
{
    int64_t beat_ms = atomic_load(&vitals->beat_ms);

    return beat_ms != 0 && now_ms - beat_ms <= PYW_VITALS_STALE_MS;
}

bool pyw_vitals_is_stopping(const struct pyw_vitals *vitals)
{
    return atomic_load(&vitals->is_stopping);
}
