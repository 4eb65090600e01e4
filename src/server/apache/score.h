/* score.h: snapshots of Apache's scoreboard (base/scoreboard) for
 * mod_wsgi.server_metrics(): at once in embedded mode, by way of shared memory
 * (channel/board) for groups with server-metrics=On.
 *
 * Apache children, any thread, and the parent's maintenance: about every ten seconds
 * where no request comes.
 */
#ifndef PYW_APACHE_SCORE_H
#define PYW_APACHE_SCORE_H

#include <apr_pools.h>

#include "base/scoreboard.h"
#include "channel/board.h"

/* A pyw_scoreboard_read. */
int pyw_score_read(struct pyw_writer *writer);

/* Parent, while it reads the configuration: where snapshots go from now on; NULL:
 * nowhere. */
void pyw_score_set_board(struct pyw_board *board);
/* Writes a snapshot there, unless the last is young. */
void pyw_score_refresh(void);
void pyw_score_register_hooks(apr_pool_t *pool);

#endif
