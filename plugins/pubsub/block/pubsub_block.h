/* pubsub_block: what the files of this block share.
 *
 *     publish, bulk_publish ──► scopes, envelope ──► the component
 *     the component ──► listener ──► deliver, deliver_bulk ──► the app
 *                           └──────► deliver_stream ──► session ──► a client that streams
 *     subscriptions: which topics, from resources, from the app (app_ask) and from clients
 */
#ifndef PUBSUB_BLOCK_H
#define PUBSUB_BLOCK_H

#include <base/json.h>
#include <base/list.h>
#include <base/slice.h>
#include <base/text.h>
#include <cel/cel.h>
#include <events/envelope.h>
#include <events/scopes.h>
#include <stdbool.h>
#include <trilby/block.h>
#include <trilby/pubsub.h>
#include <words/words.h>

#define ROW(name, code_, reason_, http, grpc_)                                                     \
    static const struct trb_error_row __attribute__((unused)) name = {                             \
        .size = sizeof(struct trb_error_row), .code = (code_), .reason = (reason_),                \
        .category = "pubsub", .http_status = (http), .grpc = (grpc_)};
#include "errors.def"
#undef ROW

trb_step publish_parse, publish_rpc, bulk_publish_parse, bulk_publish_rpc, subscribe_rpc, app_ask, listeners_open,
    component_here, event_parse, bulk_event_parse, stream_event_parse, outbox_event_parse, outboxes_look;

#define SCOPE "dapr.runtime"
#define say(k, level, ...) say_in(k, SCOPE, level, __VA_ARGS__)

/* ------------------------------------------------------------------------------ subscriptions */
struct rule {
    struct trb_name match, path; /* match empty: always */
    struct cel *program;
};

#define DECLARATIVE 1u
#define PROGRAMMATIC 2u
#define STREAMING 3u
#define OUTBOX 4u /* ours: the internal topic of state stores */

struct listener;
struct session;

struct outbox { /* a state store whose events wait on an internal topic, and where they go */
    struct trb_name store, pubsub, topic;
    bool discards; /* events without a transaction */
};

struct subscription { /* constant once made, but for what is said to be the main loop's */
    struct list link;
    struct arena *keep;
    uint32_t origin;
    struct trb_slice source; /* the JSON it was made of */
    struct trb_name pubsub, topic, dead_letter;
    struct trb_pairs metadata;
    struct rule *rules;
    uint32_t rule_count;
    bool is_raw, is_bulk;
    uint32_t bulk_max;
    uint64_t bulk_wait_ns;
    struct outbox *outboxes;   /* OUTBOX: every store with this internal topic */
    uint32_t outbox_count;
    uint64_t unwanted_ns;      /* since when no store has it; the main loop's */

    uint32_t refs; /* from here on: the main loop's */
    bool is_shadowed, is_refused, is_resting, is_kept;
    uint32_t attempts;
    struct listener *listener; /* the one that takes messages, or NULL */
    struct session *session;   /* STREAMING: whose it is; a reference, constant */
};

struct block {
    const struct trb_kernel *kernel;
    struct list subscriptions; /* changed on the main loop under the lock, read elsewhere under it */
    struct list listeners;     /* the same; those that end are in it until they have ended */
    struct list sessions;      /* under the lock: those that are not closed yet */
    struct list moving;        /* instances that hand over what they keep: nothing is opened there. The main loop's */
    bool is_app_up, has_asked, is_asking;
    _Atomic uint32_t is_busy;  /* app_up is being dealt with */
    _Atomic uint32_t is_leaving;
    void (*drained)(void *);
    void *drained_token;
    struct trb_json_source source;
    struct trb_outbox_reader reader;
    bool is_patient;           /* outboxes that no store has are being kept for a while */
    bool is_in_service;        /* until then an earlier copy has the outboxes */
};

struct fault {
    char text[320];
    bool is_match; /* a rule's expression cannot be compiled: spoils the whole list of an app */
};

/* One subscription from {pubsubname, topic, route, routes, …}. NULL: *ret_fault says why not; an empty
 * text: it was left out with a warning. The result has one reference. */
struct subscription *subscription_create(const struct trb_kernel *, struct trb_slice json, uint32_t origin,
                                         struct fault *ret_fault);
struct subscription *subscription_unref(struct subscription *); /* NULL is welcome; returns NULL */
/* The path of the first rule that applies to the event; absent: none does. false: a rule cannot be
 * evaluated; *ret_fault. */
bool subscription_path(const struct subscription *, struct json_value event, struct trb_slice *ret_path,
                       struct fault *ret_fault);

/* [main loop] */
void subscription_add(struct block *, struct subscription *);     /* given */
void subscription_remove(struct block *, struct subscription *);
void subscriptions_load(struct block *);                          /* the declarative ones, anew */
/* The app's list. Returns false: the text is no list; *ret_fault. */
bool subscriptions_take(struct block *, struct trb_slice json, struct fault *ret_fault);
void subscriptions_clear(struct block *);
/* The app's list, for the copy of this block that takes over, and from the one before: the app need not be asked again. */
void subscriptions_hand_over(void *block, void (*out)(void *arg, struct trb_slice kept), void *arg);
void subscriptions_adopt(void *block, struct trb_slice kept);
void metadata_write(struct text *, const struct trb_pairs *);    /* ,"metadata":{…} [any] */
void subscriptions_write(void *self, void (*out)(void *, struct trb_slice), void *arg); /* [any] */

/* ----------------------------------------------------------------------------------- outboxes */
/* Looks, in a task of the main loop, which stores have one, and listens there. [main loop] */
void outboxes_schedule(struct block *);

/* ---------------------------------------------------------------------------------- listeners */
struct batch;
struct tongue;

struct listener { /* one stream of one subscription; lives until its last message is settled */
    struct list link;
    struct block *block;
    struct subscription *sub;
    const struct tongue *tongue;   /* of those who hear the messages */
    struct trb_instance *instance; /* to compare only */
    struct trb_stream_handle *stream;
    struct trb_name topic;         /* as the broker knows it */
    uint64_t asked_ns;
    _Atomic uint32_t is_closing;
    struct batch *batch;           /* the one that fills: the stream's loop's */
};

/* Opens what should be open and is not, in a task of the main loop, soon. */
void listeners_schedule(struct block *);
/* only: of that instance; NULL: all. [main loop] */
void listeners_close(struct block *, const struct trb_instance *only, uint32_t why);
/* An instance is about to move, and stays or leaves. [main loop] */
void moving_begin(struct block *, const struct trb_instance *, void (*done)(void *token), void *token);
void moving_end(struct block *, const struct trb_instance *);
void listeners_close_app(struct block *, uint32_t why);  /* those whose messages are the app's. [main loop] */
void listener_close(struct listener *, uint32_t why);
bool listeners_are_opening(struct block *); /* under the lock */
/* Tells the kernel once nothing is left that drain waits for. [main loop] */
void block_check_drained(struct block *);

/* ----------------------------------------------------------------------------------- sessions */
struct session *session_unref(struct session *); /* NULL is welcome; returns NULL */
bool session_is_listed(const struct session *);  /* under the lock */
/* What became of its subscription; heard only while it is still being opened. [main loop] */
void session_opened(struct session *);
void session_unknown(struct session *);          /* there is no such pubsub */
bool session_refused(struct session *, const char *why); /* false: nobody waits for that */
bool sessions_any(struct block *);
void sessions_leave(struct block *);             /* the process is leaving, as is_leaving says by now. [main loop] */

#endif
