/* output: create puts a message into the queue, by the default exchange, and answers when the broker has it. A
 * message that finds no queue comes back: the queue is declared again, and the message with it. */
#include "queue.h"
#include <base/mem.h>
#include <base/slice.h>

#define TICK_NS 1000000000ull

static void declare(void *arg, struct rabbit_channel *c, struct trb_slice exchange)
{
    queue_declare(arg, c, NULL);
}

/* All of the metadata goes along as headers, beside what has a property of its own. The expiration is written
 * behind the headers, into the same scratch; slices are taken when it no longer grows. */
static void describe(void *arg, const struct rabbit_wish *w, struct text *scratch, struct rabbit_message *ret_message)
{
    const struct queue *q = arg;
    const struct trb_binding_invoke *question = w->message;
    struct rabbit_metadata_setup setup = {.host = q->host, .origin = q->origin, .delivery_mode = 2};
    struct rabbit_properties *p = &ret_message->properties;
    rabbit_metadata_properties(&setup, &question->metadata, scratch, p);
    size_t begun = scratch->len;
    for (uint32_t i = 0; i < question->metadata.count; i++) {
        const struct trb_pair *pair = trb_pair_at(&question->metadata, i);
        wire_put_text(scratch, pair->key.at, slice_name(pair->value));
    }
    if (p->expiration.at)
        p->expiration = slice_from(scratch->at, begun);
    if (question->metadata.count)
        p->headers = slice_from(scratch->at + begun, scratch->len - begun);
    ret_message->key = slice_of(q->name);
    ret_message->data = question->data;
}

void output_start(struct queue *q)
{
    struct rabbit_publisher_setup setup = {.host = q->host, .origin = q->origin, .link = q->out, .exchange = SLICE(""),
                                           .is_confirmed = true, .is_mandatory = true, .arg = q, .declare = declare,
                                           .describe = describe};
    q->publisher = rabbit_publisher_create(&setup);
}

void output_cancel(struct queue *q, const struct trb_call *call)
{
    if (q->publisher)
        rabbit_publisher_cancel(q->publisher, call);
}

void output_stop(struct queue *q)
{
    struct trb_error err = {0};
    trb_error(&err, TRB_UNAVAILABLE, "CLOSED", "the component is stopping");
    q->tick = NULL;
    q->publisher = rabbit_publisher_destroy(q->publisher, &err);
}

static void on_tick(void *arg)
{
    struct queue *q = arg;
    q->tick = q->timers->cancel(q->tick);
    rabbit_publisher_tick(q->publisher);
    if (!rabbit_publisher_is_idle(q->publisher))
        q->tick = q->timers->start(q->origin, TICK_NS, on_tick, q);
}

static void on_settled(struct rabbit_wish *w, const struct trb_error *err)
{
    struct trb_call *call = (struct trb_call *)(uintptr_t)w->call;
    struct trb_binding_answer nothing = {.size = sizeof nothing};
    if (err)
        call->host->fail(call, err);
    else
        call->host->done(call, &nothing, sizeof nothing);
}

static const char *fault_of(const struct trb_pairs *metadata)
{
    for (uint32_t i = 0; i < metadata->count; i++)
        if (trb_pair_at(metadata, i)->key.len > WIRE_SHORT)
            return "names of metadata are headers of the message and have at most 255 bytes";
    return rabbit_metadata_fault(metadata);
}

void output_invoke(void *self, struct trb_call *call, const void *question)
{
    struct queue *q = self;
    const struct trb_binding_invoke *i = question;
    struct rabbit_wish w = {.settled = on_settled, .call = call, .message = i};
    const char *fault = fault_of(&i->metadata);
    if (!slice_is(slice_name(i->operation), SLICE("create"))) {
        trb_fail(call, TRB_INVALID, "UNKNOWN_OPERATION", "bindings.rabbitmq knows the operation create only");
    } else if (fault) {
        trb_fail(call, TRB_INVALID, "BAD_MESSAGE", "%s", fault);
    } else {
        rabbit_publisher_add(q->publisher, &w);
        if (!q->tick)
            q->tick = q->timers->start(q->origin, TICK_NS, on_tick, q);
    }
}
