/* http1_client: one call at a time on a link of a pool. */
#include <net/pool.h>

#include <base/check.h>
#include <base/error.h>
#include <base/mem.h>
#include <base/slice.h>
#include <net/http1_body.h>
#include <net/http1_head.h>
#include <net/http1_request.h>
#include <net/stream_private.h>
#include <string.h>

#define SHARE_FROM 8192u
#define MAX_HEAD 65536u           /* when the target gives no bound */
#define MAX_TRAILERS 65536u

struct client {
    uint32_t magic;
    bool has_head, answered;        /* of the present call */
    bool keep_alive, is_busy, is_eof, is_dead;
    struct client_link *l;
    struct pool_call *pc;           /* NULL: idle */
    struct http1_body body;
    struct http1_upload upload;
    size_t scanned, unconsumed;
    struct job job;
};
#define CLIENT_MAGIC 0x48314350u

static struct client *of(struct client_link *l)
{
    return checked(l->state, struct client, CLIENT_MAGIC);
}

/* --- ends of a call --------------------------------------------------------------------------- */
static void retire(struct client *k)
{
    k->keep_alive = false;
    pool_link_retire(k->l);
}

/* The answer is whole. A request that is not yet whole makes the connection unfit for another. */
static void end_call(struct client *k, const struct http_headers *trailers)
{
    struct pool_call *pc = k->pc;
    bool is_fit = k->keep_alive && pc->is_finished && !k->is_eof;
    k->pc = NULL;
    if (is_fit)
        k->l->room = 1;
    else
        retire(k);
    struct http_call *call = pool_call_ended(pc);
    call->events->end(call, trailers);
}

static void lose_call(struct client *k, const struct trb_error *err)
{
    struct pool_call *pc = k->pc;
    k->pc = NULL;
    retire(k);
    bool unsent = pc->call && !pc->call->sent_any;
    pool_call_lost(pc, err, k->answered, unsent);
}

static void lose(struct client *k, trb_code code, const char *sentence)
{
    struct trb_error err = ERROR_INIT;
    error_set(&err, code, "CONNECTION", "%s", sentence);
    err.retryable = 1;
    lose_call(k, &err);
}

/* --- the answer ------------------------------------------------------------------------------- */
static uint8_t kind_of(const struct http_head *head, const struct http1_traits *traits)
{
    return traits->chunked                               ? HTTP1_BODY_CHUNKED
           : head->content_length >= 0                   ? HTTP1_BODY_LENGTH
           : head->content_length == HTTP_LENGTH_UNKNOWN ? HTTP1_BODY_TO_EOF
                                                         : HTTP1_BODY_NONE;
}

static void tell_head(struct client *k, const struct http_head *head, const struct http1_traits *traits)
{
    uint8_t kind = kind_of(head, traits);
    http1_body_begin(&k->body, kind, head->content_length > 0 ? (uint64_t)head->content_length : 0,
                     MAX_TRAILERS);
    k->has_head = true;
    k->keep_alive = traits->keep_alive && kind != HTTP1_BODY_TO_EOF && head->status != 101;
    k->pc->call->events->head(k->pc->call, head);
}

static bool read_head(struct client *k)
{
    struct stream *s = k->l->stream;
    struct trb_slice bytes = stream_bytes(s);
    size_t max = k->l->pool->target.max_head ? k->l->pool->target.max_head : MAX_HEAD;
    size_t len = bytes.len ? http1_head_end(bytes, &k->scanned) : 0;
    k->answered |= bytes.len > 0;
    if (len > max || (!len && bytes.len >= max)) {
        lose(k, TRB_UNAVAILABLE, "net/http: server response headers exceeded the limit; aborted");
        return false;
    }
    if (!len)
        return false;
    struct trb_name copy = arena_name(k->pc->call->arena, slice_cut(bytes, len));
    stream_consume(s, len);
    k->scanned = 0;
    struct http_head head = {0};
    struct http1_traits traits = {0};
    struct trb_error err = ERROR_INIT;
    if (http1_response_parse(k->pc->call->arena, slice_name(copy), k->pc->head.method, &head, &traits,
                             &err)) {
        lose_call(k, &err);
        return false;
    }
    if (head.status >= 200 || head.status == 101)
        tell_head(k, &head, &traits);
    return true;
}

static void deliver(struct client *k, struct trb_slice data)
{
    struct stream *s = k->l->stream;
    struct http_call *call = k->pc->call;
    k->unconsumed += data.len;
    http1_body_took(&k->body, data.len);
    if (data.len >= SHARE_FROM) {
        struct trb_buf *piece = stream_take(s, data.len);
        call->events->data(call, buf_data(piece));
        buf_unref(piece);
        return;
    }
    call->events->data(call, (struct trb_data){data.at, data.len, NULL});
    stream_consume(s, data.len);
}

static bool end_body(struct client *k, struct trb_slice trailers)
{
    struct http_headers list = {0};
    bool has = trailers.len > 2;
    if (has) {
        struct trb_name copy = arena_name(k->pc->call->arena, trailers);
        if (!http1_trailers_parse(k->pc->call->arena, slice_name(copy), &list)) {
            lose(k, TRB_UNAVAILABLE, "http: malformed trailer");
            return false;
        }
    }
    stream_consume(k->l->stream, trailers.len);
    end_call(k, has ? &list : NULL);
    return true;
}

static bool read_body(struct client *k)
{
    size_t window = k->l->pool->target.window, skip;
    struct trb_slice data;
    if (window && k->unconsumed >= window)
        return false;
    int result = http1_body_next(&k->body, stream_bytes(k->l->stream), &skip, &data);
    stream_consume(k->l->stream, skip);
    switch (result) {
    case HTTP1_BODY_DATA:
        if (window && data.len > window - k->unconsumed)
            data.len = window - k->unconsumed;
        deliver(k, data);
        return true;
    case HTTP1_BODY_END:
        return end_body(k, data);
    case HTTP1_BODY_BAD:
        lose(k, TRB_UNAVAILABLE, "malformed chunked encoding");
        return false;
    default:
        return false;
    }
}

/* Nothing more can be read now. */
static void rest(struct client *k)
{
    if (!k->pc) {
        bool is_stray = stream_bytes(k->l->stream).len > 0;
        if (is_stray || k->is_eof)
            retire(k);              /* nobody asked for this */
        return;
    }
    bool is_held = k->has_head && k->l->pool->target.window &&
                   k->unconsumed >= k->l->pool->target.window;
    if (!k->is_eof || is_held)
        return;
    if (k->has_head && k->body.kind == HTTP1_BODY_TO_EOF)
        end_call(k, NULL);
    else
        lose(k, TRB_UNAVAILABLE, k->answered ? "unexpected EOF" : "EOF");
}

static void process(struct client *k)
{
    if (k->is_busy)
        return;
    k->is_busy = true;
    while (k->pc && (k->has_head ? read_body(k) : read_head(k)))
        ;
    if (!k->is_dead)
        rest(k);
    k->is_busy = false;
    if (k->is_dead)
        mem_free(k);
}

static void on_job(void *arg)
{
    process(checked(arg, struct client, CLIENT_MAGIC));
}

/* --- the link's events ------------------------------------------------------------------------ */
static void on_readable(struct client_link *l)
{
    process(of(l));
}

static void on_eof(struct client_link *l)
{
    of(l)->is_eof = true;
    process(of(l));
}

static void on_writable(struct client_link *l)
{
    struct client *k = of(l);
    if (k->pc && !k->pc->is_finished && k->pc->wants_room) {
        k->pc->wants_room = false;
        k->pc->call->events->room(k->pc->call);
    }
}

static void on_closed(struct client_link *l, const struct trb_error *err)
{
    struct client *k = of(l);
    job_end(&k->job);
    k->is_dead = true;
    if (k->pc)
        lose_call(k, err);
    l->state = NULL;
    l->codec = NULL;
    k->magic = 0;
    if (!k->is_busy)
        mem_free(k);
}

/* --- the call's verbs ------------------------------------------------------------------------- */
static void start(struct client_link *l, struct pool_call *pc)
{
    struct client *k = of(l);
    check(!k->pc);
    k->pc = pc;
    pc->state = k;
    k->has_head = k->answered = false;
    k->scanned = k->unconsumed = 0;
    http1_request_write(l->stream, &k->upload, pc);
    pc->call->sent_any = true;
}

static bool write_body(struct pool_call *pc, struct trb_data data)
{
    struct client *k = pc->state;
    http1_upload_write(k->l->stream, &k->upload, data);
    return stream_unsent(k->l->stream) < STREAM_HIGH;
}

static void finish(struct pool_call *pc, const struct http_headers *trailers)
{
    struct client *k = pc->state;
    http1_upload_finish(k->l->stream, &k->upload, trailers);
    if (k->upload.left > 0)
        pool_link_close(k->l);      /* a promise of bytes that is not kept: closed fails the call */
}

static void consume(struct pool_call *pc, size_t bytes)
{
    struct client *k = pc->state;
    check(bytes <= k->unconsumed);
    k->unconsumed -= bytes;
    if (!k->is_busy)
        job_defer(k->l->loop, &k->job, on_job, k);
}

static void cancel(struct pool_call *pc)
{
    struct client *k = pc->state;
    k->pc = NULL;
    retire(k);
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

void http1_client_attach(struct client_link *l)
{
    struct client *k = mem_zero(sizeof *k);
    k->magic = CLIENT_MAGIC;
    k->l = l;
    l->codec = &codec;
    l->state = k;
    l->room = 1;
    size_t max = l->pool->target.max_head;
    if (max > STREAM_HIGH)
        stream_read_limit(l->stream, max);
}
