/* verbs: the request-side half of struct trb_kernel, as blocks call it. */
#include <base/slice.h>
#include <request/private.h>

static void *verb_alloc(struct trb_request *rq, size_t size)
{
    return arena_zero(request_of(rq)->arena, size);
}

/* Beside the arena: what a peer sizes must not use up what heads and texts need. */
static struct trb_data verb_buffer(struct trb_request *rq, size_t len, char **ret_bytes)
{
    struct trb_buf *b = buf_new(len, ret_bytes);
    arena_link_buf(request_of(rq)->arena, b);
    return buf_data(b);
}

static struct trb_slice verb_method(struct trb_request *rq)
{
    return request_of(rq)->method;
}

static struct trb_slice verb_target(struct trb_request *rq)
{
    return request_of(rq)->target;
}

static struct trb_slice verb_raw_query(struct trb_request *rq)
{
    return request_of(rq)->query;
}

static struct trb_name verb_path(struct trb_request *rq, const char *param)
{
    return request_path(request_of(rq), param);
}

static struct trb_name verb_query(struct trb_request *rq, const char *name)
{
    return request_query(request_of(rq), name);
}

static struct trb_pairs verb_metadata(struct trb_request *rq)
{
    return request_metadata(request_of(rq));
}

static struct trb_slice verb_header(struct trb_request *rq, const char *name)
{
    return request_header(request_of(rq), slice_of(name));
}

static struct trb_pairs verb_headers(struct trb_request *rq)
{
    return request_header_pairs(request_of(rq));
}

static struct trb_data verb_body(struct trb_request *rq)
{
    return request_body(request_of(rq));
}

static const char *verb_body_fault(struct trb_request *rq)
{
    return request_of(rq)->body.fault;
}

static int64_t verb_body_length(struct trb_request *rq)
{
    return request_of(rq)->body.length;
}

static uint64_t verb_deadline_ns(struct trb_request *rq)
{
    return request_of(rq)->deadline_ns;
}

static struct trb_slice verb_traceparent(struct trb_request *rq)
{
    return request_of(rq)->traceparent;
}

static struct trb_slice verb_tracestate(struct trb_request *rq)
{
    return request_of(rq)->tracestate;
}

static struct trb_slice verb_peer_identity(struct trb_request *rq)
{
    return request_of(rq)->peer_identity;
}

static const struct trb_peer_message *verb_peer_message(struct trb_request *rq)
{
    return request_of(rq)->peer_message;
}

static const char *verb_status_text(uint32_t http_status)
{
    return http_reason((int)http_status);
}

static void verb_set_header(struct trb_request *rq, struct trb_slice name, struct trb_slice value)
{
    request_set_header(request_of(rq), name, value);
}

static struct trb_next verb_reply(struct trb_request *rq, uint32_t status, struct trb_data body)
{
    return request_reply(request_of(rq), status, body);
}

static struct trb_next verb_refuse(struct trb_request *rq, const struct trb_refusal *refusal)
{
    return request_refuse(request_of(rq), refusal);
}

static void verb_reply_head(struct trb_request *rq, uint32_t status, int64_t length)
{
    request_reply_head(request_of(rq), status, length);
}

static struct trb_next verb_reply_send(struct trb_request *rq, struct trb_data piece, struct trb_next then)
{
    return request_reply_send(request_of(rq), piece, then);
}

static struct trb_next verb_reply_end(struct trb_request *rq)
{
    return request_reply_end(request_of(rq));
}

static struct trb_next verb_reply_cut(struct trb_request *rq)
{
    return request_reply_cut(request_of(rq));
}

static struct trb_data verb_body_take(struct trb_request *rq)
{
    return request_body_take_left(request_of(rq));
}

static uint32_t verb_body_ended(struct trb_request *rq)
{
    return request_body_ended(request_of(rq));
}

static struct trb_next verb_body_wait(struct trb_request *rq, struct trb_next then)
{
    return request_body_wait(request_of(rq), then);
}

static struct trb_next verb_body_gather(struct trb_request *rq, struct trb_next then)
{
    return request_body_gather(request_of(rq), then);
}

static void *verb_task_arg(struct trb_request *rq)
{
    return request_of(rq)->task_arg;
}

static struct trb_next verb_task_end(struct trb_request *rq)
{
    return request_over();
}

static struct trb_next verb_sleep(struct trb_request *rq, uint64_t ns, struct trb_next then)
{
    return request_sleep(request_of(rq), ns, then);
}

static struct trb_next verb_park(struct trb_request *rq, struct trb_next then)
{
    return request_park(request_of(rq), then);
}

static void verb_wake(struct trb_request *rq)
{
    request_wake(request_of(rq));
}

static void verb_set_trailer(struct trb_request *rq, struct trb_slice name, struct trb_slice value)
{
    request_set_trailer(request_of(rq), name, value);
}

static struct trb_next verb_reply_status(struct trb_request *rq, const struct trb_status *status)
{
    return request_reply_status(request_of(rq), status);
}

static void verb_on_over(struct trb_request *public_, void (*run)(struct trb_request *, void *), void *arg)
{
    struct request *rq = request_of(public_);
    rq->on_over = run;
    rq->on_over_arg = arg;
}

static void verb_pin(struct trb_request *rq)
{
    request_pin(request_of(rq));
}

static void verb_unpin(struct trb_request *rq)
{
    request_unpin_from_anywhere(request_of(rq));
}

void request_kernel_fill(struct trb_kernel *k)
{
    k->alloc = verb_alloc;
    k->method = verb_method;
    k->target = verb_target;
    k->raw_query = verb_raw_query;
    k->path = verb_path;
    k->query = verb_query;
    k->metadata = verb_metadata;
    k->header = verb_header;
    k->headers = verb_headers;
    k->body = verb_body;
    k->body_fault = verb_body_fault;
    k->body_length = verb_body_length;
    k->deadline_ns = verb_deadline_ns;
    k->traceparent = verb_traceparent;
    k->tracestate = verb_tracestate;
    k->peer_identity = verb_peer_identity;
    k->set_header = verb_set_header;
    k->reply = verb_reply;
    k->refuse = verb_refuse;
    k->reply_head = verb_reply_head;
    k->reply_send = verb_reply_send;
    k->reply_end = verb_reply_end;
    k->reply_cut = verb_reply_cut;
    k->body_take = verb_body_take;
    k->body_ended = verb_body_ended;
    k->body_wait = verb_body_wait;
    k->body_gather = verb_body_gather;
    k->task_arg = verb_task_arg;
    k->task_end = verb_task_end;
    k->sleep = verb_sleep;
    k->park = verb_park;
    k->wake = verb_wake;
    k->set_trailer = verb_set_trailer;
    k->reply_status = verb_reply_status;
    k->on_over = verb_on_over;
    k->pin = verb_pin;
    k->unpin = verb_unpin;
    k->peer_message = verb_peer_message;
    k->status_text = verb_status_text;
    k->buffer = verb_buffer;
}
