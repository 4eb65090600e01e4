#include "host/pacing.h"

/* In two looks of a window: what is not by chance. */
#define SOME (PYW_PACING_LOOKS / 4)
/* In all but one. */
#define MOST (PYW_PACING_LOOKS - 1)
/* Windows. */
#define PAUSE_LEAST 4
#define PAUSE_MOST 64
/* A thread of the application's own that computes takes turns with those who are out:
 * the more they are, the more of them get one. So long it is taken for granted. */
#define ELSEWHERE_HOLDS 16

void pyw_pacing_init(struct pyw_pacing *pacing, uint32_t threads)
{
    *pacing = (struct pyw_pacing){.threads = threads,
                                  .limit = threads,
                                  .trial_pause = PAUSE_LEAST,
                                  .cut_pause = 1};
}

static uint32_t longer(uint32_t pause)
{
    return pause * 2 < PAUSE_MOST ? pause * 2 : PAUSE_MOST;
}

static void raise_by(struct pyw_pacing *pacing, uint32_t more, bool is_trial)
{
    uint32_t room = pacing->threads - pacing->limit;

    pacing->limit += more < room ? more : room;
    if (!is_trial) {
        pacing->trial_pause = PAUSE_LEAST;
    }
    if (pacing->was_cut && !is_trial) {
        pacing->cut_pause = longer(pacing->cut_pause);
        pacing->cut_in = pacing->cut_pause;
    }
    pacing->was_cut = false;
}

/* `is_sure`: so many do nothing but wait for the GIL. */
static void lower_by(struct pyw_pacing *pacing, uint32_t less, bool is_sure)
{
    if (!is_sure && pacing->cut_in > 0) {
        pacing->cut_in--;
        return;
    }
    pacing->trial_in = pacing->trial_pause;
    pacing->trial_pause = longer(pacing->trial_pause);
    pacing->was_cut = !is_sure;
    pacing->limit = pacing->limit > less ? pacing->limit - less : 1;
}

/* Perhaps those who are out need no GIL for what they compute. */
static void try_one_more(struct pyw_pacing *pacing)
{
    if (pacing->trial_in > 0) {
        pacing->trial_in--;
    } else if (pacing->limit < pacing->threads) {
        raise_by(pacing, 1, true);
    }
}

bool pyw_pacing_is_ample(const struct pyw_pacing *pacing,
                         const struct pyw_pacing_window *seen)
{
    return pacing->limit > 1 && seen->spare > 0 && seen->lasting < SOME;
}

void pyw_pacing_step(struct pyw_pacing *pacing, const struct pyw_pacing_window *seen)
{
    uint32_t surplus = seen->wanting / PYW_PACING_LOOKS;

    if (seen->elsewhere >= PYW_PACING_LOOKS / 2) {
        raise_by(pacing, pacing->threads, false);
        pacing->held_for = ELSEWHERE_HOLDS;
    } else if (pacing->held_for > 0) {
        pacing->held_for--;
    } else if (seen->idle >= SOME && seen->wanting < SOME) {
        raise_by(pacing, (pacing->limit + 1) / 2, false);
    } else if (seen->idle == 0 && seen->wanting >= SOME && pacing->limit > 1) {
        lower_by(pacing, surplus > 0 ? surplus : 1, surplus > 0);
    } else if (pyw_pacing_is_ample(pacing, seen) && !seen->is_coarse) {
        lower_by(pacing, seen->spare, false);
    } else if (seen->held >= MOST && seen->wanting < SOME) {
        try_one_more(pacing);
    }
}

void pyw_pacing_stalled(struct pyw_pacing *pacing)
{
    raise_by(pacing, pacing->limit, false);
}

void pyw_pacing_has_long(struct pyw_pacing *pacing)
{
    raise_by(pacing, pacing->threads, false);
}
