/* http2_client: many calls on one link of a pool. See pool.h for what pool and codec owe each other. */
#include <net/http2_client.h>

#include <base/check.h>
#include <base/error.h>
#include <base/mem.h>
#include <base/slice.h>

#define USUAL_STREAMS 100u
#define USUAL_MAX_HEAD (1u << 20)

static struct http2_client *client_of(struct http2 *h)
{
    return (struct http2_client *)checked(h, struct http2, HTTP2_MAGIC);
}

static struct http2_client *of(struct client_link *l)
{
    return client_of(l->state);
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
    http2_call_lost(call, &err, false);
    return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
}

static int on_bad_header(nghttp2_session *ng, const nghttp2_frame *frame, nghttp2_rcbuf *name,
                         nghttp2_rcbuf *value, uint8_t flags, void *arg)
{
    nghttp2_submit_rst_stream(ng, NGHTTP2_FLAG_NONE, frame->hd.stream_id, NGHTTP2_PROTOCOL_ERROR);
    return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
}

static void on_headers(struct http2_call *call, const nghttp2_frame *frame)
{
    bool is_last = frame->hd.flags & NGHTTP2_FLAG_END_STREAM;
    if (!call->has_head)
        http2_call_head(call, is_last);
    if (is_last && call->pc)
        http2_call_ended(call);
}

void http2_client_retire(struct http2_client *k)
{
    if (!k->is_retired)
        pool_link_retire(k->l);
    k->is_retired = true;
}

/* Who is told that he asks too often asks less often from now on. */
static void heed(struct http2_client *k, const nghttp2_goaway *away)
{
    struct trb_slice text = slice_from((const char *)away->opaque_data, away->opaque_data_len);
    if (away->error_code == NGHTTP2_ENHANCE_YOUR_CALM && slice_is(text, SLICE("too_many_pings")))
        k->l->pool->target.keepalive_ns *= 2;
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
            http2_call_ended(call);
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
        heed(k, &frame->goaway);
        http2_client_retire(k);
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
        http2_call_was_reset(call, code);
    http2_call_free(call);
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
    k->l->is_limited = theirs < limit;
    limit = k->l->is_limited ? theirs : limit;
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
            http2_call_lost(call, &err, true);
        http2_call_free(call);
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

/* Without calls, too: the next one should not find a link whose peer is long gone. */
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
    if (due > now) {
        look_again(k, due);
        return;
    }
    nghttp2_submit_ping(k->h.ng, NGHTTP2_FLAG_NONE, NULL);
    http2_drain_later(&k->h);
    k->ack_due_ns = now + target->keepalive_timeout_ns;
    look_again(k, k->ack_due_ns);
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
            http2_call_lost(call, err, false);
        http2_call_free(call);
    }
    k->h.magic = 0;
    l->state = mem_free(k);
}

static const struct client_codec codec = {.readable = on_readable,
                                          .writable = on_writable,
                                          .eof = on_eof,
                                          .closed = on_closed,
                                          .start = http2_call_start,
                                          .write = http2_call_write,
                                          .finish = http2_call_finish,
                                          .consume = http2_call_consume,
                                          .cancel = http2_call_cancel};

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
