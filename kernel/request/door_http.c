/* door_http: from an HTTP exchange to the first step, and from an answer to its bytes.
 *
 * The order of open() is the contract's and visible to clients: clean, limit, trace, CORS, token,
 * middlewares, route. */
#include <base/check.h>
#include <base/log.h>
#include <base/mem.h>
#include <base/slice.h>
#include <request/cors.h>
#include <request/door_common.h>
#include <request/door_http.h>
#include <request/door_log.h>
#include <request/private.h>
#include <request/refusal.h>
#include <request/shared_slot.h>

struct door_http {
    struct door door;
};

static struct door *door_of(struct request *rq)
{
    return checked(rq->door_data, struct door, DOOR_MAGIC);
}

/* ------------------------------------------------------------------------------- answers leave */

static bool is_health(const struct request *rq)
{
    return rq->route && rq->route->flags & TRB_ROUTE_HEALTH;
}

static struct trb_slice parent_text(struct request *rq)
{
    if (!trace_is_valid(&rq->trace))
        return SLICE(TRACE_NONE);
    char *text = arena_alloc(rq->arena, TRACE_PARENT_LEN + 1);
    trace_text(&rq->trace, text);
    return slice_from(text, TRACE_PARENT_LEN);
}

/* Unless the answer has a trace parent of its own, as an app's may. */
static void add_trace(struct request *rq)
{
    struct door *d = door_of(rq);
    if (!d->setup.trace.is_on || is_health(rq))
        return;
    if (!request_has_header(rq, SLICE("traceparent")))
        http_header_add(rq->arena, &rq->out.headers,
                        rq->exchange->request.major == 1 ? SLICE("Traceparent") : SLICE("traceparent"), parent_text(rq));
    if (rq->tracestate.at && trace_is_valid(&rq->trace_in) && !request_has_header(rq, SLICE("tracestate")))
        http_header_add(rq->arena, &rq->out.headers, slice_name(request_header_name(rq, SLICE("tracestate"))),
                        rq->tracestate);
    if (rq->baggage.at && !request_has_header(rq, SLICE("baggage")))
        http_header_add(rq->arena, &rq->out.headers, slice_name(request_header_name(rq, SLICE("baggage"))),
                        rq->baggage);
}

static struct http_head head_of(struct request *rq, uint32_t status, int64_t length)
{
    bool has_none = status == 204 || status == 304 || status < 200;
    add_trace(rq);
    request_sort_headers(&rq->out.headers);
    return (struct http_head){.status = (int)status, .headers = rq->out.headers,
                              .content_length = has_none ? HTTP_NO_BODY : length,
                              .major = rq->exchange->request.major, .minor = rq->exchange->request.minor};
}

static void whole(struct request *rq, uint32_t status, struct trb_data body)
{
    struct http_head head = head_of(rq, status, (int64_t)body.len);
    if (head.content_length == HTTP_NO_BODY)
        body = (struct trb_data){NULL, 0, NULL};
    exchange_reply(rq->exchange, &head, body);
}

static void head(struct request *rq, uint32_t status, int64_t length)
{
    struct http_head head = head_of(rq, status, length);
    rq->exchange->ops->respond(rq->exchange, &head);
}

static bool piece(struct request *rq, struct trb_data data)
{
    return rq->exchange->ops->write(rq->exchange, data);
}

static void end(struct request *rq)
{
    rq->exchange->ops->finish(rq->exchange, NULL);
}

#define HTTP2_INTERNAL_ERROR 2u

static void cut(struct request *rq)
{
    rq->exchange->ops->reset(rq->exchange, HTTP2_INTERNAL_ERROR);
}

static void refuse(struct request *rq, const struct trb_refusal *refusal)
{
    struct trb_slice json = SLICE("application/json"), type = SLICE("Content-Type");
    door_refused(door_of(rq), rq, refusal);
    if (rq->out.head_sent) {
        cut(rq);
        return;
    }
    struct trb_buf *body = refusal_json(refusal);
    rq->out.ended = false;
    request_set_header(rq, type, json);
    rq->out.ended = true;
    rq->out.bytes = buf_bytes(body).len;
    whole(rq, rq->out.status, buf_data(body));
    buf_unref(body);
}

static void expire(struct request *rq)
{
    static const struct trb_error_row late = {.size = sizeof late, .code = "ERROR", .category = "common",
                                              .http_status = 504, .grpc = TRB_DEADLINE};
    static const struct trb_error_row leaving = {.size = sizeof leaving, .code = "ERROR", .category = "common",
                                                 .http_status = 503, .grpc = TRB_UNAVAILABLE};
    bool is_late = rq->cancelled == TRB_WHY_DEADLINE;
    struct trb_refusal refusal = {.size = sizeof refusal, .row = is_late ? &late : &leaving,
                                  .message = is_late ? SLICE("context deadline exceeded")
                                                     : SLICE("the runtime is shutting down")};
    rq->out.status = refusal.row->http_status;
    refuse(rq, &refusal);
}

static void consume(struct request *rq, size_t bytes)
{
    if (bytes)
        rq->exchange->ops->consume(rq->exchange, bytes);
}

static void ended(struct request *rq)
{
    struct door *d = door_of(rq);
    const struct door_rules *rules = door_rules(d);
    if (rq->is_let_in && rules->log_calls && (rules->log_health || !is_health(rq)))
        door_log_http(rules, rq);
    door_done(d, rq);
}

static void release(struct request *rq)
{
    struct exchange *x = rq->exchange;
    x->owner = NULL;
    x->ops->release(x);
}

static const struct request_door http_door = {
    .whole = whole, .head = head, .piece = piece, .end = end, .cut = cut, .refuse = refuse,
    .expire = expire, .consume = consume, .ended = ended, .release = release,
};

/* ----------------------------------------------------------------------------- requests come in */

static struct request *request_at(struct exchange *x)
{
    return checked(x->owner, struct request, REQUEST_MAGIC);
}

static void start_if_whole(struct request *rq)
{
    if (rq->phase == REQUEST_NEW && request_body_is_whole(rq))
        request_start(rq, rq->then);
}

static void on_data(struct exchange *x, struct trb_data data)
{
    struct request *rq = request_at(x);
    request_pin(rq);                        /* the piece may be what ends it */
    request_body_feed(rq, data);
    start_if_whole(rq);
    request_unpin(rq);
}

static void on_end(struct exchange *x, const struct http_headers *trailers)
{
    struct request *rq = request_at(x);
    request_pin(rq);
    request_body_end(rq);
    start_if_whole(rq);
    request_unpin(rq);
}

static void on_room(struct exchange *x)
{
    request_room(request_at(x));
}

static void on_gone(struct exchange *x, const struct trb_error *err)
{
    request_cancel(request_at(x), TRB_WHY_CLIENT);
}

static const struct exchange_events events = {.data = on_data, .end = on_end, .room = on_room, .gone = on_gone};

static void read_head(struct request *rq, struct exchange *x)
{
    struct trb_slice target = x->request.target;
    rq->exchange = x;
    rq->method = x->request.method;
    rq->headers = &x->request.headers;
    rq->target = slice_split(&target, '?');
    rq->query = target;
    rq->path = path_clean(rq->arena, rq->target);
}

static void take_route(struct request *rq, struct router *router, const struct route_match *match)
{
    rq->router = router_ref(router);
    rq->route = match->route;
    rq->param_count = match->param_count;
    for (uint32_t i = 0; i < match->param_count; i++)
        rq->params[i] = match->params[i];
    if (match->owner)
        request_set_owner(rq, match->owner);
}

static void begin_body(struct door *d, struct request *rq)
{
    uint32_t flags = rq->route ? rq->route->flags : 0;
    uint8_t mode = flags & TRB_ROUTE_WHOLE ? BODY_WHOLE : flags & TRB_ROUTE_STREAM ? BODY_STREAM : BODY_IGNORED;
    bool is_free = d->setup.is_public || flags & TRB_ROUTE_NO_LIMIT;
    request_body_begin(rq, mode, rq->exchange->request.content_length, is_free ? 0 : d->setup.max_body,
                       flags & TRB_ROUTE_CUT);
}

/* The door's own answers: no step runs. */
static void answer(struct request *rq, uint32_t status, const char *text)
{
    if (text)
        request_reply_text(rq, status, slice_of(text));
    else
        request_reply(rq, status, (struct trb_data){NULL, 0, NULL});
    request_end(rq);
}

static void answer_method(struct request *rq, const struct route_match *match)
{
    struct trb_slice allowed = slice_from(match->allowed, match->allowed_len);
    while (allowed.at)
        request_set_header(rq, SLICE("Allow"), slice_split(&allowed, ' '));
    answer(rq, 405, NULL);
}

static bool has_token(struct door *d, struct request *rq)
{
    if (!d->setup.api_token.len || d->setup.is_public)
        return true;
    struct trb_slice given = door_take_header(rq->exchange, SLICE("dapr-api-token"));
    rq->app_token = given;
    return is_health(rq) || door_is_token(d, given);
}

static struct trb_next through_pipeline(struct trb_request *public_)
{
    struct request *rq = request_of(public_);
    struct door_setup *setup = &door_of(rq)->setup;
    return setup->pipeline(rq, rq->route->first, setup->arg);
}

static struct trb_next first_step(struct door *d, struct request *rq)
{
    if (d->setup.pipeline && !d->setup.is_public)
        return TRB_GO(through_pipeline);
    return rq->route->first;
}

static void take_match(struct door *d, struct request *rq, const struct route_match *match)
{
    if (match->kind == ROUTE_NONE) {
        answer(rq, 404, "404 page not found");
    } else if (match->kind == ROUTE_METHOD) {
        answer_method(rq, match);
    } else {
        rq->then = first_step(d, rq);
        start_if_whole(rq);
    }
}

static void open_route(struct door *d, struct request *rq, const struct route_match *match)
{
    const char *fault = door_trace(d, rq, (struct trb_slice){NULL, 0});
    if (fault) {
        rq->baggage = (struct trb_slice){NULL, 0};
        answer(rq, 400, arena_printf(rq->arena, "invalid baggage header: %s", fault).at);
    } else if (!d->setup.is_public && cors_apply(&d->setup, rq)) {
        answer(rq, 200, NULL);
    } else if (!has_token(d, rq)) {
        answer(rq, 401, "invalid api token");
    } else {
        rq->is_let_in = !d->setup.is_public;
        take_match(d, rq, match);
    }
}

void door_http_on_request(void *arg, struct exchange *x)
{
    struct door *d = checked(arg, struct door, DOOR_MAGIC);
    struct request_birth birth = {.loop = x->loop, .arena = x->arena, .door_kind = TRB_DOOR_HTTP,
                                  .door = &http_door, .door_data = d};
    struct request *rq = request_create(&birth);
    struct router *router = shared_slot_get(d->table);
    struct route_match match;
    x->owner = rq;
    x->events = &events;
    read_head(rq, x);
    router_match(router, rq->method, rq->path, &match);
    take_route(rq, router, &match);
    begin_body(d, rq);
    door_begin(d, rq);
    if (slice_is(rq->target, SLICE("*")) && slice_is(rq->method, SLICE("OPTIONS")))
        answer(rq, 200, NULL);
    else
        open_route(d, rq, &match);
}

/* ------------------------------------------------------------------------------------ the door */

static void ref_router(void *router)
{
    router_ref(router);
}

static void unref_router(void *router)
{
    router_unref(router);
}

static const struct shared_kind routers = {ref_router, unref_router};

struct door_http *door_http_create(const struct door_setup *setup)
{
    struct door_http *d = mem_zero(sizeof *d);
    door_init(&d->door, setup);
    d->door.table = shared_slot_create(&routers);
    return d;
}

struct door_http *door_http_destroy(struct door_http *d)
{
    if (d)
        door_fini(&d->door);
    return mem_free(d);
}

void door_http_set_router(struct door_http *d, struct router *given)
{
    shared_slot_set(d->door.table, given);
}

void door_http_set_rules(struct door_http *d, const struct door_rules *rules)
{
    door_set_rules(&d->door, rules);
}
