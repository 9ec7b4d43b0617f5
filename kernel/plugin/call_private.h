/* call_private: shared by call.c, slot.c, stream.c and host.c only. */
#ifndef PLUGIN_CALL_PRIVATE_H
#define PLUGIN_CALL_PRIVATE_H

#include <base/buf.h>
#include <loop/workers.h>
#include <plugin/call.h>
#include <stdatomic.h>

#define SLOT_MAGIC 0x534c4f54u
#define SLOT_ASKED 1u
#define SLOT_ANSWERED 2u

struct slot {                              /* 64 bytes: what a plugin holds */
    struct trb_call public_;
    uint32_t magic;
    _Atomic uint32_t state;
    struct call *call;                     /* read under its home's lock, or by who redeemed it */
    struct slot *next;
    union {
        uint64_t deadline_ns;              /* while asked: read by the plugin at any time */
        uint64_t spent_ns;
    };
    _Atomic uint32_t cancelled;
};

#define CALL_MAGIC 0x43414c4cu

struct call {
    uint32_t magic;
    struct instance *instance;
    struct slot *slot;
    struct trb_origin *origin;
    struct loop *loop;                     /* of the asker */
    trb_verb *function;
    const struct trb_verb_info *verb;      /* NULL: lifecycle */
    const struct trb_layout *layout;
    const void *question;
    uint64_t deadline_ns, asked_ns;
    call_answered *answered;
    void *arg;
    void (*settled)(void *);
    void *settled_arg;
    struct stream_call *stream;
    bool abandoned, told, wipe;
    void *answer;
    struct trb_error *failure;
    struct call_item *items;
    uint32_t item_count, item_room;
    struct list owed_link, held_link;
    bool is_held;                          /* not dispatched yet: see hold.c */
    struct letter letter, travel;
    struct work work;
    struct job job;
    struct call *next;                     /* among the kept ones */
    char room[256] __attribute__((aligned(16)));
};

void call_tell_cancel(struct call *, uint32_t why);
void call_dispatch(struct call *);         /* to where its instance runs */
bool call_is_held(struct call *);          /* true: its instance is held, and it waits or went elsewhere */
void call_move(struct call *, struct instance *);      /* not dispatched yet: to another of the same type */
void call_refuse(struct call *, trb_code, const char *reason, const char *sentence);   /* retryable */
void slot_take(struct call *);                 /* gives it a token */
void slot_spend(struct call *);                /* its answer has come: the token is laid aside */
bool slot_redeem(struct slot *, const char *verb);     /* true for the one answer that counts */
/* The call behind a token, while it is unanswered: then its answer waits for slot_leave, so that not
 * even a plugin that speaks on two threads at once can pull the call away. NULL: spent, and counted. */
struct call *slot_enter(const struct trb_call *, const char *verb);
void slot_leave(struct call *);
bool slot_is_asked(struct slot *, const struct call *);    /* still this call's? [any] */

void host_opened(struct trb_call *);
uint32_t host_emit(struct trb_call *, const void *event, size_t size, void *cookie);
struct trb_buf *host_buf_new(const struct trb_origin *, size_t len, char **ret_bytes);
struct trb_buf *host_buf_wrap(const struct trb_origin *, struct trb_slice, void (*release)(void *), void *);
void host_log(const struct trb_origin *, uint32_t level, const char *text);
void host_narrow(const struct trb_origin *, uint64_t caps);
void host_lost(const struct trb_origin *, const struct trb_error *);
void host_ready(const struct trb_origin *);
const void *host_extension(const char *id);

#endif
