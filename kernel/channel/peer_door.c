/* peer_door: the stream of a calling sidecar becomes a request. Its answer is said by peer_answer.c. */
#include <base/check.h>
#include <base/error.h>
#include <base/mem.h>
#include <base/method_path.h>
#include <base/slice.h>
#include <channel/arrival.h>
#include <channel/outgoing.h>
#include <channel/peer_door.h>
#include <channel/peer_metrics.h>
#include <request/request.h>
#include <request/shared_slot.h>

#define BUDGET (1u << 26)

static struct shared_slot *peers;          /* of struct router */
static peer_policy *policy;

static void router_take(void *router)
{
    router_ref(router);
}

static void router_drop(void *router)
{
    router_unref(router);
}

void peer_door_set_router(struct router *given)
{
    static const struct shared_kind kind = {.ref = router_take, .unref = router_drop};
    if (!peers)
        peers = shared_slot_create(&kind);
    shared_slot_set(peers, given);
}

void peer_door_set_policy(peer_policy *p)
{
    policy = p;
}

/* ------------------------------------------------------------------------------- the question */
/* What was decoded stands in the request's own memory. */
static struct http_headers *headers_of(struct request *rq, const struct peer_request *q)
{
    struct http_headers *h = arena_alloc(rq->arena, sizeof *h);
    *h = (struct http_headers){.at = arena_alloc(rq->arena, q->metadata.count * sizeof *h->at), .room = q->metadata.count};
    for (uint32_t i = 0; i < q->metadata.count; i++) {
        const struct trb_pair *p = trb_pair_at(&q->metadata, i);
        http_header_add(rq->arena, h, slice_name(p->key), slice_name(p->value));
    }
    return h;
}

static struct trb_slice kept(struct request *rq, struct trb_slice s)
{
    return s.at ? slice_name(arena_name(rq->arena, s)) : s;
}

static const struct trb_peer_message *message_of(struct request *rq, const struct peer_request *q)
{
    struct trb_peer_message *m = arena_zero(rq->arena, sizeof *m);
    *m = (struct trb_peer_message){.size = sizeof *m, .has_extension = q->has_extension,
                                   .content_type = kept(rq, q->content_type), .type_url = kept(rq, q->type_url)};
    return m;
}

static void fill(struct request *rq, struct arrival *v, const struct peer_request *q)
{
    const struct grpc_stream_info *info = grpc_stream_info(v->stream);
    const char *verb = peer_verb_name(q->verb);
    rq->method = verb ? slice_of(verb) : SLICE("");
    rq->target = rq->path = slice_name(arena_name(rq->arena, q->method));
    rq->query = slice_name(arena_name(rq->arena, q->query));
    rq->headers = headers_of(rq, q);
    rq->header_pairs = q->metadata;
    rq->peer_message = message_of(rq, q);
    v->is_events = peer_wants_events(http_header_get(rq->headers, SLICE("accept")));
    v->caller = http_header_get(rq->headers, SLICE("dapr-caller-app-id"));
    peer_metrics_was_asked(channel_setup()->info->app_id, v->caller);
    rq->peer_identity = info->peer_identity;
    rq->traceparent = info->traceparent;
    rq->tracestate = info->tracestate;
}

/* What the caller's body will measure, when it said so; -1: not known. */
static int64_t length_of(struct arrival *v, const struct peer_request *q)
{
    int64_t length;
    if (v->is_unary)
        return (int64_t)q->data.len;
    struct trb_slice said = slice_name(trb_pair_get(&q->metadata, "content-length"));
    return said.at && slice_to_i64(said, &length) && length > 0 ? length : -1;
}

/* The method as it will be called: a policy judges what happens, not how it was spelled. */
static bool clean_method(struct request *rq, struct trb_error *err)
{
    char fault[METHOD_PATH_FAULT];
    char *room = arena_alloc(rq->arena, rq->target.len + 1);
    if (method_path_clean(rq->target, room, &rq->target, fault)) {
        rq->path = rq->target;
        return true;
    }
    error_set(err, TRB_INVALID, "METHOD", "invalid method: %s", fault);
    return false;
}

/* What an app that speaks gRPC gets is one message: a body is not gathered beyond what that may be. */
static uint64_t limit(void)
{
    const struct channel_setup *s = channel_setup();
    return slice_starts(slice_name(s->info->app_protocol), SLICE("grpc")) ? s->max_message : 0;
}

/* The one route for peers; without the invoke block there is none. The request takes the arena in which q
 * was decoded. */
static bool begin(struct arrival *v, const struct peer_request *q, struct arena **arena)
{
    struct route_match match;
    struct router *router = shared_slot_get(peers);
    match.kind = ROUTE_NONE;
    if (router)
        router_match(router, SLICE("POST"), SLICE("/peer"), &match);
    if (match.kind != ROUTE_FOUND) {
        arrival_fail(v, TRB_UNIMPLEMENTED, "this sidecar serves no invocation: its invoke block is not loaded");
        return false;
    }
    struct request_birth birth = {.loop = loop_self(), .arena = *arena, .door_kind = TRB_DOOR_PEER,
                                  .door = &arrival_door, .door_data = v, .owner = match.owner};
    *arena = NULL;
    v->rq = request_create(&birth);
    v->rq->route = match.route;
    request_set_deadline(v->rq, grpc_stream_info(v->stream)->deadline_ns);
    fill(v->rq, v, q);
    struct trb_error err = ERROR_INIT;
    if (!clean_method(v->rq, &err) || (policy && policy(v->rq->peer_identity, v->rq->target, v->rq->method, &err))) {
        arrival_finish(v, &err);
        request_end(v->rq);
        return false;
    }
    v->length = length_of(v, q);
    request_body_begin(v->rq, BODY_STREAM, v->length, limit(), false);
    return true;
}

static void take_unary(struct arrival *v, struct trb_slice message, struct arena **arena)
{
    struct peer_request q;
    if (!peer_read_request(*arena, message, &q))
        return arrival_fail(v, TRB_INTERNAL, "grpc: error unmarshalling request: proto: cannot parse invalid wire-format data");
    if (!q.has_message)
        return arrival_fail(v, TRB_INVALID, "parsing InternalInvokeRequest error: field Message is nil");
    if (!begin(v, &q, arena))
        return;
    request_body_feed(v->rq, (struct trb_data){q.data.at ? q.data.at : "", q.data.len, NULL});
    request_body_end(v->rq);
    request_start(v->rq, v->rq->route->first);
}

/* The caller broke the protocol: it hears why, and what its call began hears that it is gone. */
static void break_off(struct arrival *v, trb_code code, const char *sentence)
{
    struct request *rq = v->rq;
    arrival_fail(v, code, sentence);
    if (rq)
        request_cancel(rq, TRB_WHY_CLIENT);
}

/* false: the call is over. */
static bool feed(struct arrival *v, const struct peer_payload *p)
{
    char text[80];
    if (p->seq != v->seq_in) {
        snprintf(text, sizeof text, "invalid sequence number received: %llu (expected: %llu)",
                 (unsigned long long)p->seq, (unsigned long long)v->seq_in);
        break_off(v, TRB_INTERNAL, text);
        return false;
    }
    v->seq_in++;
    v->arrived += p->data.len;
    if (v->length >= 0 && v->arrived > (uint64_t)v->length) {
        break_off(v, TRB_INVALID, "the body is longer than its content-length");
        return false;
    }
    if (p->data.len)
        request_body_feed(v->rq, (struct trb_data){p->data.at, p->data.len, NULL});
    return v->stream != NULL;
}

static bool refuse_chunk(struct arrival *v, bool is_first, bool has_request, const struct peer_request *q)
{
    if (is_first && (!has_request || !q->has_metadata || !q->has_message))
        break_off(v, TRB_INVALID, "parsing InternalInvokeRequest error: request does not contain the required fields "
                  "in the leading chunk");
    else if (!is_first && has_request)
        break_off(v, TRB_INVALID, "request metadata found in non-leading chunk");
    else
        return false;
    return true;
}

static void take_chunk(struct arrival *v, struct trb_slice message, struct arena **arena)
{
    struct peer_request q;
    struct peer_payload payload;
    bool has_request, is_first = !v->has_head;
    if (!peer_read_request_chunk(*arena, message, &has_request, &q, &payload))
        return break_off(v, TRB_INTERNAL, "grpc: error unmarshalling request: proto: cannot parse invalid wire-format data");
    if (refuse_chunk(v, is_first, has_request, &q))
        return;
    v->has_head = true;
    if (is_first && !begin(v, &q, arena))
        return;
    grpc_consume(v->stream, message.len - (payload.is_present ? payload.data.len : 0));
    if (payload.is_present && !feed(v, &payload))
        return;
    if (is_first)
        request_start(v->rq, v->rq->route->first);
}

/* The request that a message ends stays until we are through with it. */
static void on_message(struct grpc_stream *s, struct trb_data message)
{
    struct arrival *v = checked(grpc_stream_owner(s), struct arrival, ARRIVAL_MAGIC);
    struct request *rq = v->rq;
    struct arena *arena = arena_create(BUDGET);
    struct trb_slice bytes = slice_from(message.at, message.len);
    if (rq)
        request_pin(rq);
    if (v->is_unary && !v->has_head) {
        v->has_head = true;
        take_unary(v, bytes, &arena);
    } else if (!v->is_unary) {
        take_chunk(v, bytes, &arena);
    }
    arena_destroy(arena);
    if (rq)
        request_unpin(rq);
}

static void end_body(struct arrival *v)
{
    if (v->length >= 0 && v->arrived < (uint64_t)v->length)
        return break_off(v, TRB_INVALID, "unexpected EOF: the body is shorter than its content-length");
    request_body_end(v->rq);
}

static void on_half_close(struct grpc_stream *s)
{
    struct arrival *v = checked(grpc_stream_owner(s), struct arrival, ARRIVAL_MAGIC);
    struct request *rq = v->rq;
    if (!v->has_head)
        return arrival_fail(v, TRB_UNKNOWN, "EOF");
    if (!rq || v->is_unary)
        return;
    request_pin(rq);
    end_body(v);
    request_unpin(rq);
}

static void on_room(struct grpc_stream *s)
{
    struct arrival *v = checked(grpc_stream_owner(s), struct arrival, ARRIVAL_MAGIC);
    struct request *rq = v->rq;
    if (!rq)
        return;
    request_pin(rq);
    request_room(rq);
    request_unpin(rq);
}

static void on_gone(struct grpc_stream *s, uint32_t why)
{
    struct arrival *v = checked(grpc_stream_owner(s), struct arrival, ARRIVAL_MAGIC);
    v->stream = NULL;
    text_fini(&v->unary);
    if (v->rq)
        request_cancel(v->rq, why);
    else
        arrival_destroy(v);
}

static void open_as(struct grpc_stream *s, bool unary)
{
    struct arrival *v = mem_zero(sizeof *v);
    v->magic = ARRIVAL_MAGIC;
    v->stream = s;
    v->is_unary = unary;
    grpc_stream_set_owner(s, v);
}

static void on_open_stream(struct grpc_stream *s)
{
    open_as(s, false);
}

static void on_open_unary(struct grpc_stream *s)
{
    open_as(s, true);
}

const struct grpc_service_handler *peer_door_handlers(uint32_t *ret_count)
{
    static const struct grpc_service_handler handlers[] = {
        {"dapr.proto.internals.v1.ServiceInvocation", "CallLocalStream", on_open_stream, on_message, on_half_close,
         on_room, on_gone, GRPC_ALWAYS, NULL},
        {"dapr.proto.internals.v1.ServiceInvocation", "CallLocal", on_open_unary, on_message, on_half_close, on_room,
         on_gone, GRPC_ALWAYS, NULL},
    };
    *ret_count = countof(handlers);
    return handlers;
}
