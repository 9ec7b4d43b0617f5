/* POST or PUT /v1.0/publish/{pubsub}/{topic...}
 *
 *     parse ──► ask ┄┄ the product has taken it ┄┄► reply
 */
#include "../pubsub_block.h"
#include "refusals.h"
#include <base/clock.h>

struct publish {
    struct trb_instance *pubsub;
    struct trb_pubsub_publish question;
    uint64_t began_ns;
};

static trb_step ask, reply;

static struct trb_next failed(struct trb_request *rq, struct trb_slice why)
{
    struct trb_name topic = rq->kernel->path(rq, "topic"), pubsub = rq->kernel->path(rq, "pubsub");
    return refuse_because(rq, &PUBLISH_FAILED, "topic", slice_name(topic), why,
                          trb_printf(rq, "error when publishing to topic %s in pubsub %s: %.*s", topic.at, pubsub.at,
                                     SLICE_ARG(why)));
}

static bool wants_raw(struct trb_pairs metadata, bool *ret_bad, struct trb_slice *ret_text)
{
    struct trb_slice word = pair_get(&metadata, "rawPayload");
    static const char *const yes[] = {"1", "t", "T", "true", "TRUE", "True"};
    static const char *const no[] = {"0", "f", "F", "false", "FALSE", "False", ""};
    *ret_text = word;
    *ret_bad = false;
    for (uint32_t i = 0; i < 6; i++)
        if (word.at && slice_is(word, slice_of(yes[i])))
            return true;
    for (uint32_t i = 0; i < 7; i++)
        if (!word.at || slice_is(word, slice_of(no[i])))
            return false;
    *ret_bad = true;
    return false;
}

/* The event in the request's memory; false: *ret_refusal. */
static bool make_event(struct trb_request *rq, struct trb_pairs metadata, struct trb_data body, struct trb_next *ret)
{
    struct publish *p = rq->state;
    char room[160];
    struct text t = {0};
    struct envelope e = {
        .topic = slice_name(p->question.topic), .pubsub = slice_name(rq->kernel->path(rq, "pubsub")),
        .content_type = rq->kernel->header(rq, "Content-Type"), .data = slice_from(body.at ? body.at : "", body.len),
        .metadata = metadata, .source = slice_name(rq->kernel->info->app_id),
        .trace_parent = event_trace(rq), .trace_state = rq->kernel->tracestate(rq),
        .has_ttl_support = rq->kernel->instance_caps(p->pubsub) & TRB_PUBSUB_MESSAGE_TTL};
    const char *fault = envelope_write(&e, &t, (struct trb_name){room, sizeof room});
    if (fault) {
        text_fini(&t);
        *ret = refuse_because(rq, &BAD_CLOUD_EVENT, "appID", slice_name(rq->kernel->info->app_id), slice_of(fault),
                              trb_printf(rq, "cannot create cloudevent"));
        return false;
    }
    give_data(rq, &t, &p->question.data);
    p->question.content_type = NAME("application/cloudevents+json");
    return true;
}

struct trb_next publish_parse(struct trb_request *rq)
{
    struct publish *p = trb_request_state(rq, sizeof *p);
    struct trb_pairs metadata = rq->kernel->metadata(rq);
    struct trb_next refusal;
    struct trb_slice word;
    bool bad;
    p->began_ns = clock_now_ns();
    p->pubsub = pubsub_find(rq, &refusal);
    if (!p->pubsub)
        return refusal;
    const char *cut = rq->kernel->body_fault(rq);
    if (cut)
        return failed(rq, slice_of(cut));
    bool raw = wants_raw(metadata, &bad, &word);
    if (bad)
        return refuse_metadata(rq, &BAD_METADATA, metadata,
                               trb_printf(rq, "failed deserializing metadata. Error: rawPayload value must be a valid "
                                          "boolean: actual is '%.*s'", SLICE_ARG(word)), true);
    if (!may_publish(rq, p->pubsub, &refusal))
        return refusal;
    struct trb_data body = rq->kernel->body(rq);
    p->question = (struct trb_pubsub_publish){.size = sizeof p->question, .topic = rq->kernel->path(rq, "topic"),
                                              .metadata = metadata, .data = body};
    if (raw) {
        struct trb_slice type = rq->kernel->header(rq, "Content-Type");
        if (!p->question.data.at)
            p->question.data.at = "";
        if (type.at)
            p->question.content_type = trb_printf(rq, "%.*s", SLICE_ARG(type));
    } else if (!make_event(rq, metadata, body, &refusal)) {
        return refusal;
    }
    return TRB_GO(ask);
}

static struct trb_next ask(struct trb_request *rq)
{
    struct publish *p = rq->state;
    return trb_ask(rq, p->pubsub, TRB_AT(pubsub, publish), &p->question, TRB_GO(reply));
}

static struct trb_next reply(struct trb_request *rq)
{
    const struct trb_error *err = rq->kernel->failure(rq);
    struct publish *p = rq->state;
    count_egress(rq, p->question.topic, !err, clock_now_ns() - p->began_ns);
    return err ? failed(rq, err->text ? rq->kernel->host->buf_bytes(err->text) : slice_of(err->message))
               : trb_reply_empty(rq, 204);
}
