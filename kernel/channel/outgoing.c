/* outgoing: the life of a call out, whatever the protocol, and its part of struct trb_kernel. */
#include <base/check.h>
#include <base/clock.h>
#include <base/error.h>
#include <base/mem.h>
#include <base/slice.h>
#include <channel/outgoing.h>

/* --------------------------------------------------------------------------------- the end of it */
static void drop_queue(struct outgoing *o)
{
    for (uint32_t i = 0; i < o->queued; i++)
        buf_unref(o->queue[i].owner);
    o->queued = 0;
}

static void over(struct outgoing *o)
{
    if (!o->is_running)
        return;
    o->is_running = false;
    timer_end(&o->timeout);
    request_body_watch(o->rq, NULL, NULL);
    app_slot_give(o);
    if (o->question.to == TRB_TO_APP)
        app_metrics_count(o);
    else if (o->question.to == TRB_TO_APP_GRPC && !(o->question.flags & TRB_OUT_EVEN_UNHEALTHY))
        grpc_metrics_count(o);             /* probes count by themselves */
}

static void stop(struct outgoing *o)
{
    if (o->call.link && !o->ended && !o->failed)
        http_call_cancel(&o->call);
    over(o);                                           /* counted by what came until here */
    o->failed = true;
}

/* What nobody waits for any more may still be on its way. */
static void release(struct request *rq, void *arg)
{
    struct outgoing *o = arg;
    stop(o);
    timer_end(&o->timeout);
    timer_end(&o->again);
    drop_queue(o);
    gather_drop(&o->body);
    buf_unref(o->question.body.owner);
    o->question.body.owner = NULL;
    buf_unref(o->whole.owner);
    o->whole.owner = NULL;
    buf_unref(o->packed.owner);
    o->packed.owner = NULL;
    grpc_reader_fini(&o->reader);
    o->inflate = inflate_destroy(o->inflate);
    if (rq->outcome == o)
        rq->outcome = NULL;
}

static void on_cancel(struct request *rq, void *arg, uint32_t why)
{
    stop(arg);
}

/* ------------------------------------------------------------------------- what the protocols tell */
void outgoing_head(struct outgoing *o)
{
    o->head_seen = true;
    if (o->is_waiting_head) {
        o->is_waiting_head = false;
        request_resume(o->rq);
    }
}

/* The window opens by what went on its way; while nobody wants more, it stays owed. */
static bool is_blocked(const struct outgoing *o)
{
    return o->is_relaying ? !request_reply_has_room(o->rq) : !o->is_gathering;
}

bool outgoing_has_room(const struct outgoing *o)
{
    return !o->failed && (!is_blocked(o) || (!o->is_relaying && !o->queued));
}

static void pay(struct outgoing *o)
{
    size_t owed = o->owed;
    o->owed = 0;
    if (owed && !o->ended && !o->failed)
        http_call_consume(&o->call, owed);
}

void outgoing_credit(struct outgoing *o, size_t bytes)
{
    o->owed += bytes;
    if (!is_blocked(o))
        pay(o);
}

static void gather_piece(struct outgoing *o, struct trb_data piece)
{
    struct trb_error err = ERROR_INIT;
    if (gather_add(&o->body, slice_from(piece.at, piece.len), o->max))
        return;
    http_call_cancel(&o->call);
    error_set(&err, TRB_EXHAUSTED, "ANSWER_TOO_LARGE", "the answer is larger than %zu bytes", o->max);
    outgoing_fail(o, &err);
}

static void keep_piece(struct outgoing *o, struct trb_data piece)
{
    struct trb_data kept = piece;
    if (piece.owner)
        buf_ref(piece.owner);
    else
        kept = buf_data(buf_copy(slice_from(piece.at, piece.len)));
    check(o->queued < countof(o->queue));
    o->queue[o->queued++] = kept;
}

/* Until somebody wants the body its pieces are joined in one: the window bounds them. */
static void hold_piece(struct outgoing *o, struct trb_data piece)
{
    if (o->queued < countof(o->queue))
        return keep_piece(o, piece);
    struct gather all = {0};
    for (uint32_t i = 0; i < o->queued; i++)
        gather_add(&all, slice_from(o->queue[i].at, o->queue[i].len), SIZE_MAX);
    gather_add(&all, slice_from(piece.at, piece.len), SIZE_MAX);
    drop_queue(o);
    o->queue[o->queued++] = buf_data(gather_finish(&all));
}

static void stop_peeking(struct outgoing *o)
{
    if (!o->is_peeking)
        return;
    o->is_peeking = false;
    request_resume(o->rq);
}

void outgoing_piece(struct outgoing *o, struct trb_data piece)
{
    o->received_bytes += piece.len;
    if (o->is_relaying)
        request_reply_piece(o->rq, piece);
    else if (o->is_gathering)
        gather_piece(o, piece);
    else
        hold_piece(o, piece);
    stop_peeking(o);
}

static void finish_gather(struct outgoing *o)
{
    o->is_gathering = false;
    o->whole = buf_data(gather_finish(&o->body));
    request_resume(o->rq);
}

void outgoing_end(struct outgoing *o)
{
    o->ended = true;
    over(o);
    if (o->is_gathering)
        finish_gather(o);
    else if (o->is_relaying)
        request_resume_with(o->rq, request_go_end());
    stop_peeking(o);
}

void outgoing_fail(struct outgoing *o, const struct trb_error *err)
{
    o->failed = true;
    o->failure = *err;
    o->failure.text = o->failure.details = NULL;
    o->rq->failure = &o->failure;
    over(o);
    if (o->is_waiting_head || o->is_gathering || o->is_peeking) {
        o->is_waiting_head = o->is_gathering = o->is_peeking = false;
        request_resume(o->rq);
    } else if (o->is_relaying) {
        request_resume_with(o->rq, request_go_cut());
    }
}

/* ----------------------------------------------------------------------- the request's own body */
static bool write_piece(struct outgoing *o, struct trb_data piece)
{
    o->sent_bytes += piece.len;
    return o->question.to == TRB_TO_PEER ? peer_out_write(o, piece) : http_call_write(&o->call, piece);
}

static void write_end(struct outgoing *o)
{
    if (o->question.to == TRB_TO_PEER)
        peer_out_finish(o);
    else
        http_call_finish(&o->call, NULL);
}

/* The client's body is too large or broke off: what was sent of it must not look whole. */
static void fail_body(struct outgoing *o)
{
    struct trb_error err = ERROR_INIT;
    if (o->call.link)
        http_call_cancel(&o->call);
    error_set(&err, TRB_INVALID, "BODY", "%s", o->rq->body.fault);
    if (o->question.to != TRB_TO_PEER)
        http_out_name_call(o, &err);
    outgoing_fail(o, &err);
}

static void on_more(struct request *rq, void *arg)
{
    outgoing_pump(arg);
}

void outgoing_pump(struct outgoing *o)
{
    bool room = true;
    if (!o->is_pumping || o->ended || o->failed)
        return;
    while (room) {
        struct trb_data piece = request_body_take(o->rq);
        if (!piece.at || o->ended || o->failed) {
            buf_unref(piece.owner);
            break;
        }
        room = write_piece(o, piece);
        buf_unref(piece.owner);
    }
    if (!room || o->ended || o->failed) {
        request_body_watch(o->rq, NULL, NULL);
    } else if (request_body_ended(o->rq)) {
        request_body_watch(o->rq, NULL, NULL);
        o->is_pumping = false;
        if (o->rq->body.fault)
            return fail_body(o);
        write_end(o);
    } else {
        request_body_watch(o->rq, on_more, o);
    }
}

/* ------------------------------------------------------------------------------ for the blocks */
void outgoing_start_app(struct outgoing *o)
{
    if (o->question.to == TRB_TO_APP_GRPC)
        grpc_out_start(o);
    else
        http_out_start(o);
}

static void on_timeout(void *arg)
{
    struct outgoing *o = arg;
    struct trb_error err = ERROR_INIT;
    if (o->call.link)
        http_call_cancel(&o->call);
    error_set(&err, TRB_DEADLINE, "DEADLINE", "context deadline exceeded");
    outgoing_fail(o, &err);
}

static bool is_refused(struct outgoing *o)
{
    struct trb_error err = ERROR_INIT;
    if (o->question.to != TRB_TO_APP && o->question.to != TRB_TO_APP_GRPC)
        return false;
    if (!channel_setup()->info->app_port)
        error_set(&err, TRB_INTERNAL, "NO_APP", "app channel is not initialized");
    else if (!channel_is_app_healthy() && !(o->question.flags & TRB_OUT_EVEN_UNHEALTHY))
        error_set(&err, TRB_INTERNAL, "APP_UNHEALTHY", "app is not in a healthy state");
    else
        return false;
    o->failed = true;
    o->failure = err;
    o->rq->failure = &o->failure;
    return true;
}

static struct trb_next send(struct trb_request *public_, const struct trb_outcall *question, struct trb_next then)
{
    struct request *rq = request_of(public_);
    if (request_is_over(rq))
        return request_over();
    struct outgoing *o = arena_zero(rq->arena, sizeof *o);
    o->magic = OUTGOING_MAGIC;
    o->rq = rq;
    memcpy(&o->question, question, question->size < sizeof o->question ? question->size : sizeof o->question);
    buf_ref(o->question.body.owner);
    o->is_relayed = o->is_pumping = o->question.body_mode == TRB_BODY_RELAYED;
    o->began_ns = clock_now_ns();
    if (rq->outcome)
        stop(rq->outcome);
    rq->outcome = o;
    rq->failure = NULL;
    request_at_end(rq, &o->ending, release, o);
    if (is_refused(o))
        return then;
    o->is_running = o->is_waiting_head = true;
    if (o->question.timeout_ns)
        timer_after(rq->loop, &o->timeout, o->question.timeout_ns, on_timeout, o);
    struct trb_next next = request_await(rq, then, on_cancel, o);
    if (o->question.to == TRB_TO_PEER)
        peer_out_start(o);
    else if (app_slot_take(o))
        outgoing_start_app(o);
    return next;
}

static struct outgoing *outgoing_of(struct trb_request *public_)
{
    struct outgoing *o = request_of(public_)->outcome;
    return o ? checked(o, struct outgoing, OUTGOING_MAGIC) : NULL;
}

static const struct trb_outcome *outcome(struct trb_request *public_)
{
    struct outgoing *o = outgoing_of(public_);
    return o && o->head_seen && !o->failed ? &o->outcome : NULL;
}

static struct trb_next outcome_gather(struct trb_request *public_, size_t max, struct trb_next then)
{
    struct outgoing *o = outgoing_of(public_);
    if (!o || o->failed || o->whole.owner)
        return then;
    o->max = max ? max : SIZE_MAX;
    for (uint32_t i = 0; i < o->queued; i++)
        gather_add(&o->body, slice_from(o->queue[i].at, o->queue[i].len), SIZE_MAX);
    drop_queue(o);
    if (o->ended) {
        o->whole = buf_data(gather_finish(&o->body));
        return then;
    }
    o->is_gathering = true;
    pay(o);
    struct trb_next next = request_await(o->rq, then, on_cancel, o);
    http_out_go_on(o);
    return next;
}

static struct trb_next outcome_peek(struct trb_request *public_, struct trb_next then)
{
    struct outgoing *o = outgoing_of(public_);
    if (!o || o->failed || o->ended || o->queued)
        return then;
    o->is_peeking = true;
    return request_await(o->rq, then, on_cancel, o);
}

static struct trb_slice outcome_first(struct trb_request *public_)
{
    struct outgoing *o = outgoing_of(public_);
    return o && o->queued ? slice_from(o->queue[0].at, o->queue[0].len) : (struct trb_slice){0};
}

static struct trb_data outcome_body(struct trb_request *public_)
{
    struct outgoing *o = outgoing_of(public_);
    return o ? o->whole : (struct trb_data){0};
}

static void on_reply_room(struct request *rq, void *arg)
{
    pay(arg);
    http_out_go_on(arg);
}

static struct trb_next outcome_relay(struct trb_request *public_)
{
    struct outgoing *o = outgoing_of(public_);
    if (!o || o->failed)
        return request_go_cut();
    for (uint32_t i = 0; i < o->queued; i++)
        request_reply_piece(o->rq, o->queue[i]);
    drop_queue(o);
    if (o->ended)
        return request_go_end();
    o->is_relaying = true;
    request_reply_watch(o->rq, on_reply_room, o);
    if (!is_blocked(o))
        pay(o);
    struct trb_next next = request_await(o->rq, request_go_end(), on_cancel, o);
    http_out_go_on(o);
    return next;
}

void channel_kernel_fill(struct trb_kernel *k)
{
    k->send = send;
    k->outcome = outcome;
    k->outcome_gather = outcome_gather;
    k->outcome_body = outcome_body;
    k->outcome_relay = outcome_relay;
    k->outcome_peek = outcome_peek;
    k->outcome_first = outcome_first;
}
