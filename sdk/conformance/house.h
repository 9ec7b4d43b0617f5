/* house: the loops and workers that a component lives on, in threads of their own, so that the judge is a
 * plain program that asks and waits. */
#ifndef CONFORMANCE_HOUSE_H
#define CONFORMANCE_HOUSE_H

#include <loop/loop.h>
#include <loop/workers.h>
#include <stdbool.h>
#include <stdint.h>

#define HOUSE_LOOPS 2u

void house_open(void);
void house_close(void);                        /* joins every thread of the house */
struct workers *house_workers(void);
void house_warm(void);                         /* every worker exists from here on: threads can be counted */
/* Runs it on a loop and waits for its end. [judge] */
void house_run(uint32_t loop, void (*run)(void *), void *arg);

/* A bell that any thread rings and the judge waits for. */
struct bell {
    uint32_t rings, heard;
};
void bell_ring(struct bell *);                 /* [any] */
bool bell_wait(struct bell *, uint64_t patience_ns);           /* one ring; false: patience is over [judge] */
/* Waits until is_so; for what rings no bell (threads that end, a key that expires). */
bool house_wait(bool (*is_so)(void *), void *arg, uint64_t patience_ns);

struct belongings {                            /* of the process */
    uint32_t threads, descriptors;
};
struct belongings house_count(void);

#endif
