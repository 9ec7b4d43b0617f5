/* GET /v1.0/configuration/{store}/{id}/unsubscribe, and UnsubscribeConfiguration: by id alone. */
#include "../watch.h"

struct trb_next unsubscribe_parse(struct trb_request *rq)
{
    struct trb_name id = rq->kernel->path(rq, "id"), json = NAME("{\"ok\":true}\n");
    struct trb_next refusal;
    if (!store_find(rq, rq->kernel->path(rq, "store"), &refusal))
        return refusal;
    bool found = watch_end(rq->self, slice_name(id));
    struct text t = {0};
    text_addf(&t, "failed to unsubscribe to configuration request %s: subscription with id %s does not exist", id.at, id.at);
    if (!found) {
        struct text told = {0};
        text_adds(&told, "{\"message\":");
        text_add_json(&told, text_slice(&t), true);
        text_adds(&told, "}\n");
        json = trb_printf(rq, "%s", told.at);
        text_fini(&told);
    }
    text_fini(&t);
    rq->kernel->set_header(rq, SLICE("Content-Type"), SLICE("application/json"));
    return trb_reply(rq, found ? 200 : 500, (struct trb_data){json.at, json.len, NULL});
}

struct trb_next unsubscribe_read(struct trb_request *rq)
{
    struct runtime_unsubscribe_configuration_request m;
    struct trb_next refusal;
    if (!rpc_read(rq, &runtime_unsubscribe_configuration_request_pb, &m, &refusal) || !store_find(rq, m.store_name, &refusal))
        return refusal;
    struct runtime_unsubscribe_configuration_response answer = {.ok = watch_end(rq->self, slice_name(m.id)), .message = NAME("")};
    if (!answer.ok)
        answer.message = trb_printf(rq, "failed to unsubscribe to configuration request %s: subscription does not exist",
                                    m.id.at);
    return rpc_reply(rq, &runtime_unsubscribe_configuration_response_pb, &answer);
}
