/* pubsub.so: the publish and subscribe building block. Its meaning is in steps/; this file is its table
 * of contents, and what comes and goes: components, the app, resources, the process. */
#include "pubsub_block.h"

#define TRB_DEF <trilby/pubsub.def>
#define TRB_OPS struct trb_pubsub_ops
#include <trilby/verbs_layout.h>

#define BULK_ROUTE(version)                                                                        \
    {"POST PUT", version "/publish/bulk/{pubsub}/{topic...}", "BulkPublishEvent", "publish", TRB_ROUTE_WHOLE, \
     TRB_GO(bulk_publish_parse)}

static const struct trb_route routes[] = {
    {"POST PUT", "v1.0/publish/{pubsub}/{topic...}", "PublishEvent", "publish", TRB_ROUTE_WHOLE, TRB_GO(publish_parse)},
    BULK_ROUTE("v1.0"),
    BULK_ROUTE("v1.0-alpha1"),
};

#define DAPR "dapr.proto.runtime.v1.Dapr"
static const struct trb_method methods[] = {
    {DAPR, "PublishEvent", 0, 0, "publish.v1", TRB_GO(publish_rpc)},
    {DAPR, "BulkPublishEvent", 0, 0, "publish.v1", TRB_GO(bulk_publish_rpc)},
    {DAPR, "BulkPublishEventAlpha1", 0, 0, "publish.v1alpha1", TRB_GO(bulk_publish_rpc)},
    {DAPR, "SubscribeTopicEventsAlpha1", 1, 1, "subscribe.v1alpha1", TRB_GO(subscribe_rpc)},
};

static const char *const cap_names[] = {"MESSAGE_TTL", "SUBSCRIBE_WILDCARDS", "BULK_PUBSUB", NULL};

/* ------------------------------------------------------------------------------------- the block */
static void outboxes_changed(void *self)
{
    outboxes_schedule(self);
}

static void in_service(void *self)
{
    struct block *b = self;
    b->is_in_service = true;
    outboxes_schedule(b);
}

static trb_code start(void *self, const struct trb_kernel *kernel, struct trb_error *err)
{
    struct block *b = self;
    b->kernel = kernel;
    list_init(&b->subscriptions);
    list_init(&b->listeners);
    list_init(&b->sessions);
    list_init(&b->moving);
    b->source = (struct trb_json_source){.size = sizeof b->source, .self = b, .write = subscriptions_write};
    b->reader = (struct trb_outbox_reader){.size = sizeof b->reader, .self = b, .changed = outboxes_changed};
    subscriptions_load(b);
    return TRB_OK;
}

static void stop(void *self)
{
    subscriptions_clear(self);
}

static void drain(void *self, void (*done)(void *token), void *token)
{
    struct block *b = self;
    b->kernel->lock(b);
    b->is_leaving = true;
    b->kernel->unlock(b);
    b->is_busy = 0;
    b->drained = done;
    b->drained_token = token;
    listeners_close(b, NULL, TRB_WHY_DRAINING);
    sessions_leave(b);
    block_check_drained(b);
}

static const void *extension(void *self, const char *id)
{
    struct block *b = self;
    return !strcmp(id, TRB_SUBSCRIPTIONS) ? (const void *)&b->source : !strcmp(id, TRB_OUTBOX_READER) ? &b->reader : NULL;
}

/* --------------------------------------------------------------------------------------- the app */
/* Once per process, and not before there is something to subscribe to. */
static void ask_app(struct block *b)
{
    if (b->has_asked || b->is_asking || !b->kernel->count(b->kernel, "pubsub"))
        return;
    b->has_asked = true;
    if (b->kernel->info->skip_subscribe) {
        say(b->kernel, TRB_LOG_INFO, "Skipping programmatic subscription loading (see 'disable-init-endpoints' "
            "flag/annotation)");
        return;
    }
    b->is_asking = true;
    b->kernel->task(b->kernel, b, 0, TRB_GO(app_ask), NULL);
}

static void app_up(void *self)
{
    struct block *b = self;
    if (!b->kernel->info->app_port || b->is_leaving)
        return;
    b->is_app_up = true;
    b->is_busy = 1;
    ask_app(b);
    if (!b->is_asking)
        listeners_schedule(b);
}

static void app_down(void *self)
{
    struct block *b = self;
    b->is_app_up = false;
    listeners_close_app(b, TRB_WHY_ENDED);
}

static uint32_t is_busy(void *self)
{
    struct block *b = self;
    if (b->is_busy)
        return 1;
    b->kernel->lock(b);
    bool opening = listeners_are_opening(b);
    b->kernel->unlock(b);
    return opening;
}

/* ------------------------------------------------------------------------ components, resources */
static void *component_up(void *self, struct trb_instance *i, struct trb_error *err)
{
    struct block *b = self;
    struct trb_pairs properties = b->kernel->instance_properties(i);
    b->kernel->task(b->kernel, b, 0, TRB_GO(component_here), NULL);
    return scopes_create(&properties, b->kernel->info);
}

static trb_step component_found;

/* The catalog that has it is on its way by now: it is found once this loop has turned. */
struct trb_next component_here(struct trb_request *rq)
{
    return rq->kernel->sleep(rq, 1, TRB_GO(component_found));
}

static struct trb_next component_found(struct trb_request *rq)
{
    struct block *b = rq->self;
    if (b->is_app_up)
        ask_app(b);
    return TRB_GO(listeners_open);
}

static void component_leaving(void *self, struct trb_instance *i, void *data)
{
    struct block *b = self;
    moving_end(b, i);
    listeners_close(b, i, TRB_WHY_ENDED);
    listeners_schedule(b);
}

static void component_moving(void *self, struct trb_instance *i, void *data, void (*done)(void *), void *token)
{
    moving_begin(self, i, done, token);
}

static void component_stays(void *self, struct trb_instance *i, void *data)
{
    moving_end(self, i);
    listeners_schedule(self);
}

static void component_down(void *self, struct trb_instance *i, void *data)
{
    scopes_destroy(data);
}

static void resources(void *self, uint32_t kind)
{
    struct block *b = self;
    if (kind != TRB_RESOURCE_SUBSCRIPTION)
        return;
    subscriptions_load(b);
    if (b->is_app_up)
        listeners_schedule(b);
}

static const struct trb_block pubsub = {
    .size = sizeof pubsub, .abi = TRB_BLOCK_ABI, .name = "pubsub", .self_size = sizeof(struct block),
    .routes = routes, .route_count = sizeof routes / sizeof routes[0], .route_size = sizeof routes[0],
    .methods = methods, .method_count = sizeof methods / sizeof methods[0], .method_size = sizeof methods[0],
    .verbs = trb_verbs_, .verb_count = sizeof trb_verbs_ / sizeof trb_verbs_[0], .verb_size = sizeof trb_verbs_[0],
    .cap_names = cap_names, .mandatory = "publish subscribe",
    .start = start, .stop = stop, .component_up = component_up, .component_down = component_down,
    .component_leaving = component_leaving, .app_up = app_up, .app_down = app_down, .resources = resources,
    .drain = drain, .extension = extension, .is_busy = is_busy, .in_service = in_service,
    .hand_over = subscriptions_hand_over, .adopt = subscriptions_adopt,
    .component_moving = component_moving, .component_stays = component_stays,
    .properties = "consumerID|publishingScopes|subscriptionScopes|allowedTopics|protectedTopics",
};
TRB_BLOCK_PLUGIN("pubsub", "0.1.0", "Apache-2.0", &pubsub);
