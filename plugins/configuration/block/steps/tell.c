/* tell: a change that a store told of, to whoever subscribed. http-api.md 5.10, grpc-api.md 3.6
 *
 *     tell_client: into the messages of the client's stream
 *     tell_app ──► heard (HTTP: POST /configuration/{store}/{key}; gRPC: OnInvoke of the same)
 */
#include "../watch.h"

typedef const struct trb_configuration_item *item;

struct telling {
    struct trb_outcall call;
    struct trb_pair headers[1];
};

static struct trb_next settled(struct trb_request *rq)
{
    return rq->kernel->settle(rq, TRB_ACK, NULL, (struct trb_data){NULL, 0, NULL});
}

struct trb_next tell_client(struct trb_request *rq)
{
    struct watch *w = watch_of_event(rq);
    item changed = rq->kernel->event(rq);
    struct common_configuration_item value = item_message(changed);
    struct runtime_subscribe_configuration_response_items_entry entry = {.key = changed->key, .value = &value};
    struct runtime_subscribe_configuration_response m = {.id = watch_id(w), .items = {&entry, 1}};
    struct text message = {0};
    pb_write(&runtime_subscribe_configuration_response_pb, &m, &message);
    watch_tell(w, slice_name(changed->key), &message);
    return settled(rq);
}

/* --------------------------------------------------------------------------------------- the app */
static struct trb_data body_make(struct trb_request *rq, struct watch *w, item changed)
{
    struct text t = {0};
    char *bytes;
    text_addf(&t, "{\"id\":\"%s\",\"items\":", watch_id(w).at);
    items_write(&t, &changed, 1);
    text_adds(&t, "}\n");
    struct trb_data body = rq->kernel->buffer(rq, t.len, &bytes);
    memcpy(bytes, t.at, t.len);
    text_fini(&t);
    return body;
}

static struct trb_name path_make(struct trb_request *rq, struct watch *w, item changed)
{
    struct text t = {0};
    text_adds(&t, "/configuration/");
    text_add_escaped(&t, slice_name(watch_store(w)), "-._~");
    text_addc(&t, '/');
    text_add_escaped(&t, slice_name(changed->key), "-._~");
    struct trb_name path = trb_printf(rq, "%s", t.at);
    text_fini(&t);
    return path;
}

static struct trb_next failed(struct trb_request *rq, const char *why)
{
    struct watch *w = watch_of_event(rq);
    item changed = rq->kernel->event(rq);
    say_in(rq->kernel, "dapr.runtime", TRB_LOG_ERROR, "error sending configuration item %s of %s to the app: %s", changed->key.at,
           watch_store(w).at, why);
    return settled(rq);
}

static struct trb_next heard_http(struct trb_request *rq)
{
    const struct trb_outcome *o = rq->kernel->outcome(rq);
    if (!o)
        return failed(rq, rq->kernel->failure(rq)->message);
    return o->status == 200 ? settled(rq) : failed(rq, trb_printf(rq, "it answered with the status %u", o->status).at);
}

static struct trb_next heard_rpc(struct trb_request *rq)
{
    const struct trb_outcome *o = rq->kernel->outcome(rq);
    if (!o)
        return failed(rq, rq->kernel->failure(rq)->message);
    return o->grpc_code ? failed(rq, trb_printf(rq, "%.*s", SLICE_ARG(o->reason)).at) : settled(rq);
}

static struct trb_data on_invoke(struct trb_request *rq, struct trb_name path, struct trb_data body)
{
    struct google_any data = {.type_url = NAME(""), .value = {body.at, body.len}};
    struct common_http_extension extension = {.verb = COMMON_HTTP_EXTENSION_POST, .querystring = NAME("")};
    struct common_invoke_request m = {.method = {path.at + 1, path.len - 1}, .data = &data,
                                      .content_type = NAME("application/json"), .http_extension = &extension};
    return rpc_message(rq, &common_invoke_request_pb, &m);
}

struct trb_next tell_app(struct trb_request *rq)
{
    struct watch *w = watch_of_event(rq);
    struct telling *t = trb_request_state(rq, sizeof *t);
    if (!watch_is_wanted(w))
        return settled(rq);
    struct trb_data body = body_make(rq, w, rq->kernel->event(rq));
    struct trb_name path = path_make(rq, w, rq->kernel->event(rq));
    t->headers[0] = (struct trb_pair){NAME("Content-Type"), NAME("application/json")};
    t->call = (struct trb_outcall){.size = sizeof t->call, .body_mode = TRB_BODY_GIVEN, .flags = TRB_OUT_NO_TRACE};
    if (app_speaks_grpc(rq->kernel)) {
        t->call.to = TRB_TO_APP_GRPC;
        t->call.method = SLICE("/dapr.proto.runtime.v1.AppCallback/OnInvoke");
        t->call.body = on_invoke(rq, path, body);
        return rq->kernel->send(rq, &t->call, TRB_GO(heard_rpc));
    }
    t->call.to = TRB_TO_APP;
    t->call.method = SLICE("POST");
    t->call.path = slice_name(path);
    t->call.body = body;
    t->call.headers = (struct trb_pairs){t->headers, 1, sizeof t->headers[0]};
    return rq->kernel->send(rq, &t->call, TRB_GO(heard_http));
}
