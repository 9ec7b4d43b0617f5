/* lock.so: the lock building block. Its meaning is in steps/; this file is its table of contents and what a
 * store's own option, keyPrefix, says. */
#include "lock_block.h"
#include <base/mem.h>

#define TRB_DEF <trilby/lock.def>
#define TRB_OPS struct trb_lock_ops
#include <trilby/verbs_layout.h>

static const struct trb_route routes[] = {
    {"POST", "v1.0-alpha1/lock/{store}", "TryLockAlpha1", "lock", TRB_ROUTE_WHOLE, TRB_GO(lock_try_parse)},
    {"POST", "v1.0-alpha1/unlock/{store}", "UnlockAlpha1", "unlock", TRB_ROUTE_WHOLE, TRB_GO(lock_release_parse)},
};

#define DAPR "dapr.proto.runtime.v1.Dapr"

static const struct trb_method methods[] = {
    {DAPR, "TryLockAlpha1", 0, 0, "lock.v1alpha1", TRB_GO(lock_try_read)},
    {DAPR, "UnlockAlpha1", 0, 0, "unlock.v1alpha1", TRB_GO(lock_release_read)},
};

struct block {
    const struct trb_kernel *kernel;
};

static trb_code start(void *self, const struct trb_kernel *kernel, struct trb_error *err)
{
    ((struct block *)self)->kernel = kernel;
    return TRB_OK;
}

static void stop(void *self)
{
}

/* "lock||<app id>||", "lock||<store>||", "lock||", or a word of the user's own: components.md 0.6. A word in
 * lower case; namespace is not special here. */
static struct trb_name prefix_make(const struct trb_kernel *k, struct trb_instance *i, struct trb_slice word)
{
    struct trb_slice middle = !word.len || slice_is(word, SLICE("appid")) ? slice_name(k->info->app_id)
        : slice_is(word, SLICE("name"))                                   ? slice_name(k->instance_name(i))
                                                                          : word;
    char *at = mem_zero(sizeof "lock||||" + middle.len);
    int n = slice_is(word, SLICE("none")) ? sprintf(at, "lock||") : sprintf(at, "lock||%.*s||", SLICE_ARG(middle));
    return (struct trb_name){at, (size_t)n};
}

static char *lower_case(struct trb_name word)
{
    char *lower = mem_text(word.len ? word.at : "", word.len);
    for (size_t n = 0; n < word.len; n++)
        lower[n] = (char)(lower[n] >= 'A' && lower[n] <= 'Z' ? lower[n] | 0x20 : lower[n]);
    return lower;
}

static void *component_up(void *self, struct trb_instance *i, struct trb_error *err)
{
    const struct trb_kernel *k = ((struct block *)self)->kernel;
    struct trb_pairs properties = k->instance_properties(i);
    struct trb_name word = trb_pair_get(&properties, "keyPrefix");
    char *lower = lower_case(word);
    struct store *s = NULL;
    if (slice_contains(slice_of(lower), SLICE("||"))) {
        trb_error(err, TRB_INVALID, "BAD_KEY_PREFIX", "failed to save lock keyprefix: api error: code = InvalidArgument "
                  "desc = input key/keyPrefix '%s' can't contain '||'", word.at);
    } else {
        s = mem_zero(sizeof *s);
        s->prefix = prefix_make(k, i, slice_of(lower));
    }
    mem_free(lower);
    return s;
}

static void component_down(void *self, struct trb_instance *i, void *data)
{
    struct store *s = data;
    if (s)
        mem_free((void *)(uintptr_t)s->prefix.at);
    mem_free(s);
}

static const struct trb_block lock = {
    .size = sizeof lock, .abi = TRB_BLOCK_ABI, .name = "lock", .self_size = sizeof(struct block),
    .routes = routes, .route_count = sizeof routes / sizeof routes[0], .route_size = sizeof routes[0],
    .methods = methods, .method_count = sizeof methods / sizeof methods[0], .method_size = sizeof methods[0],
    .verbs = trb_verbs_, .verb_count = sizeof trb_verbs_ / sizeof trb_verbs_[0], .verb_size = sizeof trb_verbs_[0],
    .mandatory = "try_lock unlock", .start = start, .stop = stop, .component_up = component_up,
    .component_down = component_down, .properties = "keyPrefix",
};
TRB_BLOCK_PLUGIN("lock", "0.1.0", "Apache-2.0", &lock);
