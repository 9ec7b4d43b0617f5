/* door_log: one line per API call. */
#include <base/clock.h>
#include <base/codec.h>
#include <base/log.h>
#include <base/slice.h>
#include <request/door_common.h>
#include <request/door_log.h>

static bool is_group(const struct request *rq, const char *group)
{
    return rq->route && rq->route->group && slice_is(slice_of(rq->route->group), slice_of(group));
}

/* Invocations name their target, actors their type; the others only what was called. */
static struct trb_slice endpoint(struct request *rq)
{
    struct trb_slice name = slice_of(rq->route && rq->route->endpoint ? rq->route->endpoint : "");
    struct trb_slice detail = {NULL, 0};
    if (rq->param_count && (is_group(rq, "invoke") || is_group(rq, "actors")))
        detail = slice_name(request_path(rq, arena_name(rq->arena, slice_from(rq->params[0].name,
                                                                               rq->params[0].name_len)).at));
    else if (is_group(rq, "invoke"))
        detail = request_header(rq, SLICE("dapr-app-id"));
    if (!detail.at)
        return name;
    return slice_name(arena_printf(rq->arena, "%.*s/%.*s", SLICE_ARG(name), SLICE_ARG(detail)));
}

static struct trb_slice path_text(struct request *rq)
{
    char *at = arena_alloc(rq->arena, rq->path.len + 1);
    size_t len;
    return percent_decode(rq->path, false, at, &len) ? slice_from(at, len) : rq->path;
}

void door_log_http(const struct door_rules *rules, struct request *rq)
{
    struct trb_slice what = rules->obfuscate_urls ? endpoint(rq) : path_text(rq);
    struct trb_slice method = what;
    struct log_field fields[5];
    uint32_t count = 0;
    if (!rules->obfuscate_urls)
        method = slice_name(arena_printf(rq->arena, "%.*s %.*s", SLICE_ARG(rq->method), SLICE_ARG(what)));
    struct trb_slice agent = request_header(rq, SLICE("user-agent"));
    fields[count++] = (struct log_field){.key = "duration", .number = (int64_t)door_duration_ms(rq)};
    fields[count++] = (struct log_field){.key = "method", .text = method};
    if (agent.len)
        fields[count++] = (struct log_field){.key = "useragent", .text = agent};
    fields[count++] = (struct log_field){.key = "code", .number = rq->out.status};
    fields[count++] = (struct log_field){.key = "size", .number = (int64_t)rq->out.bytes};
    log_fields(LOG_INFO, "dapr.runtime.http-info", SLICE("HTTP API Called"), fields, count);
}

void door_log_grpc(const struct door_rules *rules, struct request *rq)
{
    struct trb_slice agent = request_header(rq, SLICE("user-agent"));
    struct log_field fields[4];
    uint32_t count = 0;
    fields[count++] = (struct log_field){.key = "duration", .number = (int64_t)door_duration_ms(rq)};
    fields[count++] = (struct log_field){.key = "method", .text = rq->target};
    if (agent.len)
        fields[count++] = (struct log_field){.key = "useragent", .text = agent};
    fields[count++] = (struct log_field){.key = "code", .number = rq->out.grpc_code};
    log_fields(LOG_INFO, "dapr.runtime.grpc.api-info", SLICE("gRPC API Called"), fields, count);
}
