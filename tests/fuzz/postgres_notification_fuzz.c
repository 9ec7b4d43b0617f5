/* postgres_notification_fuzz: any bytes as the payload of a NOTIFY: an item whose parts can be read, or none. */
#include "plugins/configuration/postgresql/settings.h"
#include <base/slice.h>
#include <stdlib.h>

static size_t look(struct trb_slice s)
{
    size_t sum = 0;
    for (size_t i = 0; i < s.len; i++)
        sum += (unsigned char)s.at[i];
    return sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_create(1 << 24);
    struct trb_configuration_item item = {0};
    if (notification_read(arena, slice_from((const char *)data, size), &item)) {
        size_t sum = look(slice_name(item.key)) + look(item.value) + look(item.version);
        for (uint32_t i = 0; i < item.metadata.count; i++)
            sum += look(slice_name(trb_pair_at(&item.metadata, i)->value));
        if (!item.key.at || !item.value.at || sum == SIZE_MAX)
            abort();
    }
    arena_destroy(arena);
    return 0;
}
