/* bindings.so: the bindings building block. Its meaning is in steps/; this file is its table of contents, and
 * what comes and goes: components, the app, the process. */
#include "bindings_block.h"
#include <base/clock.h>

#define TRB_DEF <trilby/bindings.def>
#define TRB_OPS struct trb_bindings_ops
#include <trilby/verbs_layout.h>

static const struct trb_route routes[] = {
    {"POST PUT", "v1.0/bindings/{name}", "InvokeBinding", "bindings", TRB_ROUTE_WHOLE, TRB_GO(invoke_parse)},
};

static const struct trb_method methods[] = {
    {"dapr.proto.runtime.v1.Dapr", "InvokeBinding", 0, 0, "bindings.v1", TRB_GO(invoke_rpc)},
};

static const char *const cap_names[] = {"INPUT_BINDING", "OUTPUT_BINDING", NULL};
static const char *const cap_verbs[] = {"read", "invoke", NULL};

/* ------------------------------------------------------------------------------------- the block */
static trb_code start(void *self, const struct trb_kernel *kernel, struct trb_error *err)
{
    struct block *b = self;
    b->kernel = kernel;
    list_init(&b->bindings);
    return TRB_OK;
}

static void stop(void *self)
{
}

static void drain(void *self, void (*done)(void *token), void *token)
{
    struct block *b = self;
    b->is_leaving = true;
    b->is_busy = 0;
    b->drained = done;
    b->drained_token = token;
    readers_close(b, NULL, TRB_WHY_DRAINING);
    block_check_drained(b);
}

/* --------------------------------------------------------------------------------------- the app */
/* What it said over HTTP counts until it is away; a list that was heard over gRPC counts for good. */
static void forget_verdicts(struct block *b)
{
    if (app_speaks_grpc(b->kernel) && b->has_list)
        return;
    list_each(node, &b->bindings)
        list_item(node, struct binding, link)->verdict = VERDICT_UNKNOWN;
}

static void app_up(void *self)
{
    struct block *b = self;
    if (!b->kernel->info->app_port || b->is_leaving)
        return;
    b->is_app_up = true;
    b->times_up++;
    b->is_busy = 1;
    forget_verdicts(b);
    readers_schedule(b);
}

static void app_down(void *self)
{
    struct block *b = self;
    b->is_app_up = false;
    readers_close(b, NULL, TRB_WHY_ENDED);
}

static uint32_t is_busy(void *self)
{
    struct block *b = self;
    return b->is_busy || (b->opening && clock_now_ns() < b->opening_until_ns);
}

/* ------------------------------------------------------------------------------------- components */
static trb_step component_here;

/* The catalog that has it is on its way: it is found once this loop has turned. */
static struct trb_next component_here(struct trb_request *rq)
{
    return rq->kernel->sleep(rq, 1, TRB_GO(readers_open));
}

static void *component_up(void *self, struct trb_instance *i, struct trb_error *err)
{
    struct block *b = self;
    struct binding *binding = binding_create(b->kernel, i);
    list_append(&b->bindings, &binding->link);
    if (b->is_app_up)
        b->kernel->task(b->kernel, b, 0, TRB_GO(component_here), NULL);
    return binding;
}

static void component_leaving(void *self, struct trb_instance *i, void *data)
{
    struct binding *binding = data;
    binding->is_leaving = true;
    readers_close(self, binding, TRB_WHY_ENDED);
    readers_schedule(self);                         /* the one that takes its place was in no catalog when it came up */
}

static void component_moving(void *self, struct trb_instance *i, void *data, void (*done)(void *), void *token)
{
    struct binding *binding = data;
    binding->is_moving = true;
    binding->moved = done;
    binding->moved_token = token;
    readers_close(self, binding, TRB_WHY_DRAINING);
    reader_check_moved(binding);
}

static void component_stays(void *self, struct trb_instance *i, void *data)
{
    struct binding *binding = data;
    binding->is_moving = false;
    binding->moved = NULL;
    readers_schedule(self);
}

static void component_down(void *self, struct trb_instance *i, void *data)
{
    binding_destroy(data);
}

static const struct trb_block bindings = {
    .size = sizeof bindings, .abi = TRB_BLOCK_ABI, .name = "bindings", .self_size = sizeof(struct block),
    .routes = routes, .route_count = sizeof routes / sizeof routes[0], .route_size = sizeof routes[0],
    .methods = methods, .method_count = sizeof methods / sizeof methods[0], .method_size = sizeof methods[0],
    .verbs = trb_verbs_, .verb_count = sizeof trb_verbs_ / sizeof trb_verbs_[0], .verb_size = sizeof trb_verbs_[0],
    .cap_names = cap_names, .cap_verbs = cap_verbs, .mandatory = "",
    .start = start, .stop = stop, .component_up = component_up, .component_down = component_down,
    .component_leaving = component_leaving, .app_up = app_up, .app_down = app_down, .drain = drain, .is_busy = is_busy,
    .component_moving = component_moving, .component_stays = component_stays, .properties = "direction|route",
};
TRB_BLOCK_PLUGIN("bindings", "0.1.0", "Apache-2.0", &bindings);
