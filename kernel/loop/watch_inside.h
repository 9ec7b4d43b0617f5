/* watch_inside: what loop.c asks of watch.c. Private to kernel/loop. */
#ifndef LOOP_WATCH_INSIDE_H
#define LOOP_WATCH_INSIDE_H

struct loop;

void watch_signals_end(struct loop *);

/* libevent does not tell its epoll descriptor, which exclusive watches need: the number that the
 * next descriptor will get is noted before the base is made, and proven afterwards. */
int watch_next_fd(void);
int watch_prove_epoll(struct loop *, int candidate);     /* -1: it is not; exclusive is then shared */

#endif
