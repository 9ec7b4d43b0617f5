/* http2_client: many calls on one link of a pool. See pool.h for what pool and codec owe each other. */
#include <net/http2_session.h>
#include <net/pool.h>

#include <base/check.h>
#include <base/error.h>
#include <base/mem.h>
#include <base/slice.h>

#define USUAL_STREAMS 100u
#define USUAL_MAX_HEAD (1u << 20)

struct http2_client {
    struct http2 h;                     /* the first member */
    struct client_link *l;
    struct list calls;
    uint32_t active;                    /* streams that are not closed */
    bool is_retired, has_unborn;
    bool has_settings;                  /* the peer's have come */
    struct timer alive;
    uint64_t ack_due_ns;
};

struct http2_call {
    struct http2_client *k;
    struct http2_stream s;
    struct list link;
    struct pool_call *pc;               /* NULL: it has ended or was cancelled, the stream not yet */
    struct http_head head;
    struct http_headers trailers;
    struct http2_intake intake;
    bool has_head, is_unborn;           /* unborn: nghttp2 would not begin it */
};

static struct http2_client *client_of(struct http2 *h)
{
    return (struct http2_client *)checked(h, struct http2, HTTP2_MAGIC);
}

static struct http2_client *of(struct client_link *l)
{
    return client_of(l->state);
}

/* --- how a call ends ------------------------------------------------------------------------ */
/* The caller's memory is not touched any more; the stream goes on to its own end. */
static struct pool_call *detach(struct http2_call *call)
{
    struct pool_call *pc = call->pc;
    call->pc = NULL;
    pc->state = NULL;
    call->s.is_finished = true;
    call->s.trailer_count = 0;
    http2_stream_forget_input(&call->s);
    return pc;
}

static void call_free(struct http2_call *call)
{
    http2_stream_fini(&call->s);
    list_remove(&call->link);
    mem_free(call);
}

static void end_call(struct http2_call *call)
{
    nghttp2_session *ng = call->k->h.ng;
    if (nghttp2_session_get_stream_local_close(ng, call->s.id) == 0)
        http2_stream_reset(&call->s, NGHTTP2_NO_ERROR);         /* the request's rest is not needed */
    struct http_call *c = pool_call_ended(detach(call));
    c->events->end(c, call->trailers.count ? &call->trailers : NULL);
}

static void lose_call(struct http2_call *call, const struct trb_error *err, bool is_unprocessed)
{
    struct pool_call *pc = detach(call);
    pool_call_lost(pc, err, call->has_head, is_unprocessed || !pc->call->sent_any);
}

/* What gRPC makes of a reset. */
static trb_code code_of(uint32_t code)
{
    switch (code) {
    case NGHTTP2_REFUSED_STREAM:
        return TRB_UNAVAILABLE;
    case NGHTTP2_CANCEL:
        return TRB_CANCELLED;
    case NGHTTP2_ENHANCE_YOUR_CALM:
    case NGHTTP2_FLOW_CONTROL_ERROR:
        return TRB_EXHAUSTED;
    case NGHTTP2_INADEQUATE_SECURITY:
        return TRB_DENIED;
    default:
        return TRB_INTERNAL;
    }
}

static void lose_to_reset(struct http2_call *call, uint32_t code)
{
    struct trb_error err = ERROR_INIT;
    error_set(&err, code_of(code), "STREAM_RESET", "stream terminated by RST_STREAM with error code: %s",
              http2_code_name(code));
    err.retryable = err.code == TRB_UNAVAILABLE;
    lose_call(call, &err, code == NGHTTP2_REFUSED_STREAM);
}

/* --- answers -------------------------------------------------------------------------------- */
static struct http2_call *find(nghttp2_session *ng, int32_t id)
{
    return nghttp2_session_get_stream_user_data(ng, id);
}

/* Heads of one answer are counted together: an endless row of 1xx is a large head, too. */
static int on_begin_headers(nghttp2_session *ng, const nghttp2_frame *frame, void *arg)
{
    struct http2_client *k = client_of(arg);
    struct http2_call *call = find(ng, frame->hd.stream_id);
    size_t max = k->l->pool->target.max_head;
    if (call && (call->has_head || !call->intake.max))
        call->intake = (struct http2_intake){.max = max ? max : USUAL_MAX_HEAD};
    return 0;
}

static int on_header(nghttp2_session *ng, const nghttp2_frame *frame, nghttp2_rcbuf *name,
                     nghttp2_rcbuf *value, uint8_t flags, void *arg)
{
    struct http2_call *call = find(ng, frame->hd.stream_id);
    if (!call || !call->pc)
        return 0;
    struct http_headers *to = call->has_head ? &call->trailers : &call->head.headers;
    if (http2_intake_add(&call->intake, call->pc->call->arena, &call->head, to, name, value))
        return 0;
    struct trb_error err = ERROR_INIT;
    error_set(&err, TRB_INTERNAL, "HEADERS_TOO_LARGE", "peer header list size exceeded limit");
    http2_stream_reset(&call->s, NGHTTP2_FRAME_SIZE_ERROR);
    lose_call(call, &err, false);
    return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
}

static int on_bad_header(nghttp2_session *ng, const nghttp2_frame *frame, nghttp2_rcbuf *name,
                         nghttp2_rcbuf *value, uint8_t flags, void *arg)
{
    nghttp2_submit_rst_stream(ng, NGHTTP2_FLAG_NONE, frame->hd.stream_id, NGHTTP2_PROTOCOL_ERROR);
    return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
}

static void tell_head(struct http2_call *call, bool is_whole)
{
    struct http_head *head = &call->head;
    if (head->status < 200) {
        *head = (struct http_head){0};
        return;
    }
    call->has_head = true;
    head->major = 2;
    head->content_length = call->intake.has_length ? (int64_t)call->intake.length
                           : is_whole              ? HTTP_NO_BODY
                                                   : HTTP_LENGTH_UNKNOWN;
    call->pc->call->events->head(call->pc->call, head);
}

static void on_headers(struct http2_call *call, const nghttp2_frame *frame)
{
    bool is_last = frame->hd.flags & NGHTTP2_FLAG_END_STREAM;
    if (!call->has_head)
        tell_head(call, is_last);
    if (is_last && call->pc)
        end_call(call);
}

static void retire(struct http2_client *k)
{
    if (!k->is_retired)
        pool_link_retire(k->l);
    k->is_retired = true;
}

static int on_frame(nghttp2_session *ng, const nghttp2_frame *frame, void *arg)
{
    struct http2_client *k = client_of(arg);
    struct http2_call *call = frame->hd.stream_id ? find(ng, frame->hd.stream_id) : NULL;
    switch (frame->hd.type) {
    case NGHTTP2_HEADERS:
        if (call && call->pc)
            on_headers(call, frame);
        break;
    case NGHTTP2_DATA:
        if (call && call->pc && frame->hd.flags & NGHTTP2_FLAG_END_STREAM)
            end_call(call);
        break;
    case NGHTTP2_PUSH_PROMISE:
        nghttp2_submit_rst_stream(ng, NGHTTP2_FLAG_NONE, frame->push_promise.promised_stream_id,
                                  NGHTTP2_REFUSED_STREAM);
        break;
    case NGHTTP2_SETTINGS:
        k->has_settings = true;
        break;
    case NGHTTP2_PING:
        if (frame->hd.flags & NGHTTP2_FLAG_ACK)
            http2_pong(&k->h, frame->ping.opaque_data);
        break;
    case NGHTTP2_GOAWAY:
        retire(k);
        break;
    default:
        break;
    }
    return 0;
}

static int on_data(nghttp2_session *ng, uint8_t flags, int32_t id, const uint8_t *at, size_t len, void *arg)
{
    struct http2_call *call = find(ng, id);
    if (!call || !call->pc) {
        http2_skip(arg, id, len);
        return 0;
    }
    struct trb_data piece = http2_stream_took(&call->s, at, len);
    call->pc->call->events->data(call->pc->call, piece);
    return 0;
}

static int on_sent(nghttp2_session *ng, const nghttp2_frame *frame, void *arg)
{
    if (frame->hd.type != NGHTTP2_HEADERS)
        return 0;
    struct http2_call *call = find(ng, frame->hd.stream_id);
    if (call && call->pc)
        call->pc->call->sent_any = true;
    return 0;
}

static int on_stream_close(nghttp2_session *ng, int32_t id, uint32_t code, void *arg)
{
    struct http2_client *k = client_of(arg);
    struct http2_call *call = find(ng, id);
    if (!call)
        return 0;
    call->s.is_closed = true;
    k->active--;
    if (call->pc)
        lose_to_reset(call, code);
    call_free(call);
    return 0;
}

static void set_callbacks(nghttp2_session_callbacks *c)
{
    nghttp2_session_callbacks_set_on_begin_headers_callback(c, on_begin_headers);
    nghttp2_session_callbacks_set_on_header_callback2(c, on_header);
    nghttp2_session_callbacks_set_on_invalid_header_callback2(c, on_bad_header);
    nghttp2_session_callbacks_set_on_frame_recv_callback(c, on_frame);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(c, on_data);
    nghttp2_session_callbacks_set_on_frame_send_callback(c, on_sent);
    nghttp2_session_callbacks_set_on_stream_close_callback(c, on_stream_close);
}

/* --- room ----------------------------------------------------------------------------------- */
static void count_room(struct http2_client *k)
{
    uint32_t limit = k->l->pool->target.max_streams ? k->l->pool->target.max_streams : USUAL_STREAMS;
    uint32_t theirs = nghttp2_session_get_remote_settings(k->h.ng, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS);
    limit = theirs < limit ? theirs : limit;
    if (k->l->is_ending || k->is_retired)
        limit = 0;
    k->l->room = limit > k->active ? limit - k->active : 0;
    if (k->has_settings)
        pool_link_greeted(k->l);
    if (k->l->room)
        pool_link_ready(k->l);
}

static void lose_unborn(struct http2_client *k)
{
    struct trb_error err = ERROR_INIT;
    error_set(&err, TRB_UNAVAILABLE, "NO_STREAM", "the connection takes no more calls");
    err.retryable = 1;
    k->has_unborn = false;
    list_each(node, &k->calls) {
        struct http2_call *call = list_item(node, struct http2_call, link);
        if (!call->is_unborn)
            continue;
        k->active--;
        if (call->pc)
            lose_call(call, &err, true);
        call_free(call);
    }
}

static void after(struct http2 *h)
{
    struct http2_client *k = client_of(h);
    if (k->has_unborn)
        lose_unborn(k);
    if (http2_is_over(h))
        pool_link_close(k->l);
    else
        count_room(k);
}

static const struct http2_role role = {.set_callbacks = set_callbacks, .after = after};

/* --- keep-alive ----------------------------------------------------------------------------- */
static void on_alive(void *arg);

static void look_again(struct http2_client *k, uint64_t due_ns)
{
    timer_set(k->h.loop, &k->alive, due_ns, on_alive, k);
}

/* Only while calls run: a quiet link may be quiet. */
static void on_alive(void *arg)
{
    struct http2_client *k = client_of(arg);
    const struct http_target *target = &k->l->pool->target;
    uint64_t now = loop_now_ns(k->h.loop), due = k->h.read_ns + target->keepalive_ns;
    bool is_answered = k->ack_due_ns && k->h.read_ns + target->keepalive_timeout_ns >= k->ack_due_ns;
    if (k->ack_due_ns && !is_answered) {
        pool_link_close(k->l);
        return;
    }
    k->ack_due_ns = 0;
    if (due > now || !k->active) {
        look_again(k, due > now ? due : now + target->keepalive_ns);
        return;
    }
    nghttp2_submit_ping(k->h.ng, NGHTTP2_FLAG_NONE, NULL);
    http2_drain_later(&k->h);
    k->ack_due_ns = now + target->keepalive_timeout_ns;
    look_again(k, k->ack_due_ns);
}

/* --- the codec: calls ----------------------------------------------------------------------- */
static void on_room(struct http2_stream *s)
{
    struct http2_call *call = container_of(s, struct http2_call, s);
    if (!call->pc || call->pc->is_finished)
        return;
    call->pc->wants_room = false;
    call->pc->call->events->room(call->pc->call);
}

static void make_head(struct http2_client *k, const struct http_head *head, struct arena *arena,
                      struct http2_fields *f)
{
    struct trb_slice authority = head->authority.at ? head->authority
                                                    : http_header_get(&head->headers, SLICE("host"));
    http2_fields_init(f, arena, head->headers.count + 5);
    http2_fields_add(f, SLICE(":method"), head->method);
    http2_fields_add(f, SLICE(":scheme"), head->scheme.len          ? head->scheme
                                          : k->l->pool->target.tls ? SLICE("https")
                                                                    : SLICE("http"));
    http2_fields_add(f, SLICE(":path"), head->target.len ? head->target : SLICE("/"));
    if (authority.at)
        http2_fields_add(f, SLICE(":authority"), authority);
    http2_fields_add_all(f, &head->headers);
    if (head->content_length >= 0)
        http2_fields_add_length(f, head->content_length);
}

static bool has_body(const struct pool_call *pc)
{
    return pc->is_whole ? pc->body.len + pc->call->front_len > 0
                        : pc->head.content_length != HTTP_NO_BODY && pc->head.content_length != 0;
}

static void start(struct client_link *l, struct pool_call *pc)
{
    struct http2_client *k = of(l);
    struct http2_call *call = mem_zero(sizeof *call);
    struct http2_fields f;
    call->k = k;
    call->pc = pc;
    pc->state = call;
    list_append(&k->calls, &call->link);
    k->active++;
    http2_stream_init(&call->s, &k->h, 0, on_room);
    make_head(k, &pc->head, pc->call->arena, &f);
    nghttp2_data_provider source = http2_stream_source(&call->s);
    int32_t id = nghttp2_submit_request(k->h.ng, NULL, f.at, f.count, has_body(pc) ? &source : NULL, call);
    call->s.id = id > 0 ? id : 0;
    call->s.is_closed = call->is_unborn = id <= 0;
    k->has_unborn |= call->is_unborn;
    if (call->is_unborn)
        retire(k);
    if (has_body(pc) && pc->is_whole) {
        (void)http2_stream_write(&call->s, (struct trb_data){pc->call->front, pc->call->front_len, NULL});
        (void)http2_stream_write(&call->s, pc->body);
        call->s.wants_room = false;
        http2_stream_finish(&call->s, NULL, 0);
    }
    http2_drain_later(&k->h);
}

static bool write_body(struct pool_call *pc, struct trb_data data)
{
    struct http2_call *call = pc->state;
    return !call || http2_stream_write(&call->s, data);
}

/* The caller's slices are good until the call ends; then detach forgets them. */
static void finish(struct pool_call *pc, const struct http_headers *trailers)
{
    struct http2_call *call = pc->state;
    struct http2_fields f = {0};
    if (!call || !has_body(pc))
        return;
    if (trailers && trailers->count) {
        http2_fields_init(&f, pc->call->arena, trailers->count);
        http2_fields_add_all(&f, trailers);
    }
    http2_stream_finish(&call->s, f.at, f.count);
}

static void consume(struct pool_call *pc, size_t bytes)
{
    struct http2_call *call = pc->state;
    if (call)
        http2_stream_consume(&call->s, bytes);
}

static void cancel(struct pool_call *pc)
{
    struct http2_call *call = pc->state;
    if (!call)
        return;
    http2_stream_reset(&call->s, NGHTTP2_CANCEL);
    (void)detach(call);
}

/* --- the codec: the link -------------------------------------------------------------------- */
static void on_readable(struct client_link *l)
{
    http2_receive(&of(l)->h);
}

static void on_writable(struct client_link *l)
{
    http2_drain_later(&of(l)->h);
}

static void on_eof(struct client_link *l)
{
    of(l)->h.is_deaf = true;
    pool_link_close(l);
}

static void on_closed(struct client_link *l, const struct trb_error *err)
{
    struct http2_client *k = of(l);
    http2_close(&k->h);
    timer_end(&k->alive);
    while (!list_is_empty(&k->calls)) {
        struct http2_call *call = list_item(k->calls.next, struct http2_call, link);
        call->s.is_closed = true;
        if (call->pc)
            lose_call(call, err, false);
        call_free(call);
    }
    k->h.magic = 0;
    l->state = mem_free(k);
}

static const struct client_codec codec = {.readable = on_readable,
                                          .writable = on_writable,
                                          .eof = on_eof,
                                          .closed = on_closed,
                                          .start = start,
                                          .write = write_body,
                                          .finish = finish,
                                          .consume = consume,
                                          .cancel = cancel};

void http2_client_attach(struct client_link *l)
{
    const struct http_target *target = &l->pool->target;
    struct http2_client *k = mem_zero(sizeof *k);
    k->l = l;
    list_init(&k->calls);
    l->codec = &codec;
    l->state = k;
    http2_open(&k->h, &role, l->loop, l->stream, target->max_head ? target->max_head : USUAL_MAX_HEAD);
    nghttp2_submit_settings(k->h.ng, NGHTTP2_FLAG_NONE, NULL, 0);
    count_room(k);
    if (target->keepalive_ns)
        look_again(k, k->h.read_ns + target->keepalive_ns);
    http2_drain_later(&k->h);
}
