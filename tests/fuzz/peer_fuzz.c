/* Other sidecars: any bytes as their messages, and any order of messages as their calls. What is understood can be said
 * again and is understood the same; a call answers at most once, says nothing afterwards, and leaves nothing behind. */
#include <base/check.h>
#include <base/error.h>
#include <base/mem.h>
#include <base/slice.h>
#include <channel/channel.h>
#include <channel/peer_codec.h>
#include <channel/peer_door.h>
#include <loop/loop.h>
#include <request/request.h>
#include <stdlib.h>
#include <string.h>

#define MOST 65536u

static struct trb_slice input;

static uint8_t next(void)
{
    uint8_t byte = input.len ? (uint8_t)input.at[0] : 0;
    input = slice_skip(input, 1);
    return byte;
}

static struct trb_slice next_bytes(void)
{
    struct trb_slice bytes = slice_cut(input, next() * 4u);
    input = slice_skip(input, bytes.len);
    return bytes.at ? bytes : SLICE("");
}

/* ----------------------------------------------------------------------------------- the codecs */
static void again_request(struct arena *arena, const struct peer_request *q)
{
    struct peer_request again;
    struct text written = {0};
    peer_write_request(&written, q);
    check(peer_read_request(arena, text_slice(&written), &again));
    check(slice_is(q->method, again.method) && slice_is(q->data, again.data) && slice_is(q->type_url, again.type_url) &&
          slice_is(q->content_type, again.content_type) && slice_is(q->query, again.query) && q->verb == again.verb &&
          again.metadata.count >= q->metadata.count);
    text_fini(&written);
}

static void again_response(struct arena *arena, const struct peer_response *a)
{
    struct peer_response again;
    struct text written = {0};
    peer_write_response(&written, a);
    check(peer_read_response(arena, text_slice(&written), &again));
    check(!a->has_status || (a->code == again.code && slice_is(a->message, again.message) && slice_is(a->data, again.data)));
    text_fini(&written);
}

static void read_all(struct trb_slice message)
{
    struct arena *arena = arena_create(64u << 20);
    struct peer_request q;
    struct peer_response a;
    struct peer_payload payload;
    bool has;
    if (peer_read_request(arena, message, &q))
        again_request(arena, &q);
    if (peer_read_response(arena, message, &a))
        again_response(arena, &a);
    if (peer_read_request_chunk(arena, message, &has, &q, &payload) && has)
        again_request(arena, &q);
    if (peer_read_response_chunk(arena, message, &has, &a, &payload) && has)
        again_response(arena, &a);
    arena_destroy(arena);
}

/* ----------------------------------------------------------------- a stream that watches its owner */
struct grpc_stream {
    const struct grpc_service_handler *handler;
    struct grpc_stream_info info;
    void *owner;
    bool is_over, is_full;
    size_t owed;                            /* bytes given and not consumed */
};

const struct grpc_stream_info *grpc_stream_info(const struct grpc_stream *s)
{
    return &s->info;
}

void grpc_stream_set_owner(struct grpc_stream *s, void *owner)
{
    s->owner = owner;
}

void *grpc_stream_owner(const struct grpc_stream *s)
{
    return s->owner;
}

void grpc_consume(struct grpc_stream *s, size_t bytes)
{
    check(!s->is_over && bytes <= s->owed);
    s->owed -= bytes;
}

bool grpc_send_message(struct grpc_stream *s, struct trb_data message)
{
    struct arena *arena = arena_create(1 << 20);
    struct peer_response a;
    struct peer_payload payload;
    bool has;
    check(!s->is_over);
    bool is_unary = slice_is(slice_of(s->handler->method), SLICE("CallLocal"));
    struct trb_slice bytes = {message.at, message.len};
    check(is_unary ? peer_read_response(arena, bytes, &a) : peer_read_response_chunk(arena, bytes, &has, &a, &payload));
    arena_destroy(arena);
    return !s->is_full;
}

void grpc_finish(struct grpc_stream *s, const struct trb_error *status)
{
    check(!s->is_over);
    s->is_over = true;
}

/* ------------------------------------------------------------------------------------ the block */
static struct trb_kernel kernel;
static struct trb_runtime_info info = {.app_port = 1};
static struct loop *loop;
static uint8_t manner;

static struct trb_next gathered(struct trb_request *rq);
static struct trb_next echo(struct trb_request *rq);

static struct trb_next refuse(struct trb_request *rq)
{
    static const struct trb_error_row row = {.size = sizeof row, .code = "X", .http_status = 500, .grpc = TRB_INTERNAL};
    return trb_refuse(rq, &row, "no");
}

static struct trb_next begin(struct trb_request *rq)
{
    switch (manner % 5) {
    case 0:
        kernel.reply_head(rq, manner & 64 ? 200 : 404, -1);
        return TRB_GO(echo);
    case 1:
        return kernel.body_gather(rq, TRB_GO(gathered));
    case 2:
        return refuse(rq);
    case 3:
        kernel.reply_head(rq, 200, -1);
        return kernel.reply_cut(rq);
    default:
        return kernel.park(rq, TRB_GO(refuse));
    }
}

static struct trb_next echo(struct trb_request *rq)
{
    struct trb_data piece = kernel.body_take(rq);
    if (!piece.at)
        return kernel.body_ended(rq) ? kernel.reply_end(rq) : kernel.body_wait(rq, TRB_GO(echo));
    struct trb_next then = kernel.reply_send(rq, piece, TRB_GO(echo));
    kernel.host->buf_unref(piece.owner);
    return then;
}

static struct trb_next gathered(struct trb_request *rq)
{
    struct trb_status status = {.size = sizeof status, .code = manner, .message = SLICE("m"), .body = kernel.body(rq)};
    kernel.set_header(rq, SLICE("x-bin"), SLICE("AQ"));
    kernel.set_trailer(rq, SLICE("t"), SLICE("1"));
    return manner & 128 ? kernel.reply_status(rq, &status) : trb_reply(rq, 200, status.body);
}

static struct trb_buf *host_unref(struct trb_buf *b)
{
    return buf_unref(b);
}

static void set_up(void)
{
    static const struct trb_host host = {.size = sizeof host, .buf_unref = host_unref};
    static const struct trb_route route = {.methods = "POST", .path = "peer", .first = {begin, "begin", TRB_NEXT_GO},
                                           .flags = TRB_ROUTE_STREAM | TRB_ROUTE_PEER};
    static const struct trb_block block = {.size = sizeof block, .routes = &route, .route_count = 1, .route_size = sizeof route};
    static struct request_owner owner = {.kernel = &kernel};
    static const struct router_source source = {&block, &owner};
    static const struct router_setup router = {.sources = &source, .source_count = 1, .is_peer = true};
    static const struct channel_setup channel = {.info = &info, .max_message = 100000};
    kernel.host = &host;
    kernel.info = &info;
    loop = loop_create(0, NULL);
    loop_set_all(&loop, 1);
    request_kernel_fill(&kernel);
    channel_start(&channel);
    peer_door_set_router(router_create(&router));
}

/* ---------------------------------------------------------------------------------- the calls */
static void say(struct grpc_stream *s, struct trb_slice message)
{
    if (s->is_over)
        return;
    s->owed += message.len;
    s->handler->on_message(s, (struct trb_data){message.at, message.len, NULL});
}

/* A first message as it should be, or nearly. */
static void say_head(struct grpc_stream *s)
{
    struct text t = {0};
    uint8_t flags = next();
    struct trb_pair pairs[] = {{NAME("accept"), NAME("*/*")}, {NAME("Content-Length"), NAME("9")}};
    if (flags & 1)
        pairs[0].value = NAME("text/event-stream");
    struct peer_request q = {.verb = flags & 15u, .method = next_bytes(), .has_extension = flags & 16,
                             .metadata = {pairs, flags & 32 ? 2 : 1, sizeof pairs[0]}};
    struct peer_payload p = {.data = next_bytes(), .is_present = flags & 64};
    q.data = s->handler->method[9] ? SLICE("") : p.data;
    if (s->handler->method[9])
        peer_write_request_chunk(&t, &q, &p);
    else
        peer_write_request(&t, &q);
    say(s, text_slice(&t));
    text_fini(&t);
}

static void say_payload(struct grpc_stream *s, uint64_t *seq)
{
    struct text t = {0};
    uint8_t flags = next();
    struct peer_payload p = {.data = next_bytes(), .seq = flags & 7 ? (*seq)++ : flags, .is_present = true};
    peer_write_request_chunk(&t, NULL, &p);
    say(s, text_slice(&t));
    text_fini(&t);
}

static void hang_up(struct grpc_stream *s)
{
    if (s->is_over)
        return;
    s->handler->on_cancel(s, TRB_WHY_CLIENT);
    s->is_over = true;
}

/* After the half-close no message comes. false: what is queued has its turn first. */
static bool act(struct grpc_stream *s, bool *has_closed, uint64_t *seq)
{
    uint8_t what = next() % 8;
    if (what == 7 || (*has_closed && what < 5))
        return false;
    if (what == 0)
        say(s, next_bytes());
    else if (what == 1)
        say_head(s);
    else if (what < 4)
        say_payload(s, seq);
    else if (what == 4) {
        *has_closed = true;
        s->handler->on_half_close(s);
    } else if (what == 5)
        s->is_full = !s->is_full;
    else if (!s->is_full)
        s->handler->on_room(s);
    return true;
}

#define LAST_TURNS 3

struct run {
    struct grpc_stream stream;
    struct job job;
    bool has_closed;
    uint64_t seq;
    uint32_t last_turns;
};

static void turn(void *arg)
{
    struct run *r = arg;
    while (input.len && !r->stream.is_over)
        if (!act(&r->stream, &r->has_closed, &r->seq)) {
            job_defer(loop, &r->job, turn, r);
            return;
        }
    if (r->last_turns == 1)
        hang_up(&r->stream);
    if (r->last_turns++ < LAST_TURNS)
        job_defer(loop, &r->job, turn, r);
    else
        loop_stop(loop);
}

static void begin_call(void *arg)
{
    struct run *r = arg;
    r->stream.handler->on_open(&r->stream);
    turn(r);
}

static void run_call(void)
{
    uint32_t count;
    const struct grpc_service_handler *handlers = peer_door_handlers(&count);
    struct arena *arena = arena_create(1 << 20);
    struct run r = {.stream = {.handler = &handlers[next() % 2], .info = {.arena = arena, .loop = loop}}};
    manner = next();
    job_defer(loop, &r.job, begin_call, &r);
    loop_run(loop);
    check(!request_count() && !request_pinned_count());
    arena_destroy(arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!size || size > MOST)
        return 0;
    if (!loop)
        set_up();
    input = slice_from((const char *)data, size);
    if (next() & 1)
        run_call();
    else
        read_all(input);
    return 0;
}
