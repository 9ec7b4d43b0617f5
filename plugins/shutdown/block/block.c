/* shutdown.so: the sidecar ends because its application says so. http-api.md 4.16,
 * grpc-api.md 3.14 */
#include <base/slice.h>
#include <pb/runtime.h>
#include <rpc/rpc.h>
#include <trilby/block.h>

static struct trb_next shutdown(struct trb_request *rq)
{
    bool force = slice_is_nocase(rq->kernel->header(rq, "dapr-force-shutdown"), SLICE("true"));
    rq->kernel->shutdown(rq->kernel, force);
    return trb_reply_empty(rq, 204);
}

static struct trb_next shutdown_read(struct trb_request *rq)
{
    struct runtime_shutdown_request m;
    struct trb_next refusal;
    return rpc_read(rq, &runtime_shutdown_request_pb, &m, &refusal) ? shutdown(rq) : refusal;
}

static const struct trb_route routes[] = {
    {"POST", "v1.0/shutdown", "Shutdown", "shutdown", 0, TRB_GO(shutdown)},
};

static const struct trb_method methods[] = {
    {"dapr.proto.runtime.v1.Dapr", "Shutdown", 0, 0, "shutdown.v1", TRB_GO(shutdown_read)},
};

static const struct trb_block block = {
    .size = sizeof block, .abi = TRB_BLOCK_ABI, .name = "shutdown",
    .routes = routes, .route_count = sizeof routes / sizeof routes[0], .route_size = sizeof routes[0],
    .methods = methods, .method_count = sizeof methods / sizeof methods[0], .method_size = sizeof methods[0]};
TRB_BLOCK_PLUGIN("shutdown", "0.1.0", "Apache-2.0", &block);
