/* request: one question from a client, a peer or ourselves, and the engine that walks its steps.
 *
 * Everything is [loop], on the request's own loop, unless marked. A request is born by a door (HTTP,
 * gRPC, peer) or as a task, walks steps, and ends; its memory goes when it has ended and its last pin
 * is gone. After the end every verb on it is a no-op, so a late answer may touch it but moves nothing. */
#ifndef REQUEST_REQUEST_H
#define REQUEST_REQUEST_H

#include <base/arena.h>
#include <base/buf.h>
#include <base/list.h>
#include <loop/loop.h>
#include <net/http.h>
#include <observe/trace.h>
#include <stdbool.h>
#include <trilby/block.h>

#define REQUEST_MAGIC 0x52455153u
#define REQUEST_TRAIL 16u
#define REQUEST_PARAMS 8u
#define REQUEST_HEADERS 12u

struct request;
struct request_home;
struct router;

/* Whose steps run: a block in service. Embedded by the layer that loads blocks. pin and unpin are
 * [any] and may be NULL; they are balanced per request and per router that knows the owner. */
struct request_owner {
    const struct trb_kernel *kernel;
    void *self;
    void (*pin)(struct request_owner *);
    void (*unpin)(struct request_owner *);
};

/* How answers leave, one table per door. Called only while the request is alive and unanswered as
 * the verb needs it; the engine keeps that order. Any member but release may be NULL. */
struct request_door {
    void (*whole)(struct request *, uint32_t status, struct trb_data body);
    void (*head)(struct request *, uint32_t status, int64_t length);
    bool (*piece)(struct request *, struct trb_data); /* true: room for more */
    void (*end)(struct request *);
    void (*cut)(struct request *);
    void (*refuse)(struct request *, const struct trb_refusal *);
    void (*status)(struct request *, const struct trb_status *);     /* NULL: as whole, with the status HTTP has for it */
    void (*expire)(struct request *);                /* the deadline passed; nothing was answered yet */
    void (*consume)(struct request *, size_t bytes); /* of the body: opens the sender's window */
    void (*ended)(struct request *);                 /* no more steps; log and count here */
    void (*release)(struct request *);               /* last: frees arena or exchange, and with it the request */
};

struct request_trail_entry {
    const char *name;
    uint64_t at_ns;
};

struct route_param {
    const char *name;       /* the plugin's text */
    uint32_t name_len;
    struct trb_slice raw;   /* as matched, escaped */
    struct trb_name value;  /* decoded on first use; at == NULL: not yet */
};

/* What has arrived of the body and is not yet taken. */
struct request_body {
    struct trb_data *pieces;        /* ring; owners are ours */
    uint32_t first, count, room;
    struct gather gather;
    struct trb_data whole;          /* once gathered; owner is ours */
    int64_t length;                 /* as announced: block.h body_length */
    uint64_t arrived, limit;        /* limit 0: none */
    const char *fault;              /* "stream too large", "unexpected EOF" */
    uint8_t mode;                   /* BODY_… */
    bool ended, cut;
    void (*more)(struct request *, void *arg);
    void *more_arg;
};
#define BODY_IGNORED 0
#define BODY_WHOLE 1
#define BODY_STREAM 2

struct request_answer {
    struct http_headers headers;    /* set by the steps, unsorted; at is first_headers until it grows */
    struct http_headers trailers;
    uint32_t status;                /* what was said last, for logs and metrics */
    trb_code grpc_code;
    uint64_t bytes;
    bool head_sent, ended, has_room, is_cut;
    bool is_foreign;                /* the status is a callee's, passed on */
    const char *error_code, *error_category;     /* of a refusal, or NULL */
    void (*room)(struct request *, void *arg);
    void *room_arg;
};

#define REQUEST_NEW 0u              /* no step yet: the body is gathered */
#define REQUEST_RUNNING 1u          /* a step is on the stack, or about to be */
#define REQUEST_PARKED 2u
#define REQUEST_ENDED 3u            /* no step will run any more; pins may still hold it */

struct request {
    struct trb_request public_;     /* first: the blocks' view */
    uint32_t magic;
    uint8_t phase, cancelled;       /* cancelled: TRB_WHY_…, 0: no */
    bool in_step, is_awaiting, is_lingering;
    bool is_let_in;                 /* past the token: its call is logged */
    uint32_t pins;
    struct loop *loop;
    struct request_home *home;
    struct arena *arena;
    struct list link;               /* all of this loop */
    const struct request_door *door;
    void *door_data;
    struct exchange *exchange;      /* HTTP and gRPC doors, else NULL */
    struct request_owner *owner;
    struct router *router;          /* a reference, or NULL */
    const struct trb_route *route;  /* or NULL */
    const struct trb_method *rpc;   /* or NULL */

    /* The engine. */
    struct trb_next then;
    void (*on_cancel)(struct request *, void *arg, uint32_t why);
    void *on_cancel_arg;
    struct job job;
    struct timer deadline_timer, sleep_timer;
    uint64_t deadline_ns, begun_ns; /* monotonic; deadline 0: none */
    uint32_t steps;
    struct request_ending *endings;
    void (*on_over)(struct trb_request *, void *arg);
    void *on_over_arg;

    /* What was asked. Slices live as long as the request. */
    struct trb_slice method, target, query, path;   /* path: cleaned, escaped */
    const struct http_headers *headers;             /* never NULL */
    struct trb_slice peer_identity, app_token;
    const struct trb_peer_message *peer_message;    /* of the peer door, else NULL */
    uint32_t param_count;
    struct trb_pairs metadata, header_pairs;        /* made on first use; at == NULL: not yet */
    struct request_body body;
    struct request_answer out;

    /* Tracing: what came and what goes on. */
    struct trace_context trace_in, trace;
    struct trb_slice traceparent, tracestate, baggage;  /* to pass on; absent: none */

    /* Slots of the layers above; the engine never looks. All zero at birth. */
    const void *answer;             /* of the last ask */
    struct trb_error *failure;      /* why it failed, or NULL */
    const void *items;
    uint32_t item_count;
    void *asking;                   /* plugin: the call or calls on their way */
    void *event;                    /* plugin: the stream's event that this task settles */
    void *outcome;                  /* channel: the last call out */
    void *policy;                   /* policy */
    void *observed;                 /* observe: span, metrics */
    void *task_arg;

    /* From here on as found: only so much is read as was counted above. */
    struct request_trail_entry trail[REQUEST_TRAIL];
    struct route_param params[REQUEST_PARAMS];
    struct http_header first_headers[REQUEST_HEADERS];
    char traceparent_room[TRACE_PARENT_LEN + 1];
};

static inline struct request *request_of(struct trb_request *rq)
{
    return checked(rq, struct request, REQUEST_MAGIC);
}

/* Fills the members of kernel that are the request engine's own: alloc … peer_identity, set_header …
 * reply_cut, body_take … body_gather, task_arg, task_end, sleep, park, wake. The rest is left alone. */
void request_kernel_fill(struct trb_kernel *kernel);

/* ---------------------------------------------------------------------- birth, for the doors */
struct request_birth {
    struct loop *loop;
    struct arena *arena;             /* the request itself is put there */
    uint32_t door_kind;              /* TRB_DOOR_… */
    const struct request_door *door;
    void *door_data;
    struct request_owner *owner;     /* may be set later: request_set_owner, before the first step */
};
struct request *request_create(const struct request_birth *);
void request_set_owner(struct request *, struct request_owner *);
void request_set_deadline(struct request *, uint64_t deadline_ns);   /* monotonic; 0: none */
/* Runs first at once, unless a step is on this loop's stack: then from the run queue. */
void request_start(struct request *, struct trb_next first);
/* Ends without a step ever having run, e.g. an answer given by the door itself. */
void request_end(struct request *);

/* The body as it comes in. begin first: mode, announced length and limit. feed takes a reference of
 * its own where the piece has an owner, else it copies. In BODY_WHOLE mode start the steps when
 * request_body_is_whole. */
void request_body_begin(struct request *, uint8_t mode, int64_t length, uint64_t limit, bool cut);
void request_body_feed(struct request *, struct trb_data piece);
void request_body_end(struct request *);
void request_body_give(struct request *, struct trb_buf *whole);     /* given; at once and all of it */
bool request_body_is_whole(const struct request *);
void request_room(struct request *);                     /* the door: there is room again */

/* --------------------------------------------------------------------------------- the engine */
/* Inside a step, before what may answer is begun: parks the request when the step returns this. cancel
 * (may be NULL) is called once if the request is cancelled before it is resumed; then `then` will never
 * run. One await at a time. */
struct trb_next request_await(struct request *, struct trb_next then,
                              void (*cancel)(struct request *, void *arg, uint32_t why), void *arg);
/* The answer is there: `then` runs at once, or after the running step. Not awaiting: ignored. */
void request_resume(struct request *);
void request_resume_with(struct request *, struct trb_next then);    /* somewhere else instead */
/* why: TRB_WHY_…. Deadline: the client is told. The request ends after the hook (or the running
 * step); no further step runs. */
void request_cancel(struct request *, uint32_t why);
/* Is it over? Verbs of higher layers begin with: if (request_is_over(rq)) return request_over(); */
static inline bool request_is_over(const struct request *rq)
{
    return rq->phase == REQUEST_ENDED || rq->cancelled;
}
static inline struct trb_next request_over(void)
{
    return (struct trb_next){.kind = TRB_NEXT_END};
}

/* Somebody may still touch the request or its arena: a call on its way, a late answer. */
void request_pin(struct request *);
void request_unpin(struct request *);        /* may free it */

/* Called when the request's memory goes, last added first: ended and unpinned. */
struct request_ending {                      /* embedded or in the arena */
    struct request_ending *next;
    void (*run)(struct request *, void *arg);
    void *arg;
};
void request_at_end(struct request *, struct request_ending *, void (*run)(struct request *, void *), void *arg);

/* ------------------------------------------------------------------------------ tasks, sleeping */
/* Its first step runs from the run queue, so the slots may be filled in meanwhile. [loop] */
struct request *request_task_create(struct loop *, struct request_owner *, struct trb_next first, void *arg);
/* home: a loop's index, or -1: this one, or any. [any] */
void request_task_post(struct request_owner *, int32_t home, struct trb_next first, void *arg);
struct trb_next request_sleep(struct request *, uint64_t ns, struct trb_next then);
/* Until request_wake, which also ends a sleep and a wait for the body; it does nothing to a request that
 * waits for else. From another loop: the request must be pinned. */
struct trb_next request_park(struct request *, struct trb_next then);
void request_wake(struct request *);                     /* [any] */

/* ------------------------------------------------------------------------------ body, for relays */
/* What has arrived, given (at == NULL: nothing now); taking opens the sender's window. */
struct trb_data request_body_take(struct request *);
struct trb_data request_body_take_left(struct request *);    /* also of a request that is over */
bool request_body_ended(const struct request *);         /* and nothing is left to take */
/* more is called, outside of steps, when there is something to take or the body ended. NULL: stop. */
void request_body_watch(struct request *, void (*more)(struct request *, void *), void *arg);
struct trb_next request_body_wait(struct request *, struct trb_next then);
struct trb_next request_body_gather(struct request *, struct trb_next then);
struct trb_data request_body(struct request *);          /* gathered; owner always set */

/* -------------------------------------------------------------------------------- answering */
/* Replaces a line of the same name for content-type, traceparent, tracestate, etag; adds one else.
 * An absent value takes all lines of that name away. Both texts are copied. */
void request_set_header(struct request *, struct trb_slice name, struct trb_slice value);
bool request_has_header(const struct request *, struct trb_slice name);
struct trb_next request_reply(struct request *, uint32_t status, struct trb_data body);
struct trb_next request_reply_text(struct request *, uint32_t status, struct trb_slice text); /* plain, nosniff, + "\n" */
struct trb_next request_refuse(struct request *, const struct trb_refusal *);
struct trb_next request_reply_status(struct request *, const struct trb_status *);
void request_set_trailer(struct request *, struct trb_slice name, struct trb_slice value);
void request_reply_head(struct request *, uint32_t status, int64_t length);
bool request_reply_piece(struct request *, struct trb_data);     /* true: room for more */
bool request_reply_has_room(const struct request *);
void request_reply_watch(struct request *, void (*room)(struct request *, void *), void *arg); /* NULL: stop */
struct trb_next request_reply_send(struct request *, struct trb_data, struct trb_next then);
struct trb_next request_reply_end(struct request *);
struct trb_next request_reply_cut(struct request *);
/* Steps that do just that: for request_resume_with after a relay. */
struct trb_next request_go_end(void);
struct trb_next request_go_cut(void);

/* -------------------------------------------------------------------------------- what was asked */
struct trb_name request_path(struct request *, const char *param);
struct trb_name request_query(struct request *, const char *name);
struct trb_pairs request_metadata(struct request *);
struct trb_slice request_header(const struct request *, struct trb_slice name);
struct trb_pairs request_header_pairs(struct request *);

/* ---------------------------------------------------------------- who is alive: drain, crash report */
uint32_t request_count(void);                            /* not ended; all loops [any] */
uint32_t request_pinned_count(void);                     /* ended, still pinned [any] */
/* Those of one loop. [that loop; or anywhere once the process is past saving] */
void request_each(uint32_t loop_index, void (*each)(struct request *, void *), void *arg);
void request_cancel_all(struct loop *, uint32_t why);    /* [that loop] */
/* "parse > ask > reply 1.8 ms". Does not allocate. */
size_t request_trail_text(const struct request *, char *ret_text, size_t size);

#endif
