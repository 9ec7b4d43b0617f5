/* watch_inside: what loop.c asks of watch.c. Private to kernel/loop. */
#ifndef LOOP_WATCH_INSIDE_H
#define LOOP_WATCH_INSIDE_H

struct loop;

void watch_signals_end(struct loop *);

#endif
