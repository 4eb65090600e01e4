/* score.h: snapshots of Apache's scoreboard (base/scoreboard) for
 * mod_wsgi.server_metrics(): at once in embedded mode, by way of shared memory
 * (channel/board) for groups with server-metrics=On.
 *
 * Apache children, any thread.
 */
#ifndef PYW_APACHE_SCORE_H
#define PYW_APACHE_SCORE_H

#include "base/scoreboard.h"

/* A pyw_scoreboard_read. */
int pyw_score_read(struct pyw_writer *writer);

#endif
