/* watch_inside: a watch as watch.c and watch_kept.c know it. */
#ifndef CONFIGURATION_WATCH_INSIDE_H
#define CONFIGURATION_WATCH_INSIDE_H

#include "watch.h"
#include <base/clock.h>
#include <stdatomic.h>

#define GRACE_NS (CLOCK_S / 2) /* for what a store was told and has not read yet when another takes over */

struct change { /* a message for a client that has not been sent yet */
    struct list link;
    struct text key, message;
};

struct line { /* one stream of the store; its events and its end name it */
    struct watch *watch; /* a reference */
    struct trb_stream_handle *stream;
    struct trb_instance *instance; /* to compare only */
    bool is_closing;
};

struct watch {
    struct list link; /* of the block's, until it is over */
    struct block *block;
    _Atomic uint32_t refs; /* the request's, each line's */
    char id[UUID_TEXT];
    struct arena *keep; /* of store and question */
    struct trb_name store;
    struct trb_configuration_get *question;
    struct trb_next first;
    struct trb_request *client; /* NULL: nobody may wake it any more */
    /* The main loop's. next: on another instance of the store, to take over once it is open. last: it has been taken over
     * from, and tells what it had heard by then. */
    struct line *line, *next, *last;
    uint64_t opened_ns;
    struct list waiting; /* changes */
    uint32_t waiting_count, phase;
    bool is_idle, is_kept, is_adopted;
    bool is_missed, is_alone; /* the client, who is being woken, is to be woken once more; is nobody's to wake any more */
    bool is_unwanted, is_closing; /* somebody has ended it; and the main loop has heard of it */
    struct text fault;
};

/* Of one reference, not in the block's list yet. question is copied. */
struct watch *watch_create(struct block *b, struct trb_slice store, const struct trb_configuration_get *q,
                           struct trb_next first);
bool watch_enlist(struct watch *); /* false: the process is leaving */
void watch_unref(struct watch *);
struct watch *watch_at(struct list *node);
bool watch_is_known(const struct watch *); /* has an id that somebody was told [under the lock] */
extern trb_step watch_open_stream; /* a task's; takes a reference */

#endif
