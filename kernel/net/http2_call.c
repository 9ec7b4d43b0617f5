/* http2_call: one call on an HTTP/2 link: how it begins, goes on and ends. */
#include <net/http2_client.h>

#include <base/error.h>
#include <base/mem.h>
#include <base/slice.h>
#include <net/grpc.h>

/* --- how it begins and goes on -------------------------------------------------------------- */
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

void http2_call_start(struct client_link *l, struct pool_call *pc)
{
    struct http2_client *k = http2_client_of(l);
    struct http2_call *call = mem_zero(sizeof *call);
    struct http2_fields f;
    call->k = k;
    call->pc = pc;
    pc->state = call;
    list_append(&k->calls, &call->link);
    k->active++;
    http2_stream_init(&call->s, &k->h, 0, on_room);
    if (!pc->is_whole)
        http2_queue_keep(&call->s.out);
    make_head(k, &pc->head, pc->call->arena, &f);
    nghttp2_data_provider source = http2_stream_source(&call->s);
    int32_t id = nghttp2_submit_request(k->h.ng, NULL, f.at, f.count, has_body(pc) ? &source : NULL, call);
    call->s.id = id > 0 ? id : 0;
    call->s.is_closed = call->is_unborn = id <= 0;
    k->has_unborn |= call->is_unborn;
    if (call->is_unborn)
        http2_client_retire(k);
    if (has_body(pc) && pc->is_whole) {
        (void)http2_stream_write(&call->s, (struct trb_data){pc->call->front, pc->call->front_len, NULL});
        (void)http2_stream_write(&call->s, pc->body);
        call->s.wants_room = false;
        http2_stream_finish(&call->s, NULL, 0);
    }
    http2_drain_later(&k->h);
}

bool http2_call_write(struct pool_call *pc, struct trb_data data)
{
    struct http2_call *call = pc->state;
    return !call || http2_stream_write(&call->s, data);
}

/* The caller's slices are good until the call ends; then detach forgets them. */
void http2_call_finish(struct pool_call *pc, const struct http_headers *trailers)
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

void http2_call_consume(struct pool_call *pc, size_t bytes)
{
    struct http2_call *call = pc->state;
    if (call)
        http2_stream_consume(&call->s, bytes);
}

/* --- its answer ----------------------------------------------------------------------------- */
void http2_call_head(struct http2_call *call, bool is_whole)
{
    struct http_head *head = &call->head;
    if (head->status < 200) {
        *head = (struct http_head){0};
        return;
    }
    call->has_head = true;
    http2_queue_forget(&call->s.out);
    head->major = 2;
    head->content_length = call->intake.has_length ? (int64_t)call->intake.length
                           : is_whole              ? HTTP_NO_BODY
                                                   : HTTP_LENGTH_UNKNOWN;
    call->pc->call->events->head(call->pc->call, head);
}

/* --- how it ends ------------------------------------------------------------------------ */
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

void http2_call_free(struct http2_call *call)
{
    http2_stream_fini(&call->s);
    list_remove(&call->link);
    mem_free(call);
}

void http2_call_ended(struct http2_call *call)
{
    nghttp2_session *ng = call->k->h.ng;
    if (nghttp2_session_get_stream_local_close(ng, call->s.id) == 0)
        http2_stream_reset(&call->s, NGHTTP2_NO_ERROR);         /* the request's rest is not needed */
    struct http_call *c = pool_call_ended(detach(call));
    c->events->end(c, call->trailers.count ? &call->trailers : NULL);
}

/* What was written goes back to the pool when the peer did nothing with it and all of it is still there. */
void http2_call_lost(struct http2_call *call, const struct trb_error *err, bool is_unprocessed)
{
    struct pool_call *pc = call->pc;
    bool is_unseen = is_unprocessed || !pc->call->sent_any;
    if (is_unseen && !pc->is_whole)
        pc->is_kept = http2_queue_recall(&call->s.out, &pc->early);
    (void)detach(call);
    pool_call_lost(pc, err, call->has_head, is_unseen);
}

void http2_call_was_reset(struct http2_call *call, uint32_t code)
{
    struct trb_error err = ERROR_INIT;
    error_set(&err, grpc_code_of_reset(code), "STREAM_RESET", "stream terminated by RST_STREAM with error code: %s",
              http2_code_name(code));
    err.retryable = err.code == TRB_UNAVAILABLE;
    http2_call_lost(call, &err, code == NGHTTP2_REFUSED_STREAM);
}

void http2_call_cancel(struct pool_call *pc)
{
    struct http2_call *call = pc->state;
    if (!call)
        return;
    http2_stream_reset(&call->s, NGHTTP2_CANCEL);
    (void)detach(call);
}
