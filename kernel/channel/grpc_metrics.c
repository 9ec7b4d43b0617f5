/* grpc_metrics: what calls of the app's gRPC server cost, by method and status. Series found once are
 * kept per thread. */
#include <base/clock.h>
#include <base/error.h>
#include <base/map.h>
#include <base/slice.h>
#include <channel/outgoing.h>
#include <observe/metrics.h>

#define METHOD 120u
#define KEPT 32u

struct series {
    trb_code code;
    char method[METHOD + 1];
    struct trb_metric *completed, *latency, *sent, *received;
};

/* As the codes call themselves: a number of the app's own has none. */
static struct trb_name code_text(trb_code code, char room[24])
{
    if (code >= 0 && code <= 16)
        return name_of(error_code_name(code));
    snprintf(room, 24, "Code(%d)", code);
    return name_of(room);
}

static void find(struct trb_slice method, trb_code code, struct series *ret)
{
    char room[24], *text = ret->method;
    snprintf(text, sizeof ret->method, "%.*s", SLICE_ARG(method));
    ret->code = code;
    struct trb_pair pairs[] = {{NAME("app_id"), channel_setup()->info->app_id},
                               {NAME("grpc_client_method"), name_of(text)},
                               {NAME("grpc_client_status"), code_text(code, room)}};
    struct trb_pairs labels = {pairs, 3, sizeof pairs[0]}, plain = {pairs, 2, sizeof pairs[0]};
    ret->completed = metric_get("dapr_grpc_io_client_completed_rpcs", &labels);
    ret->latency = metric_get("dapr_grpc_io_client_roundtrip_latency", &labels);
    ret->sent = metric_get("dapr_grpc_io_client_sent_bytes_per_rpc", &plain);
    ret->received = metric_get("dapr_grpc_io_client_received_bytes_per_rpc", &plain);
}

static const struct series *keep(struct trb_slice method, trb_code code)
{
    static _Thread_local struct series kept[KEPT];
    struct series *s = &kept[(hash_bytes(method) ^ (uint32_t)code) % KEPT];
    if (!s->completed || s->code != code || !slice_is(slice_of(s->method), method))
        find(method, code, s);
    return s;
}

void grpc_metrics_count(struct outgoing *o)
{
    trb_code code = o->failed ? o->failure.code : o->outcome.grpc_code;
    const struct series *s = keep(slice_cut(o->question.method, METHOD), o->failed && !code ? TRB_CANCELLED : code);
    metric_add(s->completed, 1);
    metric_add(s->latency, (double)(clock_now_ns() - o->began_ns) / 1e6);
    metric_add(s->sent, (double)o->sent_bytes);
    metric_add(s->received, (double)o->received_bytes);
}
