/* state_kept_fuzz: any bytes as what an earlier copy of state.in-memory handed over: they are taken as far as they can be
 * read, what was taken goes on from copy to copy, and what will expire does. */
#include "keeping_host.h"
#include "plugins/state/in-memory/in_memory.c"

/* Instead of purge.c: nothing expires meanwhile. */
void purger_init(struct store *s)
{
}

void purger_fini(struct store *s)
{
}

void purger_expect(struct store *s, uint64_t due_ns)
{
}

static void expire_all(struct store *s)
{
    uint32_t cursor;
    for (uint32_t n = 0; n < SHARDS; n++) {
        struct items *items = &s->shards[n].items;
        if (items_purge(items, UINT64_MAX) || items->heap_count)
            abort();
        for (struct item *i = items_first(items, &cursor); i; i = items_next(items, i, &cursor))
            if (i->expires_ns)
                abort();
    }
}

static struct trb_data pass(struct trb_slice from, uint32_t *ret_errors)
{
    struct store s = {0};
    errors = 0;
    start(&s, &keeping_call, NULL);
    in_memory_adopt(&s, from);
    *ret_errors = errors;
    struct trb_data kept = handed_over(in_memory_hand_over, &s);
    expire_all(&s);
    stop(&s, &keeping_call, NULL);
    return kept;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint32_t first, second;
    struct trb_data once = pass((struct trb_slice){(const char *)data, size}, &first);
    struct trb_data twice = pass((struct trb_slice){once.at, once.len}, &second);
    if (first > 1 || second || once.len != twice.len || (!first && once.len > size))
        abort();
    buf_unref(once.owner);
    buf_unref(twice.owner);
    return 0;
}
