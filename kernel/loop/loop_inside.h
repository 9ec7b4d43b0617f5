/* loop_inside: what the files of this folder know of a loop. Private to kernel/loop. */
#ifndef LOOP_LOOP_INSIDE_H
#define LOOP_LOOP_INSIDE_H

#include <base/check.h>
#include <base/doing.h>
#include <loop/loop.h>
#include <stdatomic.h>

/* Letters on a stack, newest first; turned round when they are taken. */
struct mailbox {
    struct letter *_Atomic newest;
    _Atomic uint32_t asleep;                    /* 1: whoever posts must wake the loop */
    _Atomic uint32_t posters;                   /* threads of strangers that are inside loop_post */
    int wake_fd;                                /* an eventfd, edge triggered: it is never read */
};

struct timers {
    struct timer **heap;                        /* from 1 */
    size_t count, room;
    uint64_t armed_ns;                          /* what libevent was told; 0: nothing */
};

struct loop {
    struct event_base *base;
    struct event *wake, *clock;
    uint32_t index;
    uint64_t now_ns;
    bool is_fresh;                              /* now_ns is of this turn */
    _Atomic uint64_t turn;
    _Atomic bool running, stopping;
    struct doing *_Atomic doing;                /* of the thread that runs it; NULL: none does */
    struct list queue, at_turn_end;             /* of struct job */
    struct list signals;
    struct mailbox mailbox;
    struct timers timers;
    int epoll_fd;                               /* libevent's own, for LOOP_EXCLUSIVE; -1: unknown */
};

/* Everything but the ways in belongs to the loop's thread, once it runs. */
static inline void loop_check_owner(const struct loop *l)
{
    check(!atomic_load_explicit(&l->running, memory_order_relaxed) || loop_self() == l);
}

void loop_refresh(struct loop *);               /* reads the clock, unless this turn has */

bool mailbox_open(struct mailbox *);            /* false: errno says why */
void mailbox_close(struct mailbox *);          /* after the last poster has left */
void mailbox_wake(struct mailbox *);            /* only if it sleeps [any] */
bool mailbox_has(const struct mailbox *);
bool mailbox_deliver(struct mailbox *);         /* all that is there; false: nothing was */
/* Announces the sleep; false: there is a letter, do not sleep. */
bool mailbox_fall_asleep(struct mailbox *);
void mailbox_awake(struct mailbox *);

void timers_fire(struct loop *);                /* those that are due */
uint64_t timers_next_ns(const struct loop *);   /* 0: none */
void timers_fini(struct loop *);

#endif
