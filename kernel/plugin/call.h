/* call: one question to one component, and the law of answers.
 *
 * The plugin holds a token (struct slot) that it redeems once, from any thread. The asking side holds
 * the call. A token's memory is not used again for a minute after its answer (a second, for a component
 * with thousands of calls a minute; ten minutes, for one that has misbehaved), so that a second answer
 * meets its own spent token and is counted instead of reaching another client. */
#ifndef PLUGIN_CALL_H
#define PLUGIN_CALL_H

#include <base/list.h>
#include <loop/loop.h>
#include <plugin/instance.h>
#include <trilby/verbs.h>

struct call_item {
    void *answer;                          /* by layout; NULL: none */
    struct trb_error *failure;
    bool is_set;
};

struct call;
struct stream_call;
typedef void call_answered(struct call *, void *arg);     /* on the asking loop, in its run queue */

struct call_question {
    const struct trb_verb_info *verb;      /* NULL: start, stop, ping or hand_over in lifecycle */
    trb_verb *function;                    /* when verb is NULL */
    const struct trb_layout *answer;       /* when verb is NULL; may be NULL */
    const void *question;                  /* stays readable until call_is_owed is false */
    uint64_t deadline_ns;                  /* monotonic; 0: none */
    struct trb_origin *origin;             /* NULL: the one for the asking loop */
    struct stream_call *stream;            /* by stream_call_open only */
};

/* Asks. The answer comes later, never inside. [loop] */
struct call *call_ask(struct instance *, const struct call_question *, call_answered *, void *arg);

/* The asker is no longer interested: answered will not be called. The plugin is told why; its answer
 * is still owed. owed(arg) is called when the question may be forgotten (at once, or with the late
 * answer), on the asking loop. [loop] */
void call_abandon(struct call *, uint32_t why, void (*settled)(void *arg), void *arg);

/* Inside answered: what came. Readable until call_release. */
const void *call_answer(const struct call *);              /* NULL: it failed, or the verb answers nothing */
const struct trb_error *call_failure(const struct call *); /* NULL: it went well */
uint32_t call_item_count(const struct call *);
const struct call_item *call_item_at(const struct call *, uint32_t i);
struct call *call_release(struct call *);                  /* by the asker, after answered; returns NULL */
uint64_t call_age_ns(const struct call *);

/* Inside the host table. */
struct slot_home *slot_home_create(struct instance *);
struct slot_home *slot_home_destroy(struct slot_home *);
uint64_t slot_home_oldest_ns(struct slot_home *);          /* age of the oldest unanswered; 0: none */

extern const struct trb_host host_table;

/* --- streams: one long call whose events become the owner's, one by one ------------------------- */
struct stream_call_event {
    const void *event;                     /* by layout; readable until settled */
    struct stream_call *stream;
    void *cookie;
    struct letter letter;
    struct list link;
};
struct stream_call_owner {
    void (*event)(void *arg, struct stream_call_event *);          /* on its loop */
    void (*ended)(void *arg, const struct trb_error *);            /* last; NULL: as asked */
    void (*opened)(void *arg);                                     /* may be NULL */
};
/* Asks on the loop that called. credit: events not yet settled at most. question is copied by layout. [loop] */
struct stream_call *stream_call_open(struct instance *, const struct trb_verb_info *, const void *question,
                                     uint32_t credit, const struct stream_call_owner *, void *arg);
/* Of the stream behind this token; 0: it is none. For who serves streams in another's name. */
uint32_t stream_call_credit(struct trb_call *);
void stream_call_settle(struct stream_call_event *, const struct trb_settlement *);  /* [its loop] */
void stream_call_close(struct stream_call *, uint32_t why);        /* [its loop]; may be repeated */

#endif
