/* invoke.so: service invocation over both doors, and the calls that other sidecars make for our app. This
 * file is its table of contents; call.h has the picture. */
#include "call.h"

/* The first takes every other path, too; the pattern tells the API log whom a call was for. */
static const struct trb_route routes[] = {
    {"*", "v1.0/invoke/{target}/method/{method...}", "InvokeService", "invoke",
     TRB_ROUTE_STREAM | TRB_ROUTE_FALLBACK | TRB_ROUTE_KEEP_PLUS, TRB_GO(invoke_http)},
    {"POST", "peer", "CallLocal", NULL, TRB_ROUTE_STREAM | TRB_ROUTE_PEER, TRB_GO(invoke_peer)},
};

static const struct trb_method methods[] = {
    {"dapr.proto.runtime.v1.Dapr", "InvokeService", 0, 0, "invoke.v1", TRB_GO(invoke_rpc)},
};

static trb_code start(void *self, const struct trb_kernel *kernel, struct trb_error *err)
{
    struct block *b = self;
    b->kernel = kernel;
    b->endpoints = endpoints_create(kernel);
    return TRB_OK;
}

static void stop(void *self)
{
    struct block *b = self;
    b->endpoints = endpoints_destroy(b->endpoints);
}

static void resources(void *self, uint32_t kind)
{
    struct block *b = self;
    if (kind != TRB_RESOURCE_HTTP_ENDPOINT)
        return;
    struct endpoints *fresh = endpoints_create(b->kernel), *old;
    b->kernel->lock(b);
    old = b->endpoints;
    b->endpoints = fresh;
    b->kernel->unlock(b);
    endpoints_destroy(old);
}

static const struct trb_block invoke = {
    .size = sizeof invoke, .abi = TRB_BLOCK_ABI, .name = "invoke", .self_size = sizeof(struct block),
    .routes = routes, .route_count = sizeof routes / sizeof routes[0], .route_size = sizeof routes[0],
    .methods = methods, .method_count = sizeof methods / sizeof methods[0], .method_size = sizeof methods[0],
    .start = start, .stop = stop, .resources = resources,
};
TRB_BLOCK_PLUGIN("invoke", "0.1.0", "Apache-2.0", &invoke);
