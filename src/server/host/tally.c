#include "host/tally.h"

void pyw_tally_answer(const struct pyw_host *host, struct pyw_channel *channel,
                      bool is_over)
{
    channel->shared.is_over = is_over;
    if (is_over) {
        pyw_tally_finish(host, channel);
    } else if (!channel->shared.is_answering) {
        channel->shared.is_answering = true;
        pyw_table_begin_answer(host->table, host->setup->slot);
    }
}

void pyw_tally_cut(struct pyw_host *host, struct pyw_channel *channel)
{
    atomic_fetch_add(&host->stuck, 1);
    pyw_tally_finish(host, channel);
}

void pyw_tally_finish(const struct pyw_host *host, struct pyw_channel *channel)
{
    if (channel->shared.is_answering) {
        channel->shared.is_answering = false;
        pyw_table_end_answer(host->table, host->setup->slot);
    }
}
