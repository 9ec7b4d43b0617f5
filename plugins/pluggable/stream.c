/* stream: see stream.h. */
#include "stream.h"
#include <base/mem.h>
#include <base/slice.h>

#define PATIENCE_NS 250000000ull                /* for the component to end what we have finished */

/* ------------------------------------------------------------------------------------- the end */
static const struct trb_timer_service *timers(const struct flow *f)
{
    return f->bridge->host->extension(TRB_TIMER);
}

static void free_unless_out(struct flow *f)
{
    if (!f->call && !f->out)
        mem_free(f);
}

/* err NULL: as it should be. What is out may still be settled, to nobody. */
static void answer(struct flow *f, const struct trb_error *err)
{
    struct trb_call *call = f->call;
    f->call = NULL;
    f->patience = f->patience ? timers(f)->cancel(f->patience) : NULL;
    list_remove(&f->link);
    if (err)
        f->bridge->host->fail(call, err);
    else
        trb_done(call);
}

static void on_impatient(void *arg)
{
    struct flow *f = arg;
    struct grpc_call *stream = f->stream;
    f->stream = NULL;
    grpc_end(stream);
    answer(f, NULL);
    free_unless_out(f);
}

static void finish(struct flow *f)
{
    grpc_finish(f->stream);
    if (f->stream && !f->patience)
        f->patience = timers(f)->start(f->bridge->origin, PATIENCE_NS, on_impatient, f);
}

static void on_ended(void *arg, const struct trb_error *err)
{
    struct flow *f = arg;
    struct trb_error ended = {0};
    f->stream = NULL;
    if (!err && !f->is_closing && f->kind->may_end) {
        trb_log(f->bridge->host, f->bridge->origin, TRB_LOG_ERROR, "the component has ended its stream; it is not opened again");
        return;
    }
    trb_error(&ended, TRB_UNAVAILABLE, "ENDED", "the component has ended its stream");
    answer(f, f->is_closing ? NULL : err ? err : &ended);
    free_unless_out(f);
}

/* ------------------------------------------------------------------------------------- messages */
static struct event *event_create(struct flow *f)
{
    struct event *e = mem_zero(sizeof *e);
    e->flow = f;
    f->out++;
    return e;
}

static void event_destroy(struct event *e)
{
    e->flow->out--;
    mem_free((char *)(uintptr_t)e->id.at);
    mem_free(e);
}

static void on_message(void *arg, struct trb_slice message)
{
    struct flow *f = arg;
    uint32_t credit = 1;
    if (f->is_closing)
        return;
    grpc_pause(f->stream, f->kind->is_one_by_one);
    struct event *e = event_create(f);
    const char *fault = f->kind->emit(f, e, message, &credit);
    if (fault) {
        event_destroy(e);
        trb_log(f->bridge->host, f->bridge->origin, TRB_LOG_ERROR, "a message of the component cannot be read: %s", fault);
    }
    if (!f->stream)
        return;
    f->is_full = !credit;
    if (!credit || fault)
        grpc_pause(f->stream, !credit);
}

static const struct grpc_stream_events events = {.message = on_message, .ended = on_ended};

static void go_on(struct flow *f)
{
    if (f->stream && !f->is_closing && !f->is_full && !(f->kind->is_one_by_one && f->out))
        grpc_pause(f->stream, false);
}

void stream_settle(void *self, void *cookie, const struct trb_settlement *s)
{
    struct event *e = cookie;
    struct flow *f = e->flow;
    if (f->stream)
        f->kind->settled(f, e->id, s);
    event_destroy(e);
    if (f->is_closing && f->stream && !f->out)
        finish(f);
    else if (f->call && s->verdict != TRB_HELD)
        go_on(f);
    else
        free_unless_out(f);
}

/* -------------------------------------------------------------------------------- from the host */
static struct flow *find(struct bridge *b, const struct trb_call *call)
{
    list_each(node, &b->streams)
        if (list_item(node, struct flow, link)->call == call)
            return list_item(node, struct flow, link);
    return NULL;
}

void stream_open(struct bridge *b, struct trb_call *call, const struct flow_kind *kind, struct text *first)
{
    struct flow *f = mem_zero(sizeof *f);
    *f = (struct flow){.kind = kind, .bridge = b, .call = call};
    list_append(&b->streams, &f->link);
    f->stream = grpc_open(b->grpc, kind->path, &events, f);
    if (first)
        grpc_send(f->stream, first);
    b->host->opened(call);
}

void stream_send(struct flow *f, const struct pb_type *type, const void *message)
{
    struct text t = {0};
    grpc_message_begin(&t);
    pb_write(type, message, &t);
    grpc_send(f->stream, &t);
}

bool stream_cancel(struct bridge *b, struct trb_call *call, uint32_t why)
{
    struct flow *f = find(b, call);
    if (!f || f->is_closing)
        return f != NULL;
    f->is_closing = true;
    if (f->kind->closing)
        f->kind->closing(f, why);
    if (!f->stream) {
        answer(f, NULL);
        free_unless_out(f);
        return true;
    }
    grpc_pause(f->stream, true);
    if (!f->out)
        finish(f);
    return true;
}

void stream_resume(void *self, struct trb_call *call)
{
    struct flow *f = find(self, call);
    if (!f)
        return;
    f->is_full = false;
    go_on(f);
}
