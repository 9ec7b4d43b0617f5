/* trilby/block.h: what a building block sees: requests, steps, components, the app, other sidecars.
 *
 * A block's plugin promises the kernel's exact minor (TRB_BLOCK_ABI) until 1.0. Everything here is
 * [loop], on the request's own loop, unless marked. A request is a list of named steps; a step
 * returns the next one, and every pause is spelled: ask, wait, send, relay.
 *
 * Two doors, one room: an HTTP route, a gRPC method, a peer's call and a task run the same steps. */
#ifndef TRILBY_BLOCK_H
#define TRILBY_BLOCK_H

#include <trilby/plugin.h>
#include <trilby/verbs.h>

#define TRB_BLOCK_ABI 1u

struct trb_kernel;
struct trb_instance; /* a component in service; found by a request it stays until the request ends */
struct trb_stream_handle;
struct trb_metric;

/* ---------------------------------------------------------------------------------- requests */
#define TRB_DOOR_HTTP 1u
#define TRB_DOOR_GRPC 2u
#define TRB_DOOR_PEER 3u /* another sidecar calls: method, headers and body are the original caller's */
#define TRB_DOOR_TASK 4u /* no client: an event to deliver, a probe, a job of the block's own */

struct trb_request {
    uint32_t size, door;
    const struct trb_kernel *kernel;
    void *self;  /* the block's own state, as start left it */
    void *state; /* the steps' struct: trb_request_state */
};

struct trb_next {
    struct trb_next (*step)(struct trb_request *);
    const char *name; /* for the trail */
    uint32_t kind;
};
typedef struct trb_next trb_step(struct trb_request *);
#define TRB_NEXT_GO 0u
#define TRB_NEXT_AWAIT 1u /* the kernel has noted where to go on */
#define TRB_NEXT_END 2u
#define TRB_GO(step_) ((struct trb_next){.step = (step_), .name = #step_, .kind = TRB_NEXT_GO})

/* ------------------------------------------------------------------------------------- errors */
/* One row of a block's errors.def. */
struct trb_error_row {
    uint32_t size;
    const char *code;     /* errorCode over HTTP */
    const char *reason;   /* ErrorInfo reason; NULL: the short form without details */
    const char *category; /* of dapr_error_code_total */
    uint32_t http_status;
    trb_code grpc;
    const char *grpc_reason; /* over gRPC instead of reason; "": plain, code and message only; NULL: reason */
};

/* A refusal with everything it may carry; absent members are left out of the answer. */
struct trb_refusal {
    uint32_t size;
    const struct trb_error_row *row;
    struct trb_slice message;
    uint32_t http_status; /* 0: the row's */
    struct trb_slice resource_type, resource_name, resource_description;
    uint32_t has_resource, has_violation, violation_without_field, has_help, has_metadata;
    struct trb_slice field, field_description;
    struct trb_slice help_url, help_description;
    struct trb_pairs metadata; /* ErrorInfo metadata; null unless has_metadata */
    uint32_t final_newline;
};

/* ------------------------------------------------------------------- calls out of the process */
#define TRB_TO_APP 1u
#define TRB_TO_PEER 2u
#define TRB_TO_URL 3u
#define TRB_TO_APP_GRPC 4u /* one unary call: method is "/package.Service/Method", body the message, headers its
                              metadata. then runs when all of the answer is there: outcome_body needs no gather */

#define TRB_BODY_ABSENT 0u
#define TRB_BODY_GIVEN 1u   /* whole, in body */
#define TRB_BODY_RELAYED 2u /* this request's own body, piece by piece as it comes */

struct trb_outcall {
    uint32_t size, to;
    struct trb_slice app_id, namespace_; /* TO_PEER */
    struct trb_slice url;                /* TO_URL: scheme://host[:port][/base] */
    struct trb_slice method;             /* TO_PEER: absent: the message has no HTTP extension */
    struct trb_slice path;               /* TO_APP, TO_URL: escaped, with its slash. TO_PEER: the bare method text */
    struct trb_slice query;              /* raw, without '?'; absent: none */
    struct trb_pairs headers;            /* sent as given; an app token and trace context are added by the kernel */
    uint32_t body_mode, flags;
    struct trb_data body;
    struct trb_slice content_type;       /* TO_PEER: the message's; elsewhere it stands in headers */
    uint64_t timeout_ns;                 /* 0: none but the request's own */
    const void *tls;                     /* TO_URL: from kernel->tls_client, or NULL for the system's roots */
    struct trb_slice type_url;           /* TO_PEER: of the body, when it is a message; absent: none */
};
#define TRB_OUT_NO_TRACE 1u       /* no traceparent (init endpoints, probes) */
#define TRB_OUT_NO_TOKEN 2u       /* no app token */
#define TRB_OUT_FOLLOW 4u         /* follow redirects (TO_URL) */
#define TRB_OUT_NO_SLOT 8u        /* does not count against app-max-concurrency */
#define TRB_OUT_EVEN_UNHEALTHY 16u
#define TRB_OUT_APP_TOKEN 32u     /* TO_URL: send the app token */

struct trb_outcome {                     /* the head of the answer */
    uint32_t size;
    uint32_t status;                     /* HTTP; TO_PEER with a gRPC app: grpc_code counts and status is 0 */
    trb_code grpc_code;
    struct trb_slice reason;             /* HTTP/1 reason phrase, or absent */
    struct trb_pairs headers;
    int64_t content_length;              /* -1: not known */
    uint32_t ended;                      /* the answer has no body */
    struct trb_pairs trailers;           /* of a gRPC app, directly or behind a peer */
    struct trb_slice details;            /* google.rpc.Status of a gRPC app, whole; absent: none. reason is its text */
    struct trb_slice content_type, type_url; /* TO_PEER: what its message says of the body */
};

/* How a gRPC app ended a call, to be passed on as it is: reply_status. */
struct trb_status {
    uint32_t size;
    trb_code code;                       /* any number; TRB_OK: body is the answer */
    struct trb_slice message, details;   /* details: google.rpc.Status, whole; absent: none */
    struct trb_data body;
    struct trb_slice content_type, type_url; /* PEER: of the body */
};

/* What another sidecar's message says of itself, beside its metadata, which the headers are. */
struct trb_peer_message {
    uint32_t size, has_extension;        /* none: the method is empty, for there is no HTTP verb */
    struct trb_slice content_type, type_url;
};

/* -------------------------------------------------------------------------------- the runtime */
struct trb_runtime_info { /* constant while the runtime lives */
    uint32_t size;
    struct trb_name app_id, namespace_, version, host_address, host_name;
    struct trb_name app_protocol, app_channel_address, trust_domain;
    uint32_t app_port, http_port, grpc_port, peer_port;
    int64_t app_max_concurrency;
    uint32_t app_health_check;
    struct trb_name app_health_path;
    uint64_t app_health_interval_ns, app_health_timeout_ns;
    uint32_t app_health_threshold;
    uint32_t skip_config, skip_subscribe; /* --disable-init-endpoints */
    struct trb_slice configuration;       /* the merged spec as JSON */
    struct trb_slice features;            /* enabled ones as a JSON array */
    uint32_t has_app_token;
    uint32_t has_api_token;
    uint64_t max_body;                    /* --max-body-size in bytes; 0: no limit */
    uint64_t app_binding_options_timeout_ns;
};

/* Kinds for resource_*: documents as JSON, secrets resolved. */
#define TRB_RESOURCE_SUBSCRIPTION 1u
#define TRB_RESOURCE_HTTP_ENDPOINT 2u
#define TRB_RESOURCE_RESILIENCY 3u
#define TRB_RESOURCE_MCP_SERVER 4u
#define TRB_RESOURCE_WORKFLOW_POLICY 5u
#define TRB_RESOURCE_CONFIGURATION 6u /* it has no documents: info->configuration is another */

struct trb_kernel {
    uint32_t size, block_abi;
    const struct trb_host *host;
    const struct trb_runtime_info *info;

    /* Memory of the request. */
    void *(*alloc)(struct trb_request *, size_t); /* zeroed, freed with the request */

    /* What was asked. Absent: at == NULL. */
    struct trb_slice (*method)(struct trb_request *);
    struct trb_slice (*target)(struct trb_request *);    /* path as received, without query */
    struct trb_slice (*raw_query)(struct trb_request *); /* without '?' */
    struct trb_name (*path)(struct trb_request *, const char *param); /* decoded */
    struct trb_name (*query)(struct trb_request *, const char *name); /* first value, decoded */
    struct trb_pairs (*metadata)(struct trb_request *);  /* query metadata.*, prefix cut, first values */
    struct trb_slice (*header)(struct trb_request *, const char *name);
    struct trb_pairs (*headers)(struct trb_request *);   /* all, in order, as received */
    struct trb_data (*body)(struct trb_request *);       /* routes with TRB_ROUTE_WHOLE; owner always set */
    const char *(*body_fault)(struct trb_request *);     /* NULL, or "stream too large", "unexpected EOF" */
    int64_t (*body_length)(struct trb_request *);        /* -1: not known before its end; -2: none */
    uint64_t (*deadline_ns)(struct trb_request *);
    struct trb_slice (*traceparent)(struct trb_request *); /* to pass on: 2.10 of the HTTP contract */
    struct trb_slice (*tracestate)(struct trb_request *);
    struct trb_slice (*peer_identity)(struct trb_request *); /* SPIFFE id of a calling sidecar */

    /* Answering. */
    void (*set_header)(struct trb_request *, struct trb_slice name, struct trb_slice value);
    struct trb_next (*reply)(struct trb_request *, uint32_t status, struct trb_data body);
    struct trb_next (*refuse)(struct trb_request *, const struct trb_refusal *);
    /* A streamed answer: head, then pieces; then is where to go on when there is room. */
    void (*reply_head)(struct trb_request *, uint32_t status, int64_t length);
    struct trb_next (*reply_send)(struct trb_request *, struct trb_data piece, struct trb_next then);
    struct trb_next (*reply_end)(struct trb_request *);
    struct trb_next (*reply_cut)(struct trb_request *); /* a broken end: the client sees it */

    /* Streamed bodies (routes with TRB_ROUTE_STREAM). */
    struct trb_data (*body_take)(struct trb_request *); /* what has arrived; given; at == NULL: nothing now */
    uint32_t (*body_ended)(struct trb_request *);
    struct trb_next (*body_wait)(struct trb_request *, struct trb_next then);
    struct trb_next (*body_gather)(struct trb_request *, struct trb_next then); /* then use body() */

    /* Components. */
    struct trb_instance *(*find)(struct trb_request *, const char *block, struct trb_slice name);
    uint32_t (*count)(const struct trb_kernel *, const char *block); /* configured and in service */
    struct trb_next (*ask)(struct trb_request *, struct trb_instance *, uint32_t verb, const void *question,
                           struct trb_next then);
    /* count questions at stride, at most parallel at once (0: all); each result is an item. */
    struct trb_next (*ask_each)(struct trb_request *, struct trb_instance *, uint32_t verb,
                                const void *questions, uint32_t count, uint32_t stride, uint32_t parallel,
                                struct trb_next then);
    const void *(*answer)(struct trb_request *);                    /* of the last ask; NULL: it failed */
    const struct trb_error *(*failure)(struct trb_request *);       /* why; never NULL then */
    uint32_t (*item_count)(struct trb_request *);
    const void *(*item)(struct trb_request *, uint32_t i, const struct trb_error **ret_failure);
    uint32_t (*has_verb)(struct trb_instance *, uint32_t verb);
    struct trb_name (*instance_name)(const struct trb_instance *);
    struct trb_name (*instance_type)(const struct trb_instance *);
    struct trb_name (*instance_version)(const struct trb_instance *);
    uint64_t (*instance_caps)(const struct trb_instance *);
    struct trb_pairs (*instance_properties)(const struct trb_instance *); /* resolved; keys as written */
    const void *(*instance_ops)(const struct trb_instance *);
    void *(*instance_data)(const struct trb_instance *);                  /* what component_up returned */

    /* Calls out. After the step runs: outcome, or NULL and failure. */
    struct trb_next (*send)(struct trb_request *, const struct trb_outcall *, struct trb_next then);
    const struct trb_outcome *(*outcome)(struct trb_request *);
    struct trb_next (*outcome_gather)(struct trb_request *, size_t max, struct trb_next then);
    struct trb_data (*outcome_body)(struct trb_request *);   /* after gather; owner always set */
    /* Pumps the answer's body to the client: after reply_head. Ends the request; a broken end is passed on. */
    struct trb_next (*outcome_relay)(struct trb_request *);

    /* Tasks. [any] but the first step runs on a loop. home: 0 … loops-1, or -1: any. */
    void (*task)(const struct trb_kernel *, void *self, int32_t home, struct trb_next first, void *arg);
    void *(*task_arg)(struct trb_request *);
    struct trb_next (*task_end)(struct trb_request *);
    struct trb_next (*sleep)(struct trb_request *, uint64_t ns, struct trb_next then);

    /* Streams: one task per event, beginning at first; it ends by settle. Opened and closed on the
     * main loop, where ended is called too, once; the handle is gone then. [main loop] */
    struct trb_stream_handle *(*stream_open)(const struct trb_kernel *, void *self, struct trb_instance *,
                                             uint32_t verb, const void *question, struct trb_next first,
                                             void *arg, void (*ended)(void *arg, const struct trb_error *));
    /* No further events; those in flight are settled; ended is called when all is over. */
    void (*stream_close)(struct trb_stream_handle *, uint32_t why);
    const void *(*event)(struct trb_request *);
    struct trb_next (*settle)(struct trb_request *, uint32_t verdict, const struct trb_error *why,
                              struct trb_data data);

    /* The process. [any] */
    uint32_t (*resource_count)(const struct trb_kernel *, uint32_t kind);
    struct trb_slice (*resource_document)(const struct trb_kernel *, uint32_t kind, uint32_t i);
    /* Components in service, every block: 0 … until NULL. */
    struct trb_instance *(*instance_at)(const struct trb_kernel *, uint32_t i);
    const char *(*block_of)(const struct trb_instance *);
    struct trb_slice (*cap_names)(const struct trb_instance *); /* "ETAG TRANSACTIONAL TTL" */
    uint32_t (*is_ready)(const struct trb_kernel *, char *ret_pending, size_t size); /* healthz */
    uint32_t (*is_outbound_ready)(const struct trb_kernel *);
    uint32_t (*is_app_healthy)(const struct trb_kernel *);
    void (*shutdown)(const struct trb_kernel *, uint32_t force);
    const void *(*tls_client)(const struct trb_kernel *, struct trb_slice ca_pem, struct trb_slice cert_pem,
                              struct trb_slice key_pem, struct trb_error *);
    void (*log)(uint32_t level, const char *scope, const char *text);
    /* name from the contract; labels are keys and values. Get once, keep, add often. */
    struct trb_metric *(*metric)(const struct trb_kernel *, const char *name, const struct trb_pairs *labels);
    void (*metric_add)(struct trb_metric *, double); /* a counter's step or a histogram's sample */
    /* Something another block may want: invoke's local call for actors, … NULL: not offered. */
    const void *(*extension)(const struct trb_kernel *, const char *id);
    /* A lock for what the loops share in self; hold it shortly. */
    void (*lock)(void *self);
    void (*unlock)(void *self);
    /* Parks a request until another one of the same block wakes it: of the same loop, or of any if it is
     * pinned. Waking one that waits for something else does nothing; one that has ended must not be touched
     * unless it is pinned. */
    struct trb_next (*park)(struct trb_request *, struct trb_next then);
    void (*wake)(struct trb_request *);
    uint32_t (*stream_is_open)(const struct trb_stream_handle *); /* the component said opened [any] */
    /* Of the last call out: waits until its answer's body has begun or is over (or broke: no outcome then);
     * first is what has come of it so far, absent: nothing, it is over. Gather or relay it afterwards. */
    struct trb_next (*outcome_peek)(struct trb_request *, struct trb_next then);
    struct trb_slice (*outcome_first)(struct trb_request *);
    struct trb_slice (*instance_document)(const struct trb_instance *); /* the resource as JSON, secrets resolved */

    /* gRPC. A unary method's message is body(); reply answers with one message, reply_head, reply_send …
     * reply_end with several; what a client streams comes by body_take, message by message, and an empty one
     * is not at == NULL. set_header is metadata before the answer, set_trailer behind it. */
    void (*set_trailer)(struct trb_request *, struct trb_slice name, struct trb_slice value); /* GRPC, PEER */
    struct trb_next (*reply_status)(struct trb_request *, const struct trb_status *);         /* GRPC, PEER */
    /* Called once on the request's loop when no step will run any more, however it came; one per request. What
     * had come of a streamed body may still be taken there. */
    void (*on_over)(struct trb_request *, void (*run)(struct trb_request *, void *arg), void *arg);
    /* The request's memory stays until unpinned, beyond its end too. pin on its own loop, unpin anywhere. A
     * pinned one may be woken from any loop; waking ends park, sleep and body_wait. */
    void (*pin)(struct trb_request *);
    void (*unpin)(struct trb_request *); /* [any] */
    const struct trb_peer_message *(*peer_message)(struct trb_request *); /* NULL but for PEER */
    const char *(*status_text)(uint32_t http_status); /* "Not Found"; "": the number has none [any] */
    /* Bytes of any size, to be filled at once, that live as long as the request; given on like a body's. */
    struct trb_data (*buffer)(struct trb_request *, size_t len, char **ret_bytes);
    /* Of a stream that was just opened: opened(arg of stream_open) is called once the component says so, on the
     * main loop and before ended. [main loop] */
    void (*stream_on_open)(struct trb_stream_handle *, void (*opened)(void *arg));
    /* Takes back promises that the component's configuration does not want; inside component_up. */
    void (*instance_narrow)(struct trb_instance *, uint64_t caps);
    /* As ask, but goes on after that time with a failure, TRB_DEADLINE. The component may read the question until
     * it has answered or the request's memory is gone: what it is made of must be in there. 0: as ask. */
    struct trb_next (*ask_within)(struct trb_request *, struct trb_instance *, uint32_t verb, const void *question,
                                  uint64_t timeout_ns, struct trb_next then);
};

/* -------------------------------------------------------------------------------- the manifest */
#define TRB_ROUTE_WHOLE 1u    /* the body is gathered before the first step */
#define TRB_ROUTE_STREAM 2u   /* the steps take the body themselves; neither flag: it is ignored */
#define TRB_ROUTE_HEALTH 4u   /* no token, no trace headers, always allowed */
#define TRB_ROUTE_PUBLIC 8u   /* also on the public server */
#define TRB_ROUTE_FALLBACK 16u/* takes every request without a route of its own */
#define TRB_ROUTE_KEEP_PLUS 32u
#define TRB_ROUTE_PEER 64u    /* takes calls of other sidecars */
#define TRB_ROUTE_NO_LIMIT 128u
#define TRB_ROUTE_CUT 256u    /* a body over the limit is cut, not refused */

struct trb_route {
    const char *methods;  /* "GET", "POST PUT", "*" */
    const char *path;     /* "v1.0/state/{store}/{key}"; "{topic...}" takes the rest with its slashes */
    const char *endpoint; /* "GetState": for the API log */
    const char *group;    /* "state": for the allow and deny lists */
    uint32_t flags;
    struct trb_next first;
};

struct trb_method { /* gRPC */
    const char *service, *name;
    uint32_t client_streams, server_streams;
    const char *list_name; /* "state.v1": allow and deny lists */
    struct trb_next first;
};

struct trb_block {
    uint32_t size, abi;
    const char *name; /* "state" */
    size_t self_size; /* zeroed by the host */
    const struct trb_route *routes;
    uint32_t route_count, route_size;
    const struct trb_method *methods;
    uint32_t method_count, method_size;
    const struct trb_verb_info *verbs; /* of its components; NULL: it has none */
    uint32_t verb_count, verb_size;
    const char *const *cap_names;      /* name of caps bit i; NULL-terminated */
    uint32_t ops_min_size;             /* a smaller table lacks a mandatory verb */
    const char *mandatory;             /* "get set remove" */

    /* [main loop] in this order: start, component_up …, app_up/app_down …, drain, component_down …, stop. */
    trb_code (*start)(void *self, const struct trb_kernel *, struct trb_error *);
    void (*stop)(void *self);
    /* Returns what instance_data gives; *err set: the component fails to initialise. */
    void *(*component_up)(void *self, struct trb_instance *, struct trb_error *err);
    void (*component_down)(void *self, struct trb_instance *, void *data); /* no request uses it any more */
    void (*app_up)(void *self);   /* the app listens (and is healthy): init endpoints may be called */
    void (*app_down)(void *self); /* it became unhealthy */
    void (*resources)(void *self, uint32_t kind); /* documents of a kind changed */
    /* The process is leaving: end what was begun without a client; call done(token) when quiet. */
    void (*drain)(void *self, void (*done)(void *token), void *token);
    const void *(*extension)(void *self, const char *id);
    /* When another copy takes the place of this one: says out(arg, kept) at most once. It is asked twice: before the
     * other is in service, and when nothing of this one runs any more, for what came in between. */
    void (*hand_over)(void *self, void (*out)(void *arg, struct trb_slice kept), void *arg);
    /* What another copy, perhaps of another version, handed over. What clients have told this one counts more. */
    void (*adopt)(void *self, struct trb_slice kept);
    /* It has left the catalog: end your streams on it; component_down follows when it is quiet. */
    void (*component_leaving)(void *self, struct trb_instance *, void *data);
    /* Asked while the process starts, after app_up: 1 while the block still deals with it (init
     * endpoints, subscriptions); the process is not ready until then. [any] */
    uint32_t (*is_busy)(void *self);
    /* Names in its components' metadata that the block reads itself, separated by '|'; or NULL. */
    const char *properties;
    const char *const *cap_verbs; /* as cap_names: the verb without which the promise is refused, or ""; or NULL */
    /* This copy is the one in service from now on: after start, or once it has taken another's place. */
    void (*in_service)(void *self);
    /* What a component keeps is about to go to the one that takes its place: end your streams on it, say done(token) once
     * they have ended, and open none until component_stays, which takes it back, or component_leaving. */
    void (*component_moving)(void *self, struct trb_instance *, void *data, void (*done)(void *token), void *token);
    void (*component_stays)(void *self, struct trb_instance *, void *data);
};

/* What a block tells another through extension(): a piece of JSON, e.g. for the metadata. */
#define TRB_SUBSCRIPTIONS "trilby.subscriptions/1"
struct trb_json_source { /* [any] */
    uint32_t size;
    void *self;
    void (*write)(void *self, void (*out)(void *arg, struct trb_slice piece), void *arg);
};

/* State stores whose transactions publish, as the state block knows them. All of it [main loop]. */
#define TRB_OUTBOXES "trilby.outboxes/1"
struct trb_outbox {
    uint32_t size, discards;            /* discards: an event without its row is no error */
    struct trb_name store;
    struct trb_name broker, waiting;    /* the pubsub and the topic where events wait for their transaction */
    struct trb_name pubsub, topic;      /* where they go */
};
struct trb_outbox_source {
    uint32_t size;
    void *self;
    void (*each)(void *self, void (*out)(void *arg, const struct trb_outbox *), void *arg);
};
/* Who listens there: to be told when TRB_OUTBOXES has changed. */
#define TRB_OUTBOX_READER "trilby.outbox-reader/1"
struct trb_outbox_reader {
    uint32_t size;
    void *self;
    void (*changed)(void *self);
};

#define TRB_BLOCK_PLUGIN(name_, version_, license_, ...)                                           \
    static const struct trb_block *const trb_blocks_[] = {__VA_ARGS__, NULL};                      \
    const struct trb_plugin trilby_plugin_v1 = {                                                   \
        .size = sizeof(struct trb_plugin), .abi_minor = TRB_ABI_MINOR, .flags = TRB_MAY_UNMAP,     \
        .name = (name_), .version = (version_), .license = (license_), .blocks = trb_blocks_}

/* --------------------------------------------------------------------------- comfort, inlined */
#define TRB_AT(ops, verb) ((uint32_t)offsetof(struct trb_##ops##_ops, verb))

static inline void *trb_alloc(struct trb_request *rq, size_t size)
{
    return rq->kernel->alloc(rq, size);
}

static inline void *trb_request_state(struct trb_request *rq, size_t size)
{
    return rq->state = rq->kernel->alloc(rq, size);
}

static inline TRB_PRINTF(2, 3) struct trb_name trb_printf(struct trb_request *rq, const char *format, ...)
{
    char room[256];
    va_list ap;
    va_start(ap, format);
    int len = vsnprintf(room, sizeof room, format, ap);
    va_end(ap);
    char *at = (char *)trb_alloc(rq, (size_t)len + 1);
    if ((size_t)len < sizeof room) {
        memcpy(at, room, (size_t)len + 1);
        return (struct trb_name){at, (size_t)len};
    }
    va_start(ap, format);
    vsnprintf(at, (size_t)len + 1, format, ap);
    va_end(ap);
    return (struct trb_name){at, (size_t)len};
}

static inline struct trb_next trb_reply(struct trb_request *rq, uint32_t status, struct trb_data body)
{
    return rq->kernel->reply(rq, status, body);
}

static inline struct trb_next trb_reply_empty(struct trb_request *rq, uint32_t status)
{
    return rq->kernel->reply(rq, status, (struct trb_data){NULL, 0, NULL});
}

/* The short form, or the long one without details beyond ErrorInfo. */
static inline TRB_PRINTF(3, 4) struct trb_next trb_refuse(struct trb_request *rq,
                                                          const struct trb_error_row *row,
                                                          const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    int len = vsnprintf(NULL, 0, format, ap);
    va_end(ap);
    char *at = (char *)trb_alloc(rq, (size_t)len + 1);
    va_start(ap, format);
    vsnprintf(at, (size_t)len + 1, format, ap);
    va_end(ap);
    struct trb_refusal r = {.size = sizeof r, .row = row, .message = {at, (size_t)len}};
    return rq->kernel->refuse(rq, &r);
}

static inline struct trb_next trb_ask(struct trb_request *rq, struct trb_instance *instance, uint32_t verb,
                                      const void *question, struct trb_next then)
{
    return rq->kernel->ask(rq, instance, verb, question, then);
}

#endif
