/* turn.h: the programs of a group with threads=0 never run twice: not in two
 * generations of the server's configuration, nor beside what a supervisor that died has
 * left behind. Whoever runs them holds the lock of a byte in a memory file that the
 * Apache parent keeps for all of its life; so does each of the processes, by the same
 * descriptor, until the last has gone. Which byte it is, the name of the group says.
 */
#ifndef PYW_SUPERVISOR_TURN_H
#define PYW_SUPERVISOR_TURN_H

/* Parent, once. @return the file or -errno. */
int pyw_turn_create(void);

/* Supervisor: `turn`, -1 before, gets a descriptor that holds the lock; one who has his
 * turn keeps it. Where there is no /proc, by which the file is opened once more,
 * everybody has his turn. @return 0; -EAGAIN: others run; -errno. */
int pyw_turn_take(int file, const char *group, int *turn);
/* The processes that were started with it hold it until they have gone. Idempotent. */
void pyw_turn_give_back(int *turn);

#endif
