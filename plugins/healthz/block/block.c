/* healthz.so: is the sidecar ready, and may it be called out through? http-api.md 4.15 */
#include <base/slice.h>
#include <trilby/block.h>

#define ROW(name, code_)                                                                           \
    static const struct trb_error_row name = {.size = sizeof(struct trb_error_row), .code = (code_), \
                                              .category = "health", .http_status = 500, .grpc = TRB_INTERNAL};
ROW(NOT_READY, "ERR_HEALTH_NOT_READY")
ROW(OUTBOUND_NOT_READY, "ERR_OUTBOUND_HEALTH_NOT_READY")
ROW(APP_ID_NOT_MATCH, "ERR_HEALTH_APPID_NOT_MATCH")

static struct trb_next healthz(struct trb_request *rq)
{
    char pending[256];
    if (!rq->kernel->is_ready(rq->kernel, pending, sizeof pending))
        return trb_refuse(rq, &NOT_READY, "dapr is not ready: %s", pending);
    struct trb_name app_id = rq->kernel->query(rq, "appid");
    if (app_id.at && !slice_is(slice_name(app_id), slice_name(rq->kernel->info->app_id)))
        return trb_refuse(rq, &APP_ID_NOT_MATCH, "dapr app-id does not match");
    return trb_reply_empty(rq, 204);
}

static struct trb_next outbound(struct trb_request *rq)
{
    if (!rq->kernel->is_outbound_ready(rq->kernel))
        return trb_refuse(rq, &OUTBOUND_NOT_READY, "dapr outbound is not ready");
    return trb_reply_empty(rq, 204);
}

static const struct trb_route routes[] = {
    {"GET", "v1.0/healthz", "Healthz", "healthz", TRB_ROUTE_HEALTH | TRB_ROUTE_PUBLIC, TRB_GO(healthz)},
    {"GET", "v1.0/healthz/outbound", "HealthzOutbound", "healthz", TRB_ROUTE_HEALTH | TRB_ROUTE_PUBLIC,
     TRB_GO(outbound)},
};

static const struct trb_block block = {
    .size = sizeof block, .abi = TRB_BLOCK_ABI, .name = "healthz",
    .routes = routes, .route_count = sizeof routes / sizeof routes[0], .route_size = sizeof routes[0]};
TRB_BLOCK_PLUGIN("healthz", "0.1.0", "Apache-2.0", &block);
