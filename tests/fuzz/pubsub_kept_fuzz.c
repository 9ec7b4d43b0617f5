/* pubsub_kept_fuzz: any bytes as what an earlier copy of pubsub.in-memory handed over: they are taken as far as they can
 * be read, and what was taken goes on from copy to copy to the letter. */
#include "keeping_host.h"
#include "plugins/pubsub/in-memory/in_memory.c"

static struct trb_data pass(struct trb_slice from, uint32_t *ret_errors)
{
    struct broker b = {0};
    errors = 0;
    start(&b, &keeping_call, NULL);
    broker_adopt(&b, from);
    *ret_errors = errors;
    struct trb_data kept = handed_over(broker_hand_over, &b);
    stop(&b, &keeping_call, NULL);
    return kept;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint32_t first, second;
    struct trb_data once = pass((struct trb_slice){(const char *)data, size}, &first);
    struct trb_data twice = pass((struct trb_slice){once.at, once.len}, &second);
    if (first > 1 || second || once.len != twice.len || memcmp(once.at, twice.at, once.len))
        abort();
    if (!first && once.len != size)
        abort();
    buf_unref(once.owner);
    buf_unref(twice.owner);
    return 0;
}
