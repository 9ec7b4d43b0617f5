/* state.wrong-*: one wrong manifest per build, chosen by WRONG_…; only tests load them. */
#include <trilby/state.h>

struct nothing {
    uint32_t unused;
};

static const struct trb_option options[] = {
#ifdef WRONG_DEFAULT
    TRB_BOOL(struct nothing, unused, "flag", .fallback = "perhaps", .doc = "A default that is none."),
#else
    TRB_BOOL(struct nothing, unused, "flag", .doc = "Nothing."),
#endif
};

static void done(void *self, struct trb_call *call, const void *unused)
{
    trb_done(call);
}

static const struct trb_state_ops ops = {
    .size = sizeof ops, .get = done, .set = done,
#ifndef WRONG_NO_VERB
    .remove = done,
#endif
};
static const struct trb_component wrong = {
    .size = sizeof wrong, .version = "v1", .summary = "Wrong.", .run = TRB_ANYWHERE, .type = "state." WRONG_NAME,
#ifdef WRONG_BLOCK
    .block = "pubsub",
#else
    .block = "state",
#endif
#ifdef WRONG_PROMISE
    .caps = TRB_STATE_TRANSACTIONAL,
#endif
#ifndef WRONG_NO_START
    .start = done,
#endif
    .ops = &ops, .stop = done, TRB_SELF(struct nothing, options),
};
static const struct trb_component *const components[] = {&wrong, NULL};

#ifdef WRONG_SYMBOL
#define trilby_plugin_v1 trilby_plugin_v0
TRB_EXPORT extern const struct trb_plugin trilby_plugin_v0;
#endif
const struct trb_plugin trilby_plugin_v1 = {
#ifdef WRONG_SIZE
    .size = 8,
#else
    .size = sizeof(struct trb_plugin),
#endif
#ifdef WRONG_ABI
    .abi_minor = TRB_ABI_MINOR + 1,
#endif
    .name = "wrong", .version = "1.0.0", .license = "Apache-2.0", .components = components,
};
