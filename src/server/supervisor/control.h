/* control.h: the connections of the control socket (docs/control.md): takes a line from
 * each, has it served, and writes the answer, one JSON document, with descriptors where
 * the answer has any.
 *
 * Only root and the user that the server runs as are heard. Nothing here waits: a
 * client that is slow to write or to read, or writes too much, loses its connection and
 * holds up nobody.
 *
 * Supervisor process, its only thread.
 */
#ifndef PYW_SUPERVISOR_CONTROL_H
#define PYW_SUPERVISOR_CONTROL_H

#include <poll.h>

#include "base/bytes.h"
#include "base/command.h"
#include "supervisor/process.h"

/* At a time; further clients wait for one of them to end. */
#define PYW_CONTROL_CONNECTIONS 16
/* Entries that pyw_control_fill fills in. */
#define PYW_CONTROL_POLLED (PYW_CONTROL_CONNECTIONS + 1)
/* For a client to write its line, or to take some of its answer. */
#define PYW_CONTROL_PATIENCE_MS 10000

struct pyw_control;

/* A command, and the answer to it as it grows. */
struct pyw_call {
    struct pyw_command command;
    bool is_begun;   /* for the one who serves it: false at first */
    int64_t came_ms; /* clock.h */
    struct pyw_writer answer;
    int *fds; /* go along with the answer, in this order; the call's */
    size_t fd_count;
};

/* Serves a command: called when it has come and then once each round, until it says
 * true: the answer is complete. Not called any more for a client that has gone. */
typedef bool pyw_control_serve(void *context, struct pyw_call *call);

/* Keeps an open descriptor for the answer. @return false: no memory; `fd` stays the
 * caller's. */
bool pyw_call_add_fd(struct pyw_call *call, int fd);

/* `listener`, non-blocking, stays the caller's; -1: no socket, and nothing is done.
 * @return NULL: no memory. */
struct pyw_control *pyw_control_create(int listener, pyw_supervisor_log *log,
                                       pyw_control_serve *serve, void *context);
void pyw_control_destroy(struct pyw_control *control); /* NULL is fine */
/* Takes no further clients; those that are there get their answers. The descriptor
 * stays open. */
void pyw_control_close_listener(struct pyw_control *control);

/* Fills in PYW_CONTROL_POLLED entries, of which some are none (-1). */
void pyw_control_fill(const struct pyw_control *control, struct pollfd *polled);
/* When something is due without an event; clock.h. */
int64_t pyw_control_deadline(const struct pyw_control *control);
/* A round: with what poll() found, or NULL. */
void pyw_control_run(struct pyw_control *control, const struct pollfd *polled);

#endif
