/* speaker.h: what processes write to their output, on its way to the server's log: the
 * last words of one that starts are kept for whoever asks why it did not, and what was
 * said by starts before is no news.
 *
 * Supervisor process, its only thread.
 */
#ifndef PYW_SUPERVISOR_SPEAKER_H
#define PYW_SUPERVISOR_SPEAKER_H

#include "supervisor/crew.h"

struct pyw_speaker {
    struct pyw_crew *crew;
    pid_t pid;
    bool is_starting;
};

struct pyw_speaker pyw_speaker_process(struct pyw_crew *crew,
                                       const struct pyw_process *process);
struct pyw_speaker pyw_speaker_zygote(struct pyw_crew *crew,
                                      const struct pyw_zygote *zygote);

/* Writes what has been said to the log. */
void pyw_speaker_pump(struct pyw_logpipe *output, struct pyw_speaker speaker);
/* Likewise its last words; closes. */
void pyw_speaker_finish(struct pyw_logpipe *output, struct pyw_speaker speaker);

#endif
