/* pb_fuzz: the first byte chooses a type, the rest is a message of it. Reading stays inside the message and its
 * budget; what was read is written, read again and written the same. */
#include <base/slice.h>
#include <pb/common.h>
#include <pb/every.h>
#include <pb/internals.h>
#include <pb/runtime.h>
#include <pb/scheduler.h>
#include <stdlib.h>
#include <wire/wire.h>

struct piece {
    struct piece *next;
};

struct pieces {
    struct piece *first;
    size_t bytes;
};

static void *take(void *arg, size_t size)
{
    struct pieces *p = arg;
    struct piece *piece = calloc(1, sizeof *piece + size);
    piece->next = p->first;
    p->first = piece;
    p->bytes += size;
    return piece + 1;
}

static void release(struct pieces *p)
{
    for (struct piece *next; p->first; p->first = next) {
        next = p->first->next;
        free(p->first);
    }
}

/* New types come behind the others, so that the corpus keeps its meaning. */
static const struct pb_type *choose(uint8_t number)
{
    const struct pb_type *const *const all[] = {every_types, common_types, internals_types, runtime_types, scheduler_types};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        for (const struct pb_type *const *type = all[i]; *type; type++)
            if (!number--)
                return *type;
    return NULL;
}

static bool rewrite(const struct pb_type *type, struct trb_slice message, struct text *to)
{
    struct pieces pieces = {NULL, 0};
    void *m = malloc(type->size);
    bool read = !pb_read(type, message, (struct pb_memory){take, &pieces}, m);
    if (pieces.bytes > message.len * PB_BUDGET_FACTOR + PB_BUDGET_FREE)
        abort();
    if (read)
        pb_write(type, m, to);
    free(m);
    release(&pieces);
    return read;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct pb_type *type = size ? choose(data[0]) : NULL;
    struct text once = {0}, twice = {0};
    if (type && rewrite(type, slice_from((const char *)data + 1, size - 1), &once)) {
        size_t len = once.len;
        /* As long as the first, for the same budget, by a field that nobody knows. */
        wire_put_bytes_always(&once, 19999, slice_from((const char *)data, size));
        if (!rewrite(type, text_slice(&once), &twice) || !slice_is(slice_cut(text_slice(&once), len), text_slice(&twice)))
            abort();
    }
    text_fini(&once);
    text_fini(&twice);
    return 0;
}
