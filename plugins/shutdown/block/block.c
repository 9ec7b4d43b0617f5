/* shutdown.so: the sidecar ends because its application says so. http-api.md 4.16 */
#include <base/slice.h>
#include <stdbool.h>
#include <trilby/block.h>

static struct trb_next shutdown(struct trb_request *rq)
{
    bool force = slice_is_nocase(rq->kernel->header(rq, "dapr-force-shutdown"), SLICE("true"));
    rq->kernel->shutdown(rq->kernel, force);
    return trb_reply_empty(rq, 204);
}

static const struct trb_route routes[] = {
    {"POST", "v1.0/shutdown", "Shutdown", "shutdown", 0, TRB_GO(shutdown)},
};

static const struct trb_block block = {
    .size = sizeof block, .abi = TRB_BLOCK_ABI, .name = "shutdown",
    .routes = routes, .route_count = sizeof routes / sizeof routes[0], .route_size = sizeof routes[0]};
TRB_BLOCK_PLUGIN("shutdown", "0.1.0", "Apache-2.0", &block);
