/* secretstores.so: the secrets building block. Secrets pass through and are never kept. */
#include "secrets_block.h"
#include <base/text.h>

#define TRB_DEF <trilby/secretstores.def>
#define TRB_OPS struct trb_secretstores_ops
#include <trilby/verbs_layout.h>

struct trb_instance *store_find(struct trb_request *rq, struct trb_name name, struct trb_next *ret_refusal)
{
    struct trb_instance *store = rq->kernel->find(rq, "secretstores", slice_name(name));
    if (!store)
        *ret_refusal = rq->kernel->count(rq->kernel, "secretstores")
            ? trb_refuse(rq, &NOT_FOUND, "failed finding secret store with key %s", name.at)
            : trb_refuse(rq, &NOT_CONFIGURED, "secret store is not configured");
    return store;
}

bool scope_allows(const struct trb_request *rq, struct trb_slice store, struct trb_slice secret)
{
    const struct block *b = rq->self;
    b->kernel->lock(rq->self);
    bool allowed = scopes_allow(b->scopes, store, secret);
    b->kernel->unlock(rq->self);
    return allowed;
}

struct trb_next reply_text(struct trb_request *rq, struct text *t)
{
    char *copy = trb_alloc(rq, t->len);
    struct trb_data body = {memcpy(copy, t->at, t->len), t->len, NULL};
    text_fini(t);
    rq->kernel->set_header(rq, SLICE("Content-Type"), SLICE("application/json"));
    return trb_reply(rq, 200, body);
}

static trb_code start(void *self, const struct trb_kernel *kernel, struct trb_error *err)
{
    struct block *b = self;
    b->kernel = kernel;
    b->scopes = scopes_create(kernel->info->configuration);
    return TRB_OK;
}

static void stop(void *self)
{
    struct block *b = self;
    b->scopes = scopes_destroy(b->scopes);
}

static void resources(void *self, uint32_t kind)
{
    struct block *b = self;
    if (kind != TRB_RESOURCE_CONFIGURATION)
        return;
    struct scopes *fresh = scopes_create(b->kernel->info->configuration), *old;
    b->kernel->lock(b);
    old = b->scopes;
    b->scopes = fresh;
    b->kernel->unlock(b);
    scopes_destroy(old);
}

static const struct trb_route routes[] = {
    {"GET", "v1.0/secrets/{store}/bulk", "GetBulkSecret", "secrets", 0, TRB_GO(secret_bulk_parse)},
    {"GET", "v1.0/secrets/{store}/{key}", "GetSecret", "secrets", 0, TRB_GO(secret_get_parse)},
};
static const struct trb_method methods[] = {
    {"dapr.proto.runtime.v1.Dapr", "GetSecret", 0, 0, "secrets.v1", TRB_GO(secret_get_read)},
    {"dapr.proto.runtime.v1.Dapr", "GetBulkSecret", 0, 0, "secrets.v1", TRB_GO(secret_bulk_read)},
};
static const char *const cap_names[] = {"MULTIPLE_KEY_VALUES_PER_SECRET", NULL};

static const struct trb_block secretstores = {
    .size = sizeof secretstores, .abi = TRB_BLOCK_ABI, .name = "secretstores", .self_size = sizeof(struct block),
    .routes = routes, .route_count = sizeof routes / sizeof routes[0], .route_size = sizeof routes[0],
    .methods = methods, .method_count = sizeof methods / sizeof methods[0], .method_size = sizeof methods[0],
    .verbs = trb_verbs_, .verb_count = sizeof trb_verbs_ / sizeof trb_verbs_[0], .verb_size = sizeof trb_verbs_[0],
    .cap_names = cap_names, .mandatory = "get", .start = start, .stop = stop, .resources = resources,
};
TRB_BLOCK_PLUGIN("secretstores", "0.1.0", "Apache-2.0", &secretstores);
