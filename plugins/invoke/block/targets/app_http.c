/* The own app speaks HTTP: no sidecar between, so no line about one is added.
 *
 *     app_http ──► send ┄┄ the app answers ┄┄► taken ──► the asker's answer
 */
#include "../call.h"

static const char *base_of(struct trb_request *rq)
{
    const struct trb_runtime_info *info = rq->kernel->info;
    bool secure = info->app_protocol.len && info->app_protocol.at[info->app_protocol.len - 1] == 's';
    bool v6 = memchr(info->app_channel_address.at, ':', info->app_channel_address.len) != NULL;
    return trb_printf(rq, v6 ? "%s://[%s]:%u" : "%s://%s:%u", secure ? "https" : "http", info->app_channel_address.at,
                      info->app_port).at;
}

static struct trb_next taken(struct trb_request *rq)
{
    struct call *c = rq->state;
    const struct trb_outcome *o = rq->kernel->outcome(rq);
    if (!o)
        return app_failed(rq);
    http_answer_take(c, o);
    return c->asker->answer;
}

struct trb_next to_app_http(struct trb_request *rq)
{
    struct call *c = rq->state;
    const char *fault = http_request_make(rq, base_of, 0);
    if (fault)
        return c->asker->failed(rq, TRB_INVALID, slice_of(fault));
    c->out.to = TRB_TO_APP;
    c->out.headers = c->headers;
    c->then = TRB_GO(taken);
    return send_streamed(rq);
}
