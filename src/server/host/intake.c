#include "host/intake.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "host/journal.h"

/* What read_body gives for each reason of an ABORT. */
static const int error_of_abort[] = {
    [PYW_ABORT_CLIENT_GONE] = -EPIPE,
    [PYW_ABORT_TIMEOUT] = -ETIMEDOUT,
    [PYW_ABORT_TOO_LARGE] = -EFBIG,
    [PYW_ABORT_BAD_BODY] = -EBADMSG,
};

#define ABORT_COUNT (sizeof(error_of_abort) / sizeof(error_of_abort[0]))

void pyw_intake_begin(struct pyw_intake *intake, struct pyw_channel *channel,
                      bool has_body)
{
    memset(intake, 0, sizeof(*intake));
    intake->channel = channel;
    intake->unread = PYW_SPAN("");
    intake->is_body_done = !has_body;
}

static void set_error(struct pyw_intake *intake, int error)
{
    if (intake->error == 0) {
        intake->error = error;
    }
}

/* The child has closed the channel, died, or talks nonsense. */
static void lose(struct pyw_intake *intake)
{
    intake->is_lost = true;
    intake->is_gone = true;
    set_error(intake, -EPIPE);
}

static void break_off(struct pyw_intake *intake, const struct pyw_frame *frame)
{
    PYW_LOG(pyw_journal_line, NULL, CHANNEL_PROTOCOL, pyw_frame_name(frame->type));
    lose(intake);
}

static void take_abort(struct pyw_intake *intake, struct pyw_span payload)
{
    uint8_t reason = 0;

    if (pyw_frame_get_reason(payload, &reason) != 0 || reason == 0 ||
        reason >= ABORT_COUNT) {
        lose(intake);
        return;
    }
    intake->is_aborted = true;
    intake->is_gone |= reason == PYW_ABORT_CLIENT_GONE;
    if (!intake->is_body_done) {
        set_error(intake, error_of_abort[reason]);
    }
}

bool pyw_intake_is_over(const struct pyw_intake *intake)
{
    return intake->is_body_done || intake->error != 0;
}

/* Takes frames out of the inbox until there is body to copy. @return false when there
 * is none. */
static bool advance(struct pyw_intake *intake)
{
    while (intake->unread.len == 0 && !pyw_intake_is_over(intake)) {
        struct pyw_frame frame = {0};
        struct pyw_span payload;
        int rv = pyw_inbox_next(&intake->channel->inbox, &frame, &payload);

        if (rv == 0) {
            return false;
        }
        if (rv < 0) {
            break_off(intake, &frame);
        } else if (frame.type == PYW_FRAME_BODY) {
            intake->unread = payload;
            intake->is_full = false;
        } else if (frame.type == PYW_FRAME_BODY_END) {
            intake->is_body_done = true;
        } else if (frame.type == PYW_FRAME_ABORT) {
            take_abort(intake, payload);
        } else {
            break_off(intake, &frame);
        }
    }
    return intake->unread.len > 0;
}

size_t pyw_intake_take(struct pyw_intake *intake, char *buffer, size_t len)
{
    size_t taken = 0;

    while (taken < len && advance(intake)) {
        size_t part =
            len - taken < intake->unread.len ? len - taken : intake->unread.len;

        memcpy(buffer + taken, intake->unread.data, part);
        intake->unread.data += part;
        intake->unread.len -= part;
        taken += part;
    }
    return taken;
}

int pyw_intake_receive(struct pyw_intake *intake, bool may_block)
{
    ssize_t got = pyw_inbox_fill(&intake->channel->inbox, may_block ? 0 : MSG_DONTWAIT);

    if (got == -EAGAIN && !may_block) {
        return -EAGAIN;
    }
    if (got <= 0) {
        lose(intake);
    }
    return 0;
}

bool pyw_intake_may_look(const struct pyw_intake *intake)
{
    return intake->unread.len == 0 && !intake->is_full && !intake->is_lost;
}

void pyw_intake_look(struct pyw_intake *intake)
{
    struct pyw_inbox *inbox = &intake->channel->inbox;
    struct pyw_span payload;
    ssize_t got;

    if (!pyw_intake_may_look(intake)) {
        return;
    }
    got = pyw_inbox_fill(inbox, MSG_DONTWAIT);
    if (got == -EAGAIN) {
        return;
    }
    if (got == -ENOBUFS || got == -ENOMEM) {
        intake->is_full = true;
    } else if (got <= 0) {
        lose(intake);
    } else if (pyw_inbox_find(inbox, PYW_FRAME_ABORT, &payload)) {
        /* It overtakes body that nobody has read: that has lost its sense. */
        take_abort(intake, payload);
    }
}

bool pyw_intake_has_all(const struct pyw_intake *intake)
{
    return intake->is_body_done ||
           pyw_inbox_find(&intake->channel->inbox, PYW_FRAME_BODY_END, NULL);
}
