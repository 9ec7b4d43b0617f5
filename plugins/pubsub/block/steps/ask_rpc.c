/* AppCallback/ListTopicSubscriptions of the app. grpc-api.md 5.2 */
#include "app_ask.h"
#include <base/error.h>
#include <pb/runtime.h>
#include <rpc/rpc.h>

static void ask(struct trb_request *rq, struct asking *a)
{
    a->call = (struct trb_outcall){
        .size = sizeof a->call, .to = TRB_TO_APP_GRPC,
        .method = SLICE("/dapr.proto.runtime.v1.AppCallback/ListTopicSubscriptions"),
        .body_mode = TRB_BODY_GIVEN, .body = {"", 0, NULL},
        .flags = TRB_OUT_NO_TRACE | TRB_OUT_NO_TOKEN | TRB_OUT_NO_SLOT | TRB_OUT_EVEN_UNHEALTHY};
}

/* -------------------------------------------------------------------------- the list, as JSON of HTTP */
static void member(struct text *t, const char *name, struct trb_name value)
{
    text_addf(t, "\"%s\":", name);
    text_add_json(t, slice_name(value), false);
}

static void write_routes(struct text *t, const struct runtime_topic_routes *routes)
{
    text_adds(t, ",\"routes\":{\"rules\":[");
    for (uint32_t i = 0; i < routes->rules.count; i++) {
        text_adds(t, i ? ",{" : "{");
        member(t, "match", routes->rules.at[i].match);
        text_addc(t, ',');
        member(t, "path", routes->rules.at[i].path);
        text_addc(t, '}');
    }
    text_adds(t, "],");
    member(t, "default", routes->default_);
    text_addc(t, '}');
}

static void write_bulk(struct text *t, const struct runtime_bulk_subscribe_config *bulk)
{
    text_addf(t, ",\"bulkSubscribe\":{\"enabled\":%s,\"maxMessagesCount\":%d,\"maxAwaitDurationMs\":%d}",
              bulk->enabled ? "true" : "false", bulk->max_messages_count, bulk->max_await_duration_ms);
}

static void write_one(struct text *t, const struct runtime_topic_subscription *s)
{
    text_addc(t, '{');
    member(t, "pubsubname", s->pubsub_name);
    text_addc(t, ',');
    member(t, "topic", s->topic);
    text_addc(t, ',');
    member(t, "deadLetterTopic", s->dead_letter_topic);
    metadata_write(t, &s->metadata);
    if (s->routes)
        write_routes(t, s->routes);
    if (s->bulk_subscribe)
        write_bulk(t, s->bulk_subscribe);
    text_addc(t, '}');
}

static struct trb_next take(struct trb_request *rq, const struct runtime_list_topic_subscriptions_response *answer)
{
    struct text t = {0};
    text_addc(&t, '[');
    for (uint32_t i = 0; i < answer->subscriptions.count; i++) {
        if (i)
            text_addc(&t, ',');
        write_one(&t, &answer->subscriptions.at[i]);
    }
    text_addc(&t, ']');
    struct trb_next next = app_ask_take(rq, text_slice(&t));
    text_fini(&t);
    return next;
}

static struct trb_next hear(struct trb_request *rq)
{
    const struct trb_outcome *o = rq->kernel->outcome(rq);
    struct runtime_list_topic_subscriptions_response answer = {0};
    if (!o)
        return app_ask_again(rq, rq->kernel->failure(rq)->message);
    if (o->grpc_code == TRB_UNIMPLEMENTED) {
        say(rq->kernel, TRB_LOG_DEBUG, "the app has no ListTopicSubscriptions, so it has no subscriptions of its own");
        return app_ask_over(rq);
    }
    if (o->grpc_code)
        return app_ask_again(rq, trb_printf(rq, "rpc error: code = %s desc = %.*s", error_code_name(o->grpc_code),
                                            SLICE_ARG(o->reason)).at);
    struct trb_data body = rq->kernel->outcome_body(rq);
    const char *fault = rpc_parse(rq, slice_from(body.at ? body.at : "", body.len),
                                  &runtime_list_topic_subscriptions_response_pb, &answer);
    return fault ? app_ask_again(rq, fault) : take(rq, &answer);
}

const struct question rpc_question = {.ask = ask, .hear = hear};
