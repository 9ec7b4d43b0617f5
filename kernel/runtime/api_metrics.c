/* api_metrics: what both doors count: requests by method, path and status. Series are found again
 * without a lock by a small cache of each thread. */
#include <base/clock.h>
#include <base/error.h>
#include <base/map.h>
#include <base/slice.h>
#include <observe/metrics.h>
#include <runtime/inside.h>
#include <runtime/path_matching.h>

#define LABEL_MOST 512

/* --------------------------------------------------------------------------------------- paths */
static struct trb_slice cut_segments(struct trb_slice path, uint32_t count)
{
    uint32_t seen = 0;
    for (size_t i = 0; i < path.len; i++)
        if (path.at[i] == '/' && seen++ == count)
            return slice_cut(path, i);
    return path;
}

static struct trb_slice actors(struct request *rq, struct trb_slice path)
{
    struct trb_slice rest = slice_skip(path, 1), part[5] = {{NULL, 0}};
    uint32_t count = 0;
    while (rest.at && count < countof(part))
        part[count++] = slice_split(&rest, '/');
    if (count < 4)
        return path;
    return slice_name(arena_printf(rq->arena, "/%.*s/actors/%.*s/{id}%s%.*s", SLICE_ARG(part[0]), SLICE_ARG(part[2]),
                                   count > 4 ? "/" : "", SLICE_ARG(part[4])));
}

static struct trb_slice workflows(struct request *rq, struct trb_slice path)
{
    struct trb_slice rest = slice_skip(path, 1), part[6] = {{NULL, 0}};
    uint32_t count = 0;
    while (rest.at && count < countof(part))
        part[count++] = slice_split(&rest, '/');
    if (count < 4 || (count == 5 && slice_is(part[4], SLICE("start"))))
        return path;
    const char *event = count > 5 && slice_is(part[4], SLICE("raiseEvent")) ? "/{eventName}" : "";
    return slice_name(arena_printf(rq->arena, "/%.*s/workflows/%.*s/{instanceId}%s%.*s%s", SLICE_ARG(part[0]),
                                   SLICE_ARG(part[2]), count > 4 ? "/" : "", SLICE_ARG(part[4]), event));
}

static struct trb_slice normal_path(struct request *rq)
{
    struct trb_slice rest = slice_skip(rq->path, 1), version = slice_split(&rest, '/');
    struct trb_slice api = slice_split(&rest, '/');
    if (!slice_starts(version, SLICE("v1.0")))
        return rq->path;
    if (slice_is(api, SLICE("state")) || slice_is(api, SLICE("secrets")))
        return cut_segments(rq->path, 3);
    if (slice_is(api, SLICE("actors")))
        return actors(rq, rq->path);
    return slice_is(api, SLICE("workflows")) ? workflows(rq, rq->path) : rq->path;
}

static struct trb_slice path_label(struct runtime *rt, struct request *rq)
{
    struct configuration_metrics *m = &rt->configuration->metrics;
    struct trb_slice matched;
    if (m->path_matching.count) {
        char *room = arena_alloc(rq->arena, LABEL_MOST);
        if (path_matches(&m->path_matching, rq->path, room, LABEL_MOST, &matched))
            return matched;
    }
    return m->increased_cardinality ? normal_path(rq) : SLICE("");
}

static struct trb_slice method_label(struct runtime *rt, struct request *rq)
{
    static const char *const known[] = {"GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "CONNECT", "TRACE"};
    if (rt->configuration->metrics.exclude_verbs)
        return SLICE("");
    for (size_t i = 0; i < countof(known); i++)
        if (slice_is_nocase(rq->method, slice_of(known[i])))
            return slice_of(known[i]);
    return SLICE("UNKNOWN");
}

/* --------------------------------------------------------------------------------------- series */
struct series {
    char path[160];
    size_t path_len;
    const char *method;                    /* one of the table's: told apart by its address */
    uint32_t status;
    struct trb_metric *requests, *responses, *latency;
};

static void look_up(struct runtime *rt, struct request *rq, struct trb_slice path, struct trb_slice method,
                    struct series *s)
{
    char status[12];
    snprintf(status, sizeof status, "%u", rq->out.status);
    struct trb_pair pairs[] = {{NAME("app_id"), rt->info.app_id},
                               {NAME("method"), {method.at, method.len}},
                               {NAME("path"), {path.at, path.len}},
                               {NAME("status"), name_of(status)}};
    struct trb_pairs labels = {pairs, countof(pairs), sizeof pairs[0]};
    s->requests = metric_get("dapr_http_server_request_count", &labels);
    s->latency = metric_get("dapr_http_server_latency", &labels);
    s->responses = rt->configuration->metrics.increased_cardinality
                       ? metric_get("dapr_http_server_response_count", &labels) : NULL;
}

static struct series *find(struct runtime *rt, struct request *rq, struct series *room)
{
    static _Thread_local struct series cache[32];
    struct trb_slice path = path_label(rt, rq), method = method_label(rt, rq);
    struct series *s = room;
    if (path.len <= sizeof room->path) {
        s = &cache[(hash_bytes(path) ^ rq->out.status ^ (uintptr_t)method.at >> 3) % countof(cache)];
        if (s->requests && s->path_len == path.len && !memcmp(s->path, path.at, path.len) && s->method == method.at &&
            s->status == rq->out.status)
            return s;
        memcpy(s->path, path.at, path.len);
        s->path_len = path.len;
        s->method = method.at;
        s->status = rq->out.status;
    }
    look_up(rt, rq, path, method, s);
    return s;
}

static struct trb_metric *size_metric(struct runtime *rt, const char *name)
{
    struct trb_pair pair = {NAME("app_id"), rt->info.app_id};
    struct trb_pairs labels = {&pair, 1, sizeof pair};
    return metric_get(name, &labels);
}

static void on_http_done(struct request *rq, void *arg)
{
    struct runtime *rt = arg;
    struct series room = {0}, *s = find(rt, rq, &room);
    metric_add(s->requests, 1);
    if (s->responses)
        metric_add(s->responses, 1);
    metric_add(s->latency, (double)((loop_now_ns(rq->loop) - rq->begun_ns) / CLOCK_MS));
    metric_add(rt->servers.request_bytes, (double)rq->body.arrived);
    metric_add(rt->servers.response_bytes, (double)rq->out.bytes);
}

struct rpc_series {
    char path[96];
    size_t path_len;
    trb_code code;
    struct trb_metric *completed, *latency;
};

static void look_up_rpc(struct runtime *rt, const struct request *rq, struct rpc_series *s)
{
    struct trb_pair pairs[] = {{NAME("app_id"), rt->info.app_id},
                               {NAME("grpc_server_method"), {rq->target.at, rq->target.len}},
                               {NAME("grpc_server_status"), name_of(error_code_name(rq->out.grpc_code))}};
    struct trb_pairs labels = {pairs, countof(pairs), sizeof pairs[0]};
    s->completed = metric_get("dapr_grpc_io_server_completed_rpcs", &labels);
    s->latency = metric_get("dapr_grpc_io_server_server_latency", &labels);
}

static const struct rpc_series *find_rpc(struct runtime *rt, const struct request *rq, struct rpc_series *room)
{
    static _Thread_local struct rpc_series cache[16];
    struct rpc_series *s = &cache[(hash_bytes(rq->target) ^ (uint32_t)rq->out.grpc_code) % countof(cache)];
    if (s->completed && s->code == rq->out.grpc_code && s->path_len == rq->target.len &&
        !memcmp(s->path, rq->target.at, rq->target.len))
        return s;
    if (rq->target.len > sizeof s->path)
        s = room;
    else
        memcpy(s->path, rq->target.at, rq->target.len);
    s->path_len = rq->target.len;
    s->code = rq->out.grpc_code;
    look_up_rpc(rt, rq, s);
    return s;
}

/* Methods that nobody knows are without number. */
static bool is_known_rpc(const struct request *rq)
{
    trb_code code = rq->out.grpc_code;
    return rq->rpc || code == TRB_OK || (rq->out.is_foreign && code != TRB_UNIMPLEMENTED);
}

static void on_grpc_done(struct request *rq, void *arg)
{
    struct rpc_series room;
    if (!is_known_rpc(rq))
        return;
    const struct rpc_series *s = find_rpc(arg, rq, &room);
    metric_add(s->completed, 1);
    metric_add(s->latency, (double)((loop_now_ns(rq->loop) - rq->begun_ns) / CLOCK_MS));
}

static void on_refused(struct request *rq, const char *category, const char *code, void *arg)
{
    struct runtime *rt = arg;
    struct trb_pair pairs[] = {{NAME("app_id"), rt->info.app_id},
                               {NAME("category"), name_of(category ? category : "common")},
                               {NAME("error_code"), name_of(code)}};
    struct trb_pairs labels = {pairs, countof(pairs), sizeof pairs[0]};
    metric_add(metric_get("dapr_error_code_total", &labels), 1);
}

void api_metrics_fill(struct runtime *rt, struct door_setup *setup, bool is_grpc)
{
    struct configuration_metrics *m = &rt->configuration->metrics;
    setup->arg = rt;
    if (!metrics_are_on())
        return;
    rt->servers.request_bytes = size_metric(rt, "dapr_http_server_request_bytes");
    rt->servers.response_bytes = size_metric(rt, "dapr_http_server_response_bytes");
    setup->on_done = is_grpc ? on_grpc_done : on_http_done;
    setup->on_refused = m->record_error_codes ? on_refused : NULL;
}
