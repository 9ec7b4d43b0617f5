/* loop: one event loop per granted CPU, and all that is known of libevent.
 *
 * A loop belongs to one thread. Everything here is [loop] (its own thread) unless marked. The only
 * ways in from elsewhere are loop_post and loop_call. */
#ifndef LOOP_LOOP_H
#define LOOP_LOOP_H

#include <base/list.h>
#include <stdbool.h>
#include <stdint.h>
#include <trilby/types.h>

struct loop;

/* index: 0 … count-1. [any, before loop_run] */
struct loop *loop_create(uint32_t index, struct trb_error *err);
struct loop *loop_destroy(struct loop *);                  /* after loop_run returned; NULL is welcome */
void loop_run(struct loop *);                              /* until loop_stop */
void loop_stop(struct loop *);                             /* [any] */
struct loop *loop_self(void);                              /* the loop of this thread, or NULL [any] */
uint32_t loop_index(const struct loop *);                  /* [any] */
uint64_t loop_now_ns(const struct loop *);                 /* monotonic, read once a turn */
uint64_t loop_turn(const struct loop *);                   /* turns passed; readable from [any] */
const char *loop_doing(const struct loop *);               /* whose code it is inside of (base/doing.h), while it runs; NULL: ours [any] */

/* --- file descriptors ---------------------------------------------------------------------- */
#define LOOP_READ 1u
#define LOOP_WRITE 2u
#define LOOP_EDGE 4u                                       /* edge triggered */
#define LOOP_EXCLUSIVE 8u                                  /* EPOLLEXCLUSIVE: shared listening sockets */

struct watch {                                             /* embedded in the owner */
    void *event;                                           /* ours */
    struct loop *loop;
    int fd;
    uint32_t want;
    void (*ready)(void *arg, uint32_t what);
    void *arg;
};

/* Begins or changes what is watched; want == 0 pauses. The fd stays the caller's. */
trb_code watch_set(struct loop *, struct watch *, int fd, uint32_t want,
                   void (*ready)(void *arg, uint32_t what), void *arg, struct trb_error *err);
void watch_want(struct watch *, uint32_t want);
void watch_end(struct watch *);                            /* may be repeated; zeroed is ended */

/* --- timers -------------------------------------------------------------------------------- */
struct timer {                                             /* embedded; a heap, O(log n), no allocation each */
    struct loop *loop;
    uint64_t due_ns;
    size_t slot;                                           /* 0: not armed */
    void (*fire)(void *arg);
    void *arg;
};

void timer_set(struct loop *, struct timer *, uint64_t due_ns, void (*fire)(void *), void *arg);
void timer_after(struct loop *, struct timer *, uint64_t ns, void (*fire)(void *), void *arg);
void timer_end(struct timer *);                            /* may be repeated; zeroed is ended */
static inline bool timer_is_armed(const struct timer *t)
{
    return t->slot != 0;
}

/* --- the run queue: later in this turn, before sleeping ------------------------------------- */
struct job {                                               /* embedded in the owner */
    struct list link;
    struct loop *loop;                                     /* non-NULL while queued */
    void (*run)(void *arg);
    void *arg;
};

void job_defer(struct loop *, struct job *, void (*run)(void *), void *arg);   /* queued already: no change */
void job_end(struct job *);                                /* may be repeated; zeroed is ended */

/* At the end of every turn, e.g. to flush what this turn wrote. Same struct, queued once per turn. */
void job_at_turn_end(struct loop *, struct job *, void (*run)(void *), void *arg);

/* --- the mailbox: from any thread ------------------------------------------------------------ */
struct letter {                                            /* embedded in what is sent; one owner at a time */
    struct letter *next;
    void (*deliver)(struct letter *);                      /* runs on the loop */
};

/* Queues the letter; wakes the loop only if it sleeps. FIFO per sender. Undelivered letters are
 * delivered before loop_destroy returns. [any] */
void loop_post(struct loop *, struct letter *);
/* Convenience: allocates a letter. [any] */
void loop_call(struct loop *, void (*run)(void *), void *arg);

/* --- signals (main loop only) ---------------------------------------------------------------- */
void loop_on_signal(struct loop *, int number, void (*run)(void *arg, int number), void *arg);

/* All loops of the process, for what must visit each: set once before threads start. [any] */
void loop_set_all(struct loop **loops, uint32_t count);
uint32_t loop_count(void);
struct loop *loop_at(uint32_t index);

#endif
