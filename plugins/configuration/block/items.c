/* items: what a store answered, as clients see it. */
#include "configuration_block.h"
#include <base/mem.h>
#include <stdlib.h>

typedef const struct trb_configuration_item *item;

static int by_key(const void *a, const void *b)
{
    struct trb_slice x = slice_name((*(const item *)a)->key), y = slice_name((*(const item *)b)->key);
    int order = memcmp(x.at, y.at, x.len < y.len ? x.len : y.len);
    return order ? order : (x.len > y.len) - (x.len < y.len);
}

static void member_write(struct text *t, bool *any, const char *name, struct trb_slice value)
{
    if (!value.len)
        return;
    text_addf(t, "%s\"%s\":", *any ? "," : "", name);
    text_add_json(t, value, true);
    *any = true;
}

static void item_write(struct text *t, item i)
{
    bool any = false;
    text_add_json(t, slice_name(i->key), true);
    text_adds(t, ":{");
    member_write(t, &any, "value", i->value);
    member_write(t, &any, "version", i->version);
    if (i->metadata.count) {
        text_adds(t, any ? ",\"metadata\":" : "\"metadata\":");
        text_add_json_pairs(t, &i->metadata);
    }
    text_addc(t, '}');
}

void items_write(struct text *t, const item *items, uint32_t count)
{
    item *sorted = mem_alloc((count + 1) * sizeof *sorted);
    if (count)
        memcpy(sorted, items, count * sizeof *sorted);
    qsort(sorted, count, sizeof *sorted, by_key);
    text_addc(t, '{');
    for (uint32_t i = 0; i < count; i++) {
        if (i)
            text_addc(t, ',');
        item_write(t, sorted[i]);
    }
    text_addc(t, '}');
    mem_free(sorted);
}

static struct trb_name as_name(struct trb_slice s)
{
    return (struct trb_name){s.at ? s.at : "", s.len};
}

struct common_configuration_item item_message(item i)
{
    return (struct common_configuration_item){
        .value = as_name(i->value), .version = as_name(i->version), .metadata = i->metadata};
}
