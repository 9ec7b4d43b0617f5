/* line: the life of one connection to a product, on one loop, over the host's stream.
 *
 *     dialling ──► greeting ──► up ──► (lost) ──► dialling at once, and after a failure: resting ──► dialling …
 *
 * While it rests, whoever asks a server that refused a moment ago has it dialled again at once (line_may_wait): it may be
 * back, as another loop knows already. Nobody waits for one that is silent.
 *
 * A line knows when to dial, to greet, to give up and to rest; what is said over it, and who waits for an answer, is its
 * owner's. It is a member of the owner, which line_end's `ended` frees: perhaps later than line_end, since the line may
 * be in the middle of telling its owner something. Every member of line_ops may end the line. [loop] */
#ifndef COMMON_LINE_H
#define COMMON_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <trilby/plugin.h>
#include <trilby/services.h>

#define LINE_DIALLING 0u
#define LINE_GREETING 1u
#define LINE_UP 2u
#define LINE_RESTING 3u

struct line_ops {
    void (*dial)(void *owner);                  /* answers by line_connect or line_lose, now or later */
    void (*connected)(void *owner);             /* says the greeting; line_up once that was answered */
    void (*readable)(void *owner);              /* reads, as long as line->streams_had stays what it was */
    void (*writable)(void *owner);              /* or NULL */
    void (*dropped)(void *owner, const struct trb_error *, bool was_up);    /* no stream any more: whoever waits is told */
    bool (*is_owed)(const void *owner);         /* NULL, or: something was asked and not answered yet */
    uint64_t (*waits_since)(const void *owner); /* of line_watch: who has waited longest; 0: nobody waits */
    void (*ended)(void *owner);                 /* the last call: frees it */
};

struct line_setup {
    const struct trb_host *host;
    const struct trb_origin *origin;
    const struct line_ops *ops;                 /* outlives the line */
    void *owner;
    const char *product, *place;                /* "redis", "localhost:6379": how faults begin */
    size_t read_limit;                          /* bytes that may wait unread */
    uint64_t greeting_ns;                       /* from connected to line_up */
    const char *silence;                        /* the sentence when that is over */
    uint64_t min_rest_ns, max_rest_ns;          /* doubled from the one to the other; equal: always the same */
    uint64_t flap_ns;                           /* one lost sooner is not dialled again at once */
    uint64_t answer_ns;                         /* of line_watch; 0: an answer may take for ever */
    const char *answer_option;                  /* which option says so: "timeout" */
};

struct line {
    uint32_t magic;
    struct line_setup setup;
    const struct trb_stream_service *streams;
    const struct trb_timer_service *timers;
    struct trb_stream *stream;
    struct trb_timer *timer;                    /* of the state; the owner's while up */
    uint32_t state, failures, depth, streams_had;
    bool is_dead;
    bool is_quick, may_wake;                    /* the last attempt failed at once, undenied; has rested enough for whoever asks */
    const char *bad_target;
    struct trb_error fault;                     /* why the last attempt failed */
    uint64_t up_ns, dialled_ns;                 /* since when it is up; when the last attempt began */
    uint64_t rest_ns;                           /* what is left of the rest when it may be woken */
};

void line_begin(struct line *, const struct line_setup *);     /* zeroed before; dials */
/* bad_target: the sentence when the host cannot even try, as with a certificate that is none. */
void line_connect(struct line *, const struct trb_stream_target *, const char *bad_target);
void line_up(struct line *);
/* Loses the stream, if there is one, tells the owner, and goes on. The sentence gets product and place in front. */
void line_lose(struct line *, trb_code, const char *reason, const char *sentence);
void line_lose_for(struct line *, const struct trb_error *);   /* as it is */
void line_end(struct line *);                                  /* whoever waits is told that it is closing */
void line_forget(struct line *);                               /* inside stop, before line_end: the host has its stream back */

/* The timer of the state, which the owner may use while it is up; fire gets the owner. */
void line_timer(struct line *, uint64_t after_ns, void (*fire)(void *owner));
void line_timer_stop(struct line *);
/* Something was asked while up: whoever waits longest has answer_ns for his answer, then the line is lost. It takes the timer. */
void line_watch(struct line *);

/* May something be asked, to be sent now or once it is up? Else the answer is line->fault. It may dial, and that fail at
 * once: inside line_enter. Within a turn the answer stays the same: what belongs together is asked whole or not at all. */
bool line_may_wait(struct line *);

/* Around what may end the line. */
static inline void line_enter(struct line *l)
{
    l->depth++;
}
void line_leave(struct line *);

#endif
