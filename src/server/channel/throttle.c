#include "channel/throttle.h"

#include "base/clock.h"

bool pyw_throttle_may_say(struct pyw_throttle *throttle)
{
    int64_t now_ms = pyw_clock_now_ms();
    int64_t last_ms = atomic_load(&throttle->said_ms);

    if (last_ms > 0 && now_ms >= last_ms && now_ms - last_ms < PYW_THROTTLE_MS) {
        return false;
    }
    return atomic_compare_exchange_strong(&throttle->said_ms, &last_ms, now_ms);
}

bool pyw_throttle_note(struct pyw_throttle *throttle)
{
    if (atomic_load(&throttle->unsaid) == 0 && pyw_throttle_may_say(throttle)) {
        return true;
    }
    atomic_fetch_add(&throttle->unsaid, 1);
    return false;
}

uint32_t pyw_throttle_due(struct pyw_throttle *throttle)
{
    if (atomic_load_explicit(&throttle->unsaid, memory_order_relaxed) == 0 ||
        !pyw_throttle_may_say(throttle)) {
        return 0;
    }
    return atomic_exchange(&throttle->unsaid, 0);
}
