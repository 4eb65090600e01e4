/* board.h: shared memory for snapshots of Apache's scoreboard (base/scoreboard), one
 * per configuration, made only where a group has server-metrics=On. Apache's children
 * write to it; the daemons of such groups, which run application code, get it
 * read-only: the kernel refuses them any other mapping.
 *
 * A snapshot that is written while it is read is read again.
 */
#ifndef PYW_CHANNEL_BOARD_H
#define PYW_CHANNEL_BOARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"

struct pyw_board; /* a mapping */

/* Parent; `fd` is for the daemons. Takes memory as it is used. @return 0 or -errno. */
int pyw_board_create(size_t capacity, struct pyw_board **board, int *fd);
/* Daemon. @return 0; -EPROTO: it is none; -errno. */
int pyw_board_open(int fd, struct pyw_board **board);
void pyw_board_close(struct pyw_board *board); /* NULL is fine */

/* Apache child: whether the snapshot is older than that and it is for the caller to
 * write another: true for one caller at a time, until it publishes. */
bool pyw_board_claim(struct pyw_board *board, int64_t now_ms, int64_t age_ms);
/* The claimant's snapshot; nothing, where it could not make one or it does not fit. */
void pyw_board_publish(struct pyw_board *board, int64_t now_ms, struct pyw_span bytes);

/* Daemon: appends the snapshot. @return 0; -EAGAIN: there is none yet; -EBUSY: somebody
 * died while writing it; -EPROTO; -ENOMEM. */
int pyw_board_read(const struct pyw_board *board, struct pyw_writer *writer);

#endif
