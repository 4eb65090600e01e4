#include "supervisor/speaker.h"

#include "supervisor/zygote.h"

static void log_entry(void *context, enum pyw_level level, const char *text, size_t len)
{
    const struct pyw_speaker *speaker = context;
    struct pyw_crew *crew = speaker->crew;

    if (speaker->is_starting && level < PYW_LEVEL_DEBUG) {
        pyw_tail_add(&crew->starting_tail, speaker->pid, text, len);
    }
    if (speaker->is_starting && level <= PYW_LEVEL_WARNING &&
        pyw_echo_is_repeated(&crew->said, text, len)) {
        level = PYW_LEVEL_DEBUG;
    }
    crew->log(crew->group->log_context, level, "%.*s", (int)len, text);
}

void pyw_speaker_pump(struct pyw_logpipe *output, struct pyw_speaker speaker)
{
    if (output->fd >= 0) {
        (void)pyw_logpipe_pump(output, log_entry, &speaker);
    }
}

void pyw_speaker_finish(struct pyw_logpipe *output, struct pyw_speaker speaker)
{
    pyw_speaker_pump(output, speaker);
    pyw_logpipe_close(output, log_entry, &speaker);
}

struct pyw_speaker pyw_speaker_process(struct pyw_crew *crew,
                                       const struct pyw_process *process)
{
    return (struct pyw_speaker){crew, process->pid,
                                process->state == PYW_STATE_STARTING};
}

struct pyw_speaker pyw_speaker_zygote(struct pyw_crew *crew,
                                      const struct pyw_zygote *zygote)
{
    return (struct pyw_speaker){crew, zygote->pid,
                                zygote->state == PYW_ZYGOTE_STARTING};
}
