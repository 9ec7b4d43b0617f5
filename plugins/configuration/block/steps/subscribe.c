/* GET /v1.0/configuration/{store}/subscribe, and SubscribeConfiguration. http-api.md 4.7, grpc-api.md 3.6
 *
 *     parse (HTTP), read (gRPC) ──► begin ┄┄ the stream opens ┄┄► opened ──► (HTTP) reply
 *                                                                        └─► (gRPC) run ◄┄ a change, the end
 */
#include "../watch.h"

struct subscriber {
    struct watch *watch;
    struct trb_configuration_get *question;
    struct trb_name store;
};

static trb_step opened, run;

static struct trb_next begin(struct trb_request *rq, struct trb_name store, struct trb_configuration_get *q,
                             struct trb_next first)
{
    struct subscriber *s = trb_request_state(rq, sizeof *s);
    s->store = store;
    s->question = q;
    s->watch = watch_begin(rq, store, q, first);
    if (!s->watch)
        return question_failed(rq, &SUBSCRIBE_FAILED, "subscribe", q, store, SLICE("the sidecar is shutting down"));
    rq->kernel->on_over(rq, watch_over, s->watch);
    return rq->kernel->park(rq, TRB_GO(opened));
}

struct trb_next subscribe_parse(struct trb_request *rq)
{
    struct trb_name store = rq->kernel->path(rq, "store");
    struct trb_next refusal;
    if (!store_find(rq, store, &refusal))
        return refusal;
    if (!rq->kernel->info->app_port)
        return trb_refuse(rq, &NO_APP, "app channel is not initialized. cannot subscribe to configuration updates");
    return begin(rq, store, question_parse(rq), TRB_GO(tell_app));
}

struct trb_next subscribe_read(struct trb_request *rq)
{
    struct runtime_subscribe_configuration_request m;
    struct trb_next refusal;
    if (!rpc_read(rq, &runtime_subscribe_configuration_request_pb, &m, &refusal) || !store_find(rq, m.store_name, &refusal))
        return refusal;
    return begin(rq, m.store_name, question_make(rq, m.keys.at, m.keys.count, m.metadata), TRB_GO(tell_client));
}

/* --------------------------------------------------------------------------------------- answers */
static struct trb_next reply_http(struct trb_request *rq, struct subscriber *s)
{
    struct trb_name json = trb_printf(rq, "{\"id\":\"%s\"}\n", watch_id(s->watch).at);
    watch_keep(s->watch);
    rq->kernel->set_header(rq, SLICE("Content-Type"), SLICE("application/json"));
    return trb_reply(rq, 200, (struct trb_data){json.at, json.len, NULL});
}

static struct trb_next reply_rpc(struct trb_request *rq, struct subscriber *s)
{
    struct runtime_subscribe_configuration_response m = {.id = watch_id(s->watch)};
    rq->kernel->reply_head(rq, 200, -1);
    return rq->kernel->reply_send(rq, rpc_message(rq, &runtime_subscribe_configuration_response_pb, &m), TRB_GO(run));
}

static struct trb_next opened(struct trb_request *rq)
{
    struct subscriber *s = rq->state;
    switch (watch_phase(s->watch)) {
    case WATCH_OPENING: return rq->kernel->park(rq, TRB_GO(opened));
    case WATCH_OPEN: return rq->door == TRB_DOOR_GRPC ? reply_rpc(rq, s) : reply_http(rq, s);
    default:
        return question_failed(rq, &SUBSCRIBE_FAILED, "subscribe", s->question, s->store,
                               slice_name(watch_fault(s->watch, rq)));
    }
}

static struct trb_next run(struct trb_request *rq)
{
    struct subscriber *s = rq->state;
    struct text message = {0};
    bool ended;
    if (watch_next(s->watch, &message, &ended)) {
        struct trb_next next = rq->kernel->reply_send(rq, (struct trb_data){message.at, message.len, NULL}, TRB_GO(run));
        text_fini(&message);
        return next;
    }
    return ended ? rq->kernel->reply_end(rq) : rq->kernel->park(rq, TRB_GO(run));
}
