/* The own app: no sidecar between, so no line about one is added. */
#include "../invoke_block.h"

static const char *base_of(struct trb_request *rq)
{
    const struct trb_runtime_info *info = rq->kernel->info;
    bool secure = info->app_protocol.len && info->app_protocol.at[info->app_protocol.len - 1] == 's';
    bool v6 = memchr(info->app_channel_address.at, ':', info->app_channel_address.len) != NULL;
    return trb_printf(rq, v6 ? "%s://[%s]:%u" : "%s://%s:%u", secure ? "https" : "http", info->app_channel_address.at,
                      info->app_port).at;
}

/* NULL: the call is ready. Otherwise the sentence why the app cannot be called. */
const char *app_call_make(struct trb_request *rq)
{
    struct invoke *v = rq->state;
    if (slice_is(v->verb, SLICE("CONNECT")) || !v->verb.len)
        return "rpc error: code = InvalidArgument desc = invalid HTTP verb";
    if (slice_starts(slice_name(rq->kernel->info->app_protocol), SLICE("grpc")))
        return "rpc error: code = Unimplemented desc = the app speaks gRPC, and its OnInvoke cannot be called yet: "
               "start it with --app-protocol http, https or h2c";
    headers_take(rq, v, HEADERS_TO_APP, 0);
    v->call.to = TRB_TO_APP;
    v->call.headers = v->headers;
    return url_make(rq, v, base_of);
}

struct trb_next invoke_local(struct trb_request *rq)
{
    if (!rq->kernel->info->app_port)
        return invoke_failed(rq, SLICE("cannot invoke local endpoint: app channel not initialized"));
    const char *fault = app_call_make(rq);
    return fault ? invoke_failed(rq, slice_of(fault)) : send_streamed(rq);
}
