/* An event on an internal topic: it waits until the row of its transaction is there, goes where it shall go, and the
 * row is removed. http-api.md 5.12
 *
 *     parse ──► look ┄┄► looked ──► forward ┄┄► forwarded ──► forget ┄┄► forgotten ──► (settled)
 *                ▲          │ in no store                       ▲            │ the store refuses
 *                └── nap ◄──┘ ──► missing ──► (settled)         └─── nap ◄───┘
 */
#include "../pubsub_block.h"
#include <base/clock.h>
#include <events/outbox_event.h>
#include <trilby/state.h>

#define NAP_NS (CLOCK_S / 5) /* how soon an event that waits hears that its stream is closing */

struct waiting {
    struct listener *listener;
    const struct subscription *sub;
    const struct trb_pubsub_event *event;
    struct json_value envelope;
    struct trb_name key;
    const struct outbox *at;        /* the store that is looked into, or that has the row */
    struct trb_state_get get;
    struct trb_pubsub_publish publish;
    struct trb_state_delete remove;
    struct trb_error why;
    struct trb_next after;          /* the nap */
    uint64_t until_ns;
    uint32_t naps;
    bool is_unsure;                 /* a store of this round could not be asked */
};

static trb_step look, looked, forward, forwarded, forget, forgotten, nap;

/* Most transactions are there at once; then a second, and half a second, three times as long each time. */
static const uint64_t pauses[] = {50 * CLOCK_MS, 950 * CLOCK_MS, 500 * CLOCK_MS, 1500 * CLOCK_MS, 3 * CLOCK_S,
                                  3 * CLOCK_S};

/* -------------------------------------------------------------------------------------- the ends */
static struct trb_next end(struct trb_request *rq, uint32_t verdict)
{
    struct waiting *w = rq->state;
    return rq->kernel->settle(rq, verdict, w->why.code ? &w->why : NULL, (struct trb_data){NULL, 0, NULL});
}

static struct trb_next fail(struct trb_request *rq, const char *what, const char *why)
{
    struct waiting *w = rq->state;
    w->why = (struct trb_error){.size = sizeof w->why, .code = TRB_INTERNAL, .item = -1};
    snprintf(w->why.message, sizeof w->why.message, "outbox event %.60s: %s: %.300s", w->key.at, what, why);
    say(rq->kernel, TRB_LOG_ERROR, "%s", w->why.message);
    return end(rq, TRB_RETRY);
}

static struct trb_next not_ours(struct trb_request *rq, const char *why)
{
    struct waiting *w = rq->state;
    say(rq->kernel, TRB_LOG_ERROR, "a message on topic %s of pubsub %s is no event of an outbox, it is dropped: %s",
        w->sub->topic.at, w->sub->pubsub.at, why);
    return end(rq, TRB_DROP);
}

static bool all_discard(const struct subscription *s)
{
    for (uint32_t i = 0; i < s->outbox_count; i++)
        if (!s->outboxes[i].discards)
            return false;
    return true;
}

static struct trb_next missing(struct trb_request *rq)
{
    struct waiting *w = rq->state;
    if (w->is_unsure || !all_discard(w->sub))
        return fail(rq, "its transaction was not found", w->is_unsure ? "a store could not be asked" : "no such row");
    say(rq->kernel, TRB_LOG_INFO, "outbox event %s has no transaction and is discarded", w->key.at);
    return end(rq, TRB_ACK);
}

/* ------------------------------------------------------------------------------------ the waiting */
static struct trb_next rest(struct trb_request *rq, uint64_t ns, struct trb_next after)
{
    struct waiting *w = rq->state;
    w->until_ns = clock_now_ns() + ns;
    w->after = after;
    return TRB_GO(nap);
}

static struct trb_next nap(struct trb_request *rq)
{
    struct waiting *w = rq->state;
    uint64_t now = clock_now_ns(), left = w->until_ns - now;
    if (w->listener->is_closing)
        return end(rq, TRB_HELD);
    return now >= w->until_ns ? w->after : rq->kernel->sleep(rq, left < NAP_NS ? left : NAP_NS, TRB_GO(nap));
}

/* ------------------------------------------------------------------------------------ the looking */
struct trb_next outbox_event_parse(struct trb_request *rq)
{
    struct waiting *w = trb_request_state(rq, sizeof *w);
    struct json_fault fault;
    w->listener = rq->kernel->task_arg(rq);
    w->sub = w->listener->sub;
    w->event = rq->kernel->event(rq);
    struct trb_slice bytes = slice_from(w->event->data.at ? w->event->data.at : "", w->event->data.len);
    if (!envelope_read(bytes, &w->envelope, &fault))
        return not_ours(rq, fault.message);
    struct trb_slice key = outbox_event_key(w->envelope);
    if (!key.at)
        return not_ours(rq, "its id is none of ours");
    w->key = name_copy(rq, key);
    w->get = (struct trb_state_get){.size = sizeof w->get, .key = w->key, .consistency = TRB_STATE_STRONG,
                                    .metadata = {.stride = sizeof(struct trb_pair)}};
    w->at = w->sub->outboxes;
    return TRB_GO(look);
}

static struct trb_next look_on(struct trb_request *rq)
{
    struct waiting *w = rq->state;
    if (++w->at < w->sub->outboxes + w->sub->outbox_count)
        return TRB_GO(look);
    if (w->naps == sizeof pauses / sizeof *pauses)
        return missing(rq);
    w->at = w->sub->outboxes;
    w->is_unsure = false;
    return rest(rq, pauses[w->naps++], TRB_GO(look));
}

static struct trb_next look(struct trb_request *rq)
{
    struct waiting *w = rq->state;
    struct trb_instance *store = rq->kernel->find(rq, "state", slice_name(w->at->store));
    if (w->listener->is_closing)
        return end(rq, TRB_HELD);
    if (store)
        return trb_ask(rq, store, TRB_AT(state, get), &w->get, TRB_GO(looked));
    w->is_unsure = true;
    return look_on(rq);
}

static struct trb_next looked(struct trb_request *rq)
{
    struct waiting *w = rq->state;
    const struct trb_state_item *row = rq->kernel->answer(rq);
    if (row && row->value.at && row->value.len)
        return TRB_GO(forward);
    w->is_unsure |= !row;
    return look_on(rq);
}

/* ---------------------------------------------------------------------------------- the real topic */
static struct trb_name topic_of(struct trb_request *rq, struct trb_instance *i, const struct outbox *o)
{
    struct trb_slice prefix = scopes_topic_prefix(rq->kernel->instance_data(i));
    return trb_printf(rq, "%.*s%s", SLICE_ARG(prefix), o->topic.at);
}

static struct trb_next forward(struct trb_request *rq)
{
    struct waiting *w = rq->state;
    struct trb_instance *i = rq->kernel->find(rq, "pubsub", slice_name(w->at->pubsub));
    struct text t = {0};
    if (!i)
        return fail(rq, "there is no such pubsub", w->at->pubsub.at);
    if (!scopes_may_publish(rq->kernel->instance_data(i), slice_name(w->at->topic)))
        return fail(rq, "the app may not publish to topic", w->at->topic.at);
    outbox_event_readdress(w->envelope, slice_name(w->at->pubsub), slice_name(w->at->topic), &t);
    struct trb_name bytes = name_copy(rq, text_slice(&t));
    text_fini(&t);
    w->publish = (struct trb_pubsub_publish){
        .size = sizeof w->publish, .topic = topic_of(rq, i, w->at), .data = {bytes.at, bytes.len, NULL},
        .content_type = NAME("application/cloudevents+json"), .metadata = {.stride = sizeof(struct trb_pair)}};
    return trb_ask(rq, i, TRB_AT(pubsub, publish), &w->publish, TRB_GO(forwarded));
}

static struct trb_next forwarded(struct trb_request *rq)
{
    struct waiting *w = rq->state;
    const struct trb_error *err = rq->kernel->failure(rq);
    if (err)
        return fail(rq, "it could not be published", component_text(rq, err).at);
    w->remove = (struct trb_state_delete){.size = sizeof w->remove, .key = w->key,
                                          .metadata = {.stride = sizeof(struct trb_pair)}};
    w->naps = 0;
    return TRB_GO(forget);
}

/* ------------------------------------------------------------------------------------- the removal */
static struct trb_next not_forgotten(struct trb_request *rq, const char *why)
{
    struct waiting *w = rq->state;
    return w->naps == 3 ? fail(rq, "its row could not be removed, it will be published again", why)
                        : rest(rq, pauses[w->naps++], TRB_GO(forget));
}

static struct trb_next forget(struct trb_request *rq)
{
    struct waiting *w = rq->state;
    struct trb_instance *store = rq->kernel->find(rq, "state", slice_name(w->at->store));
    return store ? trb_ask(rq, store, TRB_AT(state, remove), &w->remove, TRB_GO(forgotten))
                 : not_forgotten(rq, "the store is not there");
}

static struct trb_next forgotten(struct trb_request *rq)
{
    const struct trb_error *err = rq->kernel->failure(rq);
    return err ? not_forgotten(rq, component_text(rq, err).at) : end(rq, TRB_ACK);
}
