/* streams: subscriptions of blocks. The handle belongs to the loop it was opened for; opening and
 * closing travel there by mailbox. */
#include <base/check.h>
#include <base/error.h>
#include <base/mem.h>
#include <plugin/call.h>
#include <plugin/copy.h>
#include <plugin/service.h>
#include <policy/ask.h>
#include <policy/streams.h>

#define CREDIT 1000
#define HANDLE_MAGIC 0x48535452u

struct trb_stream_handle {
    uint32_t magic;
    struct request_owner *owner;
    struct instance *instance;
    const struct trb_verb_info *verb;
    void *question;
    struct trb_next first;
    void *arg;
    void (*ended)(void *, const struct trb_error *);
    void (*opened)(void *);                /* the main loop's, as ended */
    struct loop *loop;
    struct stream_call *call;
    _Atomic uint32_t close_why, is_open;
};

static _Atomic uint32_t next_loop;

/* ------------------------------------------------------------------------------------- events */
static void return_event(struct request *rq, void *arg)
{
    struct trb_settlement held = {.size = sizeof held, .verdict = TRB_HELD};
    if (rq->event)
        stream_call_settle(rq->event, &held);
    rq->event = NULL;
}

static void on_event(void *arg, struct stream_call_event *e)
{
    struct trb_stream_handle *h = checked(arg, struct trb_stream_handle, HANDLE_MAGIC);
    struct request *rq = request_task_create(h->loop, h->owner, h->first, h->arg);
    rq->event = e;
    request_at_end(rq, arena_zero(rq->arena, sizeof(struct request_ending)), return_event, NULL);
}

static const void *event(struct trb_request *public_)
{
    struct stream_call_event *e = request_of(public_)->event;
    return e ? e->event : NULL;
}

static struct trb_next settle(struct trb_request *public_, uint32_t verdict, const struct trb_error *why,
                              struct trb_data data)
{
    struct request *rq = request_of(public_);
    struct trb_settlement s = {.size = sizeof s, .verdict = verdict, .error = why, .data = data};
    if (rq->event)
        stream_call_settle(rq->event, &s);
    rq->event = NULL;
    return request_over();
}

/* -------------------------------------------------------------------------- opening and closing */
static void forget(void *arg)
{
    struct trb_stream_handle *h = arg;
    copy_release(h->verb->question, h->question, false);
    mem_free(h->question);
    instance_unpin(h->instance);
    h->owner->unpin(h->owner);
    h->magic = 0;
    mem_free(h);
}

struct ending {
    struct trb_stream_handle *handle;
    struct trb_error err;
};

/* A close that was on its way when the stream ended is ahead of forget in the mailbox of its loop. */
static void tell_owner(void *arg)
{
    struct ending *e = arg;
    struct trb_stream_handle *h = e->handle;
    h->ended(h->arg, e->err.code ? &e->err : NULL);
    loop_call(h->loop, forget, h);
    mem_free(e);
}

static void on_ended(void *arg, const struct trb_error *err)
{
    struct trb_stream_handle *h = checked(arg, struct trb_stream_handle, HANDLE_MAGIC);
    struct ending *e = mem_zero(sizeof *e);
    e->handle = h;
    if (err)
        e->err = *err;
    h->call = NULL;
    loop_call(loop_at(0), tell_owner, e);
}

static void tell_opened(void *arg)
{
    struct trb_stream_handle *h = arg;
    if (h->opened)
        h->opened(h->arg);
}

static void on_opened(void *arg)
{
    struct trb_stream_handle *h = checked(arg, struct trb_stream_handle, HANDLE_MAGIC);
    atomic_store(&h->is_open, 1);
    loop_call(loop_at(0), tell_opened, h);
}

static void stream_on_open(struct trb_stream_handle *h, void (*opened)(void *))
{
    checked(h, struct trb_stream_handle, HANDLE_MAGIC)->opened = opened;
}

static uint32_t stream_is_open(const struct trb_stream_handle *h)
{
    return atomic_load(&h->is_open);
}

static const struct stream_call_owner stream_owner = {.event = on_event, .ended = on_ended, .opened = on_opened};

static void open_here(void *arg)
{
    struct trb_stream_handle *h = arg;
    h->call = stream_call_open(h->instance, h->verb, h->question, CREDIT, &stream_owner, h);
}

/* One loop serves all streams of an instance, so that events of one subscription keep their order. */
static struct loop *home_of(const struct instance *i)
{
    if (i->component->run == TRB_ON_ONE_LOOP)
        return i->origins[0].loop;
    return loop_at(atomic_fetch_add(&next_loop, 1) % loop_count());
}

static struct trb_stream_handle *stream_open(const struct trb_kernel *k, void *self, struct trb_instance *public_,
                                             uint32_t verb, const void *question, struct trb_next first, void *arg,
                                             void (*ended)(void *, const struct trb_error *))
{
    struct instance *i = instance_of(public_);
    struct trb_stream_handle *h = mem_zero(sizeof *h);
    *h = (struct trb_stream_handle){.magic = HANDLE_MAGIC, .owner = &service_of(self)->owner, .instance = i,
                                    .verb = ask_verb(public_, verb), .first = first, .arg = arg, .ended = ended,
                                    .loop = home_of(i)};
    check(h->verb && h->verb->flags & TRB_VERB_STREAM);
    size_t size = *(const uint32_t *)question;
    h->question = copy_into(h->verb->question, question, size, mem_alloc(copy_measure(h->verb->question, question, size)));
    instance_pin(i);
    h->owner->pin(h->owner);               /* the verb's texts are its plugin's */
    loop_call(h->loop, open_here, h);
    return h;
}

static void close_here(void *arg)
{
    struct trb_stream_handle *h = arg;
    if (h->call)
        stream_call_close(h->call, h->close_why);
}

/* Letters keep their order, so open_here has run before close_here does. */
static void stream_close(struct trb_stream_handle *h, uint32_t why)
{
    checked(h, struct trb_stream_handle, HANDLE_MAGIC)->close_why = why;
    loop_call(h->loop, close_here, h);
}

void streams_kernel_fill(struct trb_kernel *k)
{
    k->event = event;
    k->settle = settle;
    k->stream_open = stream_open;
    k->stream_close = stream_close;
    k->stream_is_open = stream_is_open;
    k->stream_on_open = stream_on_open;
}
