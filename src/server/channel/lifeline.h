/* lifeline.h: the connection between the supervisor and one daemon process. Its end
 * tells either side that the other is gone; the supervisor also says what the process
 * is to do, in words of one byte, with a descriptor where the word takes one.
 *
 * Supervisor: its only thread; never blocks. Daemon: the monitor.
 */
#ifndef PYW_CHANNEL_LIFELINE_H
#define PYW_CHANNEL_LIFELINE_H

enum pyw_word {
    PYW_WORD_DRAIN = 'D',  /* a successor is there: finish what runs, and end */
    PYW_WORD_STACKS = 'S', /* write the stacks of all threads to the descriptor that
                              comes along, and close it */
    /* a zygote, to the supervisor */
    PYW_WORD_LOADED = 'R',    /* it has imported all scripts: orders (channel/order) */
    PYW_WORD_NOT_LOADED = 'L' /* likewise, but for some that failed */
};

/* A connected pair, both ends non-blocking and close-on-exec. @return 0 or -errno. */
int pyw_lifeline_open(int ends[2]);

/* `passed`: a descriptor that goes along and stays the caller's; -1: none.
 * @return 0; -EAGAIN: too much is unread; -EPIPE: the process is gone; -errno. */
int pyw_lifeline_say(int fd, enum pyw_word word, int passed);

/* `passed` gets the descriptor that came along, the caller's from now on, or -1.
 * @return the word; 0: the other side is gone; -EAGAIN: nothing is there; -errno. */
int pyw_lifeline_hear(int fd, int *passed);

#endif
