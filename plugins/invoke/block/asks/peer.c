/* A call of another sidecar for our app: CallLocal and CallLocalStream. Only a failure to get an answer is
 * a status of that call; the app's own answer travels inside.
 *
 *     peer ──► own_app
 */
#include "../call.h"

static struct trb_next refused(struct trb_request *rq, trb_code code, struct trb_slice why)
{
    return trb_refuse(rq, &PEER_FAILED, "%.*s", SLICE_ARG(why));
}

static struct trb_next failed(struct trb_request *rq, trb_code code, struct trb_slice why)
{
    return trb_refuse(rq, &PEER_FAILED, "error invoking app channel: %.*s", SLICE_ARG(why));
}

static struct trb_next no_app(struct trb_request *rq)
{
    return trb_refuse(rq, &PEER_FAILED, "app channel is not initialized");
}

static const struct asker asker = {.answer = TRB_GO(answer_peer), .refused = refused, .failed = failed, .no_app = no_app};

struct trb_next invoke_peer(struct trb_request *rq)
{
    const struct trb_kernel *k = rq->kernel;
    const struct trb_peer_message *message = k->peer_message(rq);
    struct call *c = call_create(rq, &asker);
    c->method = k->target(rq);             /* cleaned by the door, for the policy judged it so */
    c->verb = message->has_extension ? k->method(rq) : (struct trb_slice){NULL, 0};
    c->query = k->raw_query(rq);
    c->content_type = message->content_type;
    c->type_url = message->type_url;
    c->metadata = k->headers(rq);
    return TRB_GO(invoke_own_app);
}
