/* metadata.so: what this sidecar is and has, and the few notes that clients keep with it. */
#include "metadata_block.h"

static struct trb_next get(struct trb_request *rq)
{
    struct text t = {0};
    document_write(rq->self, &t);
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
    .start = start, .stop = stop};
TRB_BLOCK_PLUGIN("metadata", "0.1.0", "Apache-2.0", &block);
