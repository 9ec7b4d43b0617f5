/* configuration.so: the configuration building block. Its meaning is in steps/; this file is its table of contents. */
#include "watch.h"

#define TRB_DEF <trilby/configuration.def>
#define TRB_OPS struct trb_configuration_ops
#include <trilby/verbs_layout.h>

#define ROUTES(version)                                                                            \
    {"GET", version "/configuration/{store}", "GetConfiguration", "configuration", 0, TRB_GO(get_parse)}, \
    {"GET", version "/configuration/{store}/subscribe", "SubscribeConfiguration", "configuration", 0, \
     TRB_GO(subscribe_parse)},                                                                     \
    {"GET", version "/configuration/{store}/{id}/unsubscribe", "UnsubscribeConfiguration", "configuration", 0, \
     TRB_GO(unsubscribe_parse)}

static const struct trb_route routes[] = {ROUTES("v1.0"), ROUTES("v1.0-alpha1")};

#define DAPR "dapr.proto.runtime.v1.Dapr"
#define METHODS(suffix, list)                                                                      \
    {DAPR, "GetConfiguration" suffix, 0, 0, list, TRB_GO(get_read)},                               \
    {DAPR, "SubscribeConfiguration" suffix, 0, 1, list, TRB_GO(subscribe_read)},                   \
    {DAPR, "UnsubscribeConfiguration" suffix, 0, 0, list, TRB_GO(unsubscribe_read)}

static const struct trb_method methods[] = {METHODS("", "configuration.v1"), METHODS("Alpha1", "configuration.v1alpha1")};

static trb_code start(void *self, const struct trb_kernel *kernel, struct trb_error *err)
{
    struct block *b = self;
    b->kernel = kernel;
    list_init(&b->watches);
    return TRB_OK;
}

static void stop(void *self)
{
}

static void drain(void *self, void (*done)(void *token), void *token)
{
    struct block *b = self;
    b->kernel->lock(b);
    b->is_leaving = true;
    b->kernel->unlock(b);
    b->drained = done;
    b->drained_token = token;
    watches_end(b, TRB_WHY_DRAINING);
    watches_check_drained(b);
}

static void component_leaving(void *self, struct trb_instance *i, void *data)
{
    watches_move(self, i);
}

static uint32_t is_busy(void *self)
{
    return watches_are_opening(self);
}

static const struct trb_block configuration = {
    .size = sizeof configuration, .abi = TRB_BLOCK_ABI, .name = "configuration", .self_size = sizeof(struct block),
    .routes = routes, .route_count = sizeof routes / sizeof routes[0], .route_size = sizeof routes[0],
    .methods = methods, .method_count = sizeof methods / sizeof methods[0], .method_size = sizeof methods[0],
    .verbs = trb_verbs_, .verb_count = sizeof trb_verbs_ / sizeof trb_verbs_[0], .verb_size = sizeof trb_verbs_[0],
    .mandatory = "get subscribe", .start = start, .stop = stop, .drain = drain, .component_leaving = component_leaving,
    .hand_over = watches_hand_over, .adopt = watches_adopt, .is_busy = is_busy,
};
TRB_BLOCK_PLUGIN("configuration", "0.1.0", "Apache-2.0", &configuration);
