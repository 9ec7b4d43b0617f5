/* words: see kinds.h. */
#include "kinds.h"
#include <base/slice.h>

#define MEMORY (1u << 30)

const struct trb_option bridge_options[1] = {
    TRB_OPEN("", .sensitive = 1, .doc = "Whatever the component reads: all of it is handed over, secrets filled in."),
};

uint64_t features_caps(const struct components_features_response *m, const char *const *names, uint32_t count)
{
    uint64_t caps = 0;
    for (uint32_t i = 0; i < m->features.count; i++)
        for (uint32_t bit = 0; bit < count; bit++)
            if (slice_is(slice_name(m->features.at[i]), slice_of(names[bit])))
                caps |= 1ull << bit;
    return caps;
}

static void *take(void *arena, size_t size)
{
    return arena_zero(arena, size);
}

const char *message_read(struct trb_slice message, const struct pb_type *type, void *ret, struct arena **ret_arena)
{
    *ret_arena = arena_create(MEMORY);
    return pb_read(type, message, (struct pb_memory){take, *ret_arena}, ret);
}

struct trb_name settlement_text(const struct trb_settlement *s)
{
    return name_of(s->error && *s->error->message ? s->error->message : "the handler failed");
}
