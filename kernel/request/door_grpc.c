/* door_grpc: from an HTTP/2 exchange to a method's first step or to a handler of the kernel's own. */
#include <base/buf.h>
#include <base/check.h>
#include <base/error.h>
#include <base/mem.h>
#include <base/slice.h>
#include <request/door_log.h>
#include <request/grpc_private.h>
#include <request/private.h>
#include <request/refusal.h>
#include <request/shared_slot.h>

struct door_grpc {
    struct door door;
};

static struct grpc_stream *stream_of(struct request *rq)
{
    return checked(rq->door_data, struct grpc_stream, GRPC_STREAM_MAGIC);
}

/* ------------------------------------------------------------------------------- steps answer */

static void say_status(struct request *rq, const struct trb_error *err)
{
    struct grpc_stream *s = stream_of(rq);
    if (s->door->setup.trace.is_on || rq->out.headers.count)
        grpc_send_head(s);
    grpc_stream_status(s, 200, err);
}

/* An HTTP status that means failure becomes a code, for steps that know one door only. */
static void whole(struct request *rq, uint32_t status, struct trb_data body)
{
    struct grpc_stream *s = stream_of(rq);
    struct trb_error err = ERROR_INIT;
    if (status < 400) {
        grpc_send_message(s, body);
        grpc_stream_status(s, 200, NULL);
        return;
    }
    error_set(&err, error_code_from_http((int)status), "", "%.*s", SLICE_ARG(body));
    say_status(rq, &err);
}

/* Somebody else's status, passed on. */
static void status(struct request *rq, const struct trb_status *said)
{
    struct grpc_stream *s = stream_of(rq);
    struct trb_error err;
    if (!said->code)
        return whole(rq, 200, said->body);
    refusal_text_to_error(said->code, said->message, &err);
    if (said->details.len)
        err.details = buf_copy(said->details);
    if (rq->out.headers.count)
        grpc_send_head(s);
    grpc_stream_status(s, 200, &err);
    error_release(&err);
}

static void head(struct request *rq, uint32_t status, int64_t length)
{
    grpc_send_head(stream_of(rq));
}

static bool piece(struct request *rq, struct trb_data data)
{
    return grpc_send_message(stream_of(rq), data);
}

static void end(struct request *rq)
{
    grpc_stream_status(stream_of(rq), 200, NULL);
}

/* Also after messages: a stream that is late ends in a status, not in a break. */
static void expire(struct request *rq)
{
    struct trb_error err = ERROR_INIT;
    if (rq->cancelled == TRB_WHY_DEADLINE)
        error_set(&err, TRB_DEADLINE, "", "context deadline exceeded");
    else
        error_set(&err, TRB_UNAVAILABLE, "", "the runtime is shutting down");
    grpc_stream_status(stream_of(rq), 200, &err);
}

#define HTTP2_INTERNAL_ERROR 2u

static void cut(struct request *rq)
{
    struct grpc_stream *s = stream_of(rq);
    if (rq->cancelled) {
        expire(rq);
        return;
    }
    s->finished = true;
    s->x->ops->reset(s->x, HTTP2_INTERNAL_ERROR);
}

static void refuse(struct request *rq, const struct trb_refusal *refusal)
{
    struct trb_error err;
    door_refused(stream_of(rq)->door, rq, refusal);
    refusal_to_error(refusal, &err);
    say_status(rq, &err);
    error_release(&err);
}

static void consume(struct request *rq, size_t bytes)
{
    grpc_stream_open_window(stream_of(rq), bytes);
}

static void ended(struct request *rq)
{
    struct grpc_stream *s = stream_of(rq);
    if (s->entry.handler && rq->cancelled && s->entry.handler->on_cancel)
        s->entry.handler->on_cancel(s, rq->cancelled);
    if (door_rules(s->door)->log_calls)
        door_log_grpc(door_rules(s->door), rq);
    door_done(s->door, rq);
}

static void release(struct request *rq)
{
    struct grpc_stream *s = stream_of(rq);
    struct exchange *x = s->x;
    grpc_stream_fini(s);
    x->owner = NULL;
    x->ops->release(x);
}

static const struct request_door grpc_door = {
    .whole = whole, .head = head, .piece = piece, .end = end, .cut = cut, .refuse = refuse, .status = status,
    .expire = expire, .consume = consume, .ended = ended, .release = release,
};

/* ----------------------------------------------------------------------------- calls come in */

static struct grpc_stream *stream_at(struct exchange *x)
{
    return checked(x->owner, struct grpc_stream, GRPC_STREAM_MAGIC);
}

static void on_data(struct exchange *x, struct trb_data data)
{
    struct grpc_stream *s = stream_at(x);
    struct request *rq = s->rq;
    request_pin(rq);                        /* a message may be what ends it */
    grpc_stream_data(s, data);
    request_unpin(rq);
}

static void on_end(struct exchange *x, const struct http_headers *trailers)
{
    struct grpc_stream *s = stream_at(x);
    struct request *rq = s->rq;
    request_pin(rq);
    grpc_stream_end(s);
    request_unpin(rq);
}

static void on_room(struct exchange *x)
{
    struct grpc_stream *s = stream_at(x);
    if (s->entry.handler && s->entry.handler->on_room && !request_is_over(s->rq)) {
        s->rq->out.has_room = true;
        s->entry.handler->on_room(s);
    } else {
        request_room(s->rq);
    }
}

static void on_gone(struct exchange *x, const struct trb_error *err)
{
    request_cancel(stream_at(x)->rq, TRB_WHY_CLIENT);
}

static const struct exchange_events events = {.data = on_data, .end = on_end, .room = on_room, .gone = on_gone};

static struct grpc_stream *stream_create(struct door *d, struct exchange *x)
{
    struct grpc_stream *s = arena_zero(x->arena, sizeof *s);
    struct request_birth birth = {.loop = x->loop, .arena = x->arena, .door_kind = TRB_DOOR_GRPC,
                                  .door = &grpc_door, .door_data = s};
    struct request *rq = request_create(&birth);
    struct trb_slice target = x->request.target;
    s->magic = GRPC_STREAM_MAGIC;
    s->door = d;
    s->x = x;
    s->rq = rq;
    rq->exchange = x;
    rq->method = x->request.method;
    rq->headers = &x->request.headers;
    rq->target = rq->path = slice_split(&target, '?');
    x->owner = s;
    x->events = &events;
    return s;
}

/* What this server serves itself is never somebody else's method. */
static bool is_own_service(struct trb_slice path)
{
    return slice_starts(path, SLICE("/dapr.proto.runtime.v1.Dapr/")) ||
           slice_starts(path, SLICE("/dapr.proto.internals.v1.ServiceInvocation/")) ||
           slice_starts(path, SLICE("/grpc.reflection.")) || slice_starts(path, SLICE("/TaskHubSidecarService/"));
}

static void find_entry(struct grpc_stream *s)
{
    s->table = grpc_table_ref(shared_slot_get(s->door->table));
    const struct grpc_entry *entry = grpc_table_find(s->table, s->rq->target);
    if (!entry && !is_own_service(s->rq->target))
        entry = grpc_table_stray(s->table);
    if (entry)
        s->entry = *entry;
}

static void fill_info(struct grpc_stream *s)
{
    const struct connection_info *c = exchange_connection(s->x);
    struct request *rq = s->rq;
    if (c)
        rq->peer_identity = c->peer_identity;
    s->info = (struct grpc_stream_info){
        .handler = s->entry.handler, .path = rq->target, .headers = rq->headers,
        .peer_identity = rq->peer_identity, .peer_address = c ? c->peer_address : (struct trb_slice){NULL, 0},
        .traceparent = rq->traceparent, .tracestate = rq->tracestate, .baggage = rq->baggage,
        .arena = rq->arena, .loop = rq->loop, .deadline_ns = rq->deadline_ns, .request = rq};
}

static void turn_away(struct grpc_stream *s, int http_status, struct trb_error *err)
{
    grpc_stream_status(s, http_status, err);
    error_release(err);
    request_end(s->rq);
}

/* A unary method starts with its message, one that streams at once. */
static void dispatch(struct grpc_stream *s)
{
    struct request *rq = s->rq;
    if (s->entry.handler) {
        s->entry.handler->on_open(s);
        return;
    }
    rq->rpc = s->entry.method;
    request_set_owner(rq, s->entry.owner);
    rq->then = rq->rpc->first;
    if (!rq->rpc->client_streams)
        return;
    request_body_begin(rq, BODY_STREAM, HTTP_LENGTH_UNKNOWN, 0, false);
    request_start(rq, rq->rpc->first);
}

/* What is no call at all is refused once it has come whole, or much of it: whatever else is wrong with it is HTTP/2's
 * to say first. */
struct refused {
    struct grpc_stream *s;
    struct grpc_fault fault;
    size_t came;
};
#define ENOUGH 32768u

static void on_refused_end(struct exchange *x, const struct http_headers *trailers)
{
    struct refused *r = stream_at(x)->owner;
    turn_away(r->s, r->fault.http_status, &r->fault.err);
}

static void on_refused_data(struct exchange *x, struct trb_data data)
{
    struct refused *r = stream_at(x)->owner;
    x->ops->consume(x, data.len);
    r->came += data.len;
    if (r->came >= ENOUGH)
        on_refused_end(x, NULL);
}

static void on_refused_gone(struct exchange *x, const struct trb_error *err)
{
    struct refused *r = stream_at(x)->owner;
    error_release(&r->fault.err);
    request_cancel(r->s->rq, TRB_WHY_CLIENT);
}

static const struct exchange_events refused_events = {
    .data = on_refused_data, .end = on_refused_end, .room = on_room, .gone = on_refused_gone};

static void refuse_when_whole(struct grpc_stream *s, const struct grpc_fault *fault)
{
    struct refused *r = arena_alloc(s->rq->arena, sizeof *r);
    *r = (struct refused){s, *fault, 0};
    s->entry.handler = NULL;                /* nobody's: the owner is ours */
    s->owner = r;
    s->x->events = &refused_events;
}

void door_grpc_on_request(void *arg, struct exchange *x)
{
    struct door *d = checked(arg, struct door, DOOR_MAGIC);
    struct grpc_stream *s = stream_create(d, x);
    struct request *rq = s->rq;
    struct grpc_fault fault = {.err = ERROR_INIT};
    struct trb_error err = ERROR_INIT;
    find_entry(s);
    grpc_check(s, &fault);
    door_begin(d, rq);
    bool is_no_call = fault.http_status == 405 || fault.http_status == 415;
    if (is_no_call && x->request.content_length != HTTP_NO_BODY) {
        refuse_when_whole(s, &fault);
        return;
    }
    if (fault.http_status) {
        turn_away(s, fault.http_status, &fault.err);
        return;
    }
    grpc_stream_begin(s);
    if (!grpc_admit(s, &err)) {
        turn_away(s, 200, &err);
        return;
    }
    fill_info(s);
    request_pin(rq);
    dispatch(s);
    if (x->request.content_length == HTTP_NO_BODY)
        grpc_stream_end(s);
    request_unpin(rq);
}

/* ------------------------------------------------------------------------------------ the door */

static void ref_table(void *table)
{
    grpc_table_ref(table);
}

static void unref_table(void *table)
{
    grpc_table_unref(table);
}

static const struct shared_kind tables = {ref_table, unref_table};

struct door_grpc *door_grpc_create(const struct door_setup *setup)
{
    struct door_grpc *d = mem_zero(sizeof *d);
    door_init(&d->door, setup);
    d->door.table = shared_slot_create(&tables);
    return d;
}

struct door_grpc *door_grpc_destroy(struct door_grpc *d)
{
    if (d)
        door_fini(&d->door);
    return mem_free(d);
}

void door_grpc_set_table(struct door_grpc *d, struct grpc_table *given)
{
    shared_slot_set(d->door.table, given);
}

void door_grpc_set_rules(struct door_grpc *d, const struct door_rules *rules)
{
    door_set_rules(&d->door, rules);
}
