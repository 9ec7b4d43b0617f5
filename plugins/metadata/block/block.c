/* metadata.so: what this sidecar is and has, and the few notes that clients keep with it. */
#include "metadata_block.h"
#include <rpc/rpc.h>

/* ----------------------------------------------------------------------------------------- HTTP */
static struct trb_next get(struct trb_request *rq)
{
    struct arena *a = arena_create(SIZE_MAX);
    struct runtime_get_metadata_response m;
    struct text t = {0};
    description_make(rq->self, a, &m);
    document_write(&m, &t);
    arena_destroy(a);
    char *at = trb_alloc(rq, t.len);
    struct trb_data body = {memcpy(at, t.at, t.len), t.len, NULL};
    text_fini(&t);
    rq->kernel->set_header(rq, SLICE("Content-Type"), SLICE("application/json"));
    return trb_reply(rq, 200, body);
}

static struct trb_next put(struct trb_request *rq)
{
    struct trb_data body = rq->kernel->body(rq);
    extended_set(rq->self, slice_name(rq->kernel->path(rq, "key")), (struct trb_slice){body.at, body.len});
    return trb_reply_empty(rq, 204);
}

static const struct trb_route routes[] = {
    {"GET", "v1.0/metadata", "GetMetadata", "metadata", TRB_ROUTE_PUBLIC, TRB_GO(get)},
    {"PUT", "v1.0/metadata/{key}", "PutMetadata", "metadata", TRB_ROUTE_PUBLIC | TRB_ROUTE_WHOLE | TRB_ROUTE_CUT,
     TRB_GO(put)},
};

/* ----------------------------------------------------------------------------------------- gRPC */
/* Here the app's connection is told only where there is an app. */
static struct trb_next get_read(struct trb_request *rq)
{
    struct runtime_get_metadata_request question;
    struct runtime_get_metadata_response m;
    struct trb_next refusal;
    if (!rpc_read(rq, &runtime_get_metadata_request_pb, &question, &refusal))
        return refusal;
    struct arena *a = arena_create(SIZE_MAX);
    description_make(rq->self, a, &m);
    if (!rq->kernel->info->app_port)
        m.app_connection_properties = NULL;
    struct trb_next next = rpc_reply(rq, &runtime_get_metadata_response_pb, &m);
    arena_destroy(a);
    return next;
}

static struct trb_next set_read(struct trb_request *rq)
{
    struct runtime_set_metadata_request m;
    struct trb_next refusal;
    if (!rpc_read(rq, &runtime_set_metadata_request_pb, &m, &refusal))
        return refusal;
    if (m.key.len)
        extended_set(rq->self, slice_name(m.key), slice_name(m.value));
    return rpc_reply_empty(rq);
}

static const struct trb_method methods[] = {
    {"dapr.proto.runtime.v1.Dapr", "GetMetadata", 0, 0, "metadata.v1", TRB_GO(get_read)},
    {"dapr.proto.runtime.v1.Dapr", "SetMetadata", 0, 0, "metadata.v1", TRB_GO(set_read)},
};

static trb_code start(void *self, const struct trb_kernel *kernel, struct trb_error *err)
{
    ((struct block *)self)->kernel = kernel;
    return TRB_OK;
}

static void stop(void *self)
{
    extended_fini(self);
}

static const struct trb_block block = {
    .size = sizeof block, .abi = TRB_BLOCK_ABI, .name = "metadata", .self_size = sizeof(struct block),
    .routes = routes, .route_count = sizeof routes / sizeof routes[0], .route_size = sizeof routes[0],
    .methods = methods, .method_count = sizeof methods / sizeof methods[0], .method_size = sizeof methods[0],
    .start = start, .stop = stop, .hand_over = extended_hand_over, .adopt = extended_adopt};
TRB_BLOCK_PLUGIN("metadata", "0.1.0", "Apache-2.0", &block);
