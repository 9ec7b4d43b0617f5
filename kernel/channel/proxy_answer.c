/* proxy_answer: what the callee answers goes on to the client. */
#include <base/check.h>
#include <base/error.h>
#include <base/slice.h>
#include <channel/outgoing.h>
#include <channel/proxied.h>
#include <net/grpc.h>

static struct proxied *of(struct http_call *call)
{
    return checked(container_of(call, struct proxied, call), struct proxied, PROXIED_MAGIC);
}

/* ---------------------------------------------------------------------------------------- head */
static void take_head(struct proxied *p, const struct http_head *head)
{
    struct trb_error err = ERROR_INIT;
    if (grpc_word_foreign(p->info->arena, head->status, &head->headers, &err))
        return proxied_fail(p, &err);
    p->metadata = head->headers;
    p->answer.has_room = true;
    proxy_scan_init(&p->answer.scan, channel_setup()->max_message,
                    http_header_get(&head->headers, SLICE("grpc-encoding")), true);
}

/* -------------------------------------------------------------------------------------- messages */
static void pay(struct proxied *p)
{
    size_t owed = p->answer.owed;
    if (!p->answer.has_room || !owed || !p->stream)
        return;
    p->answer.owed = 0;
    http_call_consume(&p->call, owed);
}

static void say(struct proxied *p, struct trb_data part)
{
    if (!p->has_said_head)
        proxied_pass_metadata(p);
    p->has_said_head = true;
    p->answer.has_room = grpc_send_message(p->stream, part);
}

/* Only what comes packed may grow on its way, so only that waits for room. Returns what still waits. */
static struct trb_data relay(struct proxied *p, struct trb_data piece)
{
    struct proxied_flow *f = &p->answer;
    struct trb_error err = ERROR_INIT;
    struct trb_data part;
    while (piece.len && p->stream && (f->has_room || !f->scan.is_gzip)) {
        if (proxy_scan_take(&f->scan, &piece, &part, &err)) {
            proxied_fail(p, &err);
            error_release(&err);
            break;
        }
        if (part.len)
            say(p, part);
    }
    return piece;
}

static void pass(struct proxied *p, struct trb_data piece)
{
    struct gather *held = &p->answer.held;
    struct trb_data rest = held->len ? piece : relay(p, piece);
    if (p->stream && rest.len)
        gather_add(held, slice_from(rest.at, rest.len), SIZE_MAX);
}

static void take_data(struct proxied *p, struct trb_data piece)
{
    p->answer.owed += piece.len;
    pass(p, piece);
    pay(p);
}

/* --------------------------------------------------------------------------------------- the end */
/* A head that is also the end is nothing but trailers. */
static void finish(struct proxied *p)
{
    const struct http_headers *last = p->trailers.count ? &p->trailers : &p->metadata;
    struct grpc_stream *stream = p->stream;
    struct trb_error err = ERROR_INIT;
    if (!proxy_scan_is_whole(&p->answer.scan))
        return proxied_refuse(p, TRB_INTERNAL, "unexpected EOF");
    trb_code code = grpc_status_read(p->info->arena, 200, last, &err);
    if (!code || !strcmp(err.reason, "GRPC_STATUS"))
        proxied_pass_trailers(p, last);
    proxied_count_answer(p, code);
    p->info->request->out.is_foreign = true;
    p->stream = NULL;
    proxied_stop(p);
    grpc_finish(stream, code ? &err : NULL);
    error_release(&err);
}

static void finish_when_said(struct proxied *p)
{
    if (p->stream && p->answer.is_ended && !p->answer.held.len)
        finish(p);
}

static void take_end(struct proxied *p, const struct http_headers *trailers)
{
    p->answer.is_ended = true;
    if (trailers)
        p->trailers = *trailers;
    finish_when_said(p);
}

void proxied_answer_room(struct proxied *p)
{
    struct trb_buf *held = p->answer.held.len ? gather_finish(&p->answer.held) : NULL;
    p->answer.has_room = true;
    if (held)
        pass(p, buf_data(held));
    buf_unref(held);
    pay(p);
    finish_when_said(p);
}

/* ---------------------------------------------------------------------------------------- faults */
static void take_failure(struct proxied *p, const struct trb_error *err)
{
    struct trb_error said = *err;
    said.text = said.details = NULL;
    if (!p->stream || proxied_again(p))
        return;
    grpc_word_failure(&said);
    proxied_fail(p, &said);
}

/* ---------------------------------------------------------------------------------------- events */
/* What is told may be the last thing the request waited for: it stays until we are through. */
static void on_head(struct http_call *call, const struct http_head *head)
{
    struct request *rq = of(call)->info->request;
    request_pin(rq);
    take_head(of(call), head);
    request_unpin(rq);
}

static void on_data(struct http_call *call, struct trb_data piece)
{
    struct request *rq = of(call)->info->request;
    request_pin(rq);
    take_data(of(call), piece);
    request_unpin(rq);
}

static void on_end(struct http_call *call, const struct http_headers *trailers)
{
    struct request *rq = of(call)->info->request;
    request_pin(rq);
    take_end(of(call), trailers);
    request_unpin(rq);
}

static void on_room(struct http_call *call)
{
    struct request *rq = of(call)->info->request;
    request_pin(rq);
    proxied_room(of(call));
    request_unpin(rq);
}

static void on_failed(struct http_call *call, const struct trb_error *err)
{
    struct request *rq = of(call)->info->request;
    request_pin(rq);
    take_failure(of(call), err);
    request_unpin(rq);
}

const struct http_call_events proxied_events = {.head = on_head, .data = on_data, .end = on_end, .room = on_room,
                                                .failed = on_failed};
