/* crossing: see crossing.h. Over HTTP a piece is a piece of the body; over gRPC a message with a number. */
#include "crossing.h"

#define SCOPE "dapr.runtime"

/* ------------------------------------------------------------------------------ beginning, ending */
static void let_go(struct trb_request *rq, struct crossing *c)
{
    c->piece.owner = rq->kernel->host->buf_unref(c->piece.owner);
    c->piece = (struct trb_data){NULL, 0, NULL};
    c->rest = slice_from(NULL, 0);
}

static void over(struct trb_request *rq, void *arg)
{
    struct crossing *c = arg;
    patience_end(rq, c);
    let_go(rq, c);
    if (c->engine.self)
        c->engine.destroy(c->engine.self);
    arena_destroy(c->scratch);
    text_fini(&c->message);
}

void crossing_begin(struct trb_request *rq, struct crossing *c, const struct pb_type *in, const struct pb_type *out)
{
    *c = (struct crossing){.in = in, .out = out, .scratch = in ? arena_create(SIZE_MAX) : NULL};
    rq->kernel->on_over(rq, over, c);
}

struct trb_next crossing_fail(struct trb_request *rq, struct crossing *c, const char *format, ...)
{
    char text[640], line[700];
    va_list ap;
    va_start(ap, format);
    vsnprintf(text, sizeof text, format, ap);
    va_end(ap);
    if (!c->is_begun || c->out)
        return trb_refuse(rq, &FAILED, "failed to perform operation: %s", text);
    snprintf(line, sizeof line, "an encrypted stream breaks off: %s", text);    /* all that HTTP's client sees is the end */
    rq->kernel->log(TRB_LOG_WARN, SCOPE, line);
    return rq->kernel->reply_cut(rq);
}

/* -------------------------------------------------------------------------------- what goes out */
static struct trb_next send(struct trb_request *rq, struct crossing *c, struct trb_slice bytes, struct trb_next then)
{
    struct trb_data out = {bytes.at, bytes.len, NULL};
    if (c->out) {
        struct common_stream_payload payload = {.data = bytes, .seq = c->gone++};
        const struct common_stream_payload *message = &payload;
        text_clear(&c->message);
        pb_write(c->out, &message, &c->message);
        out = (struct trb_data){c->message.at ? c->message.at : "", c->message.len, NULL};
    }
    return rq->kernel->reply_send(rq, out, then);
}

static struct trb_next send_head(struct trb_request *rq, struct crossing *c, struct trb_next then)
{
    struct trb_slice head = c->engine.head(c->engine.self);
    c->is_begun = true;
    rq->kernel->reply_head(rq, 200, -1);
    return head.len ? send(rq, c, head, then) : then;
}

/* -------------------------------------------------------------------------------- what comes in */
static void *from_arena(void *arena, size_t size)
{
    return arena_zero(arena, size);
}

bool crossing_read(struct trb_request *rq, struct crossing *c, struct trb_data data, struct crossing_message *ret,
                   struct trb_next *ret_next)
{
    arena_clear(c->scratch);
    *ret = (struct crossing_message){0};
    const char *fault = pb_read(c->in, slice_from(data.at, data.len), (struct pb_memory){from_arena, c->scratch}, ret);
    if (fault)
        *ret_next = rpc_refuse(rq, TRB_INTERNAL, "common", "grpc: error unmarshalling request: %s", fault);
    return !fault;
}

bool crossing_keep(struct trb_request *rq, struct crossing *c, struct trb_data data, const struct crossing_message *m,
                   struct trb_next *ret_next)
{
    if (m->payload && m->payload->seq != c->came) {
        *ret_next = crossing_fail(rq, c, "invalid sequence number received: %llu (expected: %llu)",
                                  (unsigned long long)m->payload->seq, (unsigned long long)c->came);
        return false;
    }
    if (m->payload) {
        c->came++;
        rq->kernel->host->buf_ref(data.owner);
        c->piece = data;
        c->rest = m->payload->data.len ? m->payload->data : slice_from("", 0);
    }
    return true;
}

static bool take_message(struct trb_request *rq, struct crossing *c, struct trb_data data, struct trb_next *ret_next)
{
    struct crossing_message m;
    if (!crossing_read(rq, c, data, &m, ret_next))
        return false;
    if (m.options)
        return *ret_next = crossing_fail(rq, c, "options found in non-leading message"), false;
    return crossing_keep(rq, c, data, &m, ret_next);
}

/* Given: the reference is ours. */
static bool take_piece(struct trb_request *rq, struct crossing *c, struct trb_data data, struct trb_next *ret_next)
{
    if (!c->in) {
        c->piece = data;
        c->rest = slice_from(data.at, data.len);
        return true;
    }
    bool fine = take_message(rq, c, data, ret_next);
    rq->kernel->host->buf_unref(data.owner);
    return fine;
}

static struct trb_next break_off(struct trb_request *rq)
{
    return crossing_fail(rq, rq->state, "%s", rq->kernel->body_fault(rq));
}

/* A body that ended before its time is not whole: what was made of it must not look so. What has a header of its
 * own has begun by then, whatever came first. */
static uint32_t judge_end(struct trb_request *rq, struct crossing *c, struct trb_next *ret_next)
{
    if (c->in || !rq->kernel->body_fault(rq))
        return CROSSING_END;
    bool begins = !c->is_begun && c->engine.self && c->engine.head(c->engine.self).len;
    *ret_next = begins ? send_head(rq, c, TRB_GO(break_off)) : break_off(rq);
    return CROSSING_OVER;
}

uint32_t crossing_take(struct trb_request *rq, struct crossing *c, struct trb_next *ret_next)
{
    while (!c->rest.len) {
        let_go(rq, c);
        struct trb_data data = rq->kernel->body_take(rq);
        if (!data.at)
            return rq->kernel->body_ended(rq) ? judge_end(rq, c, ret_next) : CROSSING_WAIT;
        if (!take_piece(rq, c, data, ret_next))
            return CROSSING_OVER;
    }
    return CROSSING_MORE;
}

/* ------------------------------------------------------------------------------ through the engine */
static struct trb_next send_segment(struct trb_request *rq)
{
    struct crossing *c = rq->state;
    return send(rq, c, c->segment, TRB_GO(crossing_run));
}

static struct trb_next end(struct trb_request *rq)
{
    return rq->kernel->reply_end(rq);
}

static struct trb_next send_last(struct trb_request *rq)
{
    struct crossing *c = rq->state;
    return c->segment.len ? send(rq, c, c->segment, TRB_GO(end)) : TRB_GO(end);
}

/* HTTP, and all of it fits into one piece: its length is known. */
static struct trb_next reply_whole(struct trb_request *rq, struct crossing *c)
{
    struct trb_slice head = c->engine.head(c->engine.self);
    char *at;
    struct trb_data whole = rq->kernel->buffer(rq, head.len + c->segment.len, &at);
    if (head.len)
        memcpy(at, head.at, head.len);
    if (c->segment.len)
        memcpy(at + head.len, c->segment.at, c->segment.len);
    return trb_reply(rq, 200, whole);
}

static struct trb_next finish(struct trb_request *rq, struct crossing *c)
{
    c->segment = slice_from(NULL, 0);
    c->engine.end(c->engine.self, &c->segment);
    const char *fault = c->engine.fault(c->engine.self);
    if (fault)
        return crossing_fail(rq, c, "%s", fault);
    if (c->is_begun)
        return TRB_GO(send_last);
    return c->out ? send_head(rq, c, TRB_GO(send_last)) : reply_whole(rq, c);
}

/* A header goes to a gRPC client at once; over HTTP it waits for the first segment, which may be the only one. */
struct trb_next crossing_run(struct trb_request *rq)
{
    struct crossing *c = rq->state;
    struct trb_next next;
    if (c->out && !c->is_begun && c->engine.head(c->engine.self).len)
        return send_head(rq, c, TRB_GO(crossing_run));
    for (;;) {
        switch (crossing_take(rq, c, &next)) {
        case CROSSING_WAIT: return rq->kernel->body_wait(rq, TRB_GO(crossing_run));
        case CROSSING_END: return finish(rq, c);
        case CROSSING_OVER: return next;
        default: break;
        }
        if (c->engine.take(c->engine.self, &c->rest, &c->segment))
            return c->is_begun ? TRB_GO(send_segment) : send_head(rq, c, TRB_GO(send_segment));
        if (c->engine.fault(c->engine.self))
            return crossing_fail(rq, c, "%s", c->engine.fault(c->engine.self));
    }
}
