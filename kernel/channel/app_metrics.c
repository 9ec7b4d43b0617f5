/* app_metrics: what calls of the app cost, by method, path and status. Series found once are kept per
 * thread: a name is put together only for what has not been called lately. */
#include <base/clock.h>
#include <base/codec.h>
#include <base/map.h>
#include <base/slice.h>
#include <channel/outgoing.h>
#include <observe/metrics.h>

#define PATH 120u
#define METHOD 8u
#define KEPT 64u

struct series {
    uint32_t status;
    char method[METHOD + 1], path[PATH + 1];
    struct trb_metric *count, *latency, *sent, *received;
};

/* Paths are shown as people write them. */
static struct trb_name shown(struct outgoing *o, struct trb_slice path)
{
    char *text = arena_alloc(o->rq->arena, path.len + 1);
    size_t len;
    if (!percent_decode(path, false, text, &len))
        return arena_name(o->rq->arena, path);
    text[len] = 0;
    return (struct trb_name){text, len};
}

static void find(struct outgoing *o, struct trb_slice method, struct trb_slice path, uint32_t code, struct series *ret)
{
    char status[12];
    snprintf(status, sizeof status, "%u", code);
    struct trb_pair pairs[] = {{NAME("app_id"), channel_setup()->info->app_id},
                               {NAME("method"), arena_name(o->rq->arena, method)},
                               {NAME("path"), shown(o, path)},
                               {NAME("status"), name_of(status)}};
    struct trb_pairs labels = {pairs, 4, sizeof pairs[0]}, own = {pairs, 1, sizeof pairs[0]};
    ret->count = metric_get("dapr_http_client_completed_count", &labels);
    ret->latency = metric_get("dapr_http_client_roundtrip_latency", &labels);
    ret->received = metric_get("dapr_http_client_received_bytes", &own);
    pairs[3].value = NAME("");
    ret->sent = metric_get("dapr_http_client_sent_bytes", &labels);
}

static const struct series *keep(struct outgoing *o, struct trb_slice method, struct trb_slice path, uint32_t status)
{
    static _Thread_local struct series kept[KEPT];
    struct series *s = &kept[(hash_bytes(path) ^ status) % KEPT];
    if (s->count && s->status == status && slice_is(slice_of(s->method), method) && slice_is(slice_of(s->path), path))
        return s;
    find(o, method, path, status, s);
    s->status = status;
    snprintf(s->method, sizeof s->method, "%.*s", SLICE_ARG(method));
    snprintf(s->path, sizeof s->path, "%.*s", SLICE_ARG(path));
    return s;
}

static bool is_known(struct trb_slice path)
{
    static const char *const known[] = {"/dapr/config", "/dapr/metrics", "/dapr/subscribe", "/healthz"};
    for (size_t i = 0; i < countof(known); i++)
        if (slice_is(path, slice_of(known[i])))
            return true;
    return false;
}

void app_metrics_count(struct outgoing *o)
{
    struct trb_slice method = o->question.method, path = o->question.path;
    uint32_t status = o->failed || !o->head_seen ? 500 : o->outcome.status;
    struct series one;
    if (slice_is(path, SLICE("/")) || (channel_setup()->few_paths && !is_known(path)))
        path = SLICE("");
    const struct series *s = &one;
    if (method.len > METHOD || path.len > PATH)
        find(o, method, path, status, &one);
    else
        s = keep(o, method, path, status);
    metric_add(s->count, 1);
    metric_add(s->latency, (double)(clock_now_ns() - o->began_ns) / 1e6);
    metric_add(s->sent, (double)o->sent_bytes);
    metric_add(s->received, (double)o->received_bytes);
}
