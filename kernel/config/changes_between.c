/* changes_between: what is different between two sets, in the order in which it has to be dealt with. */
#include <base/codec.h>
#include <base/map.h>
#include <base/mem.h>
#include <base/slice.h>
#include <config/changes.h>
#include <stdio.h>

/* Names may come twice in the kinds that allow it: the n-th of a name is compared with the n-th. */
static void index_set(struct map *map, const struct resource_list *list)
{
    for (uint32_t i = 0; i < list->count; i++) {
        struct text key = {0};
        text_add(&key, slice_name(list->at[i]->name));
        while (map_get(map, text_slice(&key)))
            text_add(&key, slice_from("", 1));
        map_set(map, text_slice(&key), list->at[i]);
        text_fini(&key);
    }
}

static void add(struct change_list *list, uint32_t what, struct resource *old, struct resource *new_)
{
    list->at[list->count++] = (struct change){what, old, new_};
}

static void compare(const struct map *old, const struct map *new_, struct change_list *list)
{
    uint32_t i = 0;
    struct map_entry *e;
    while ((e = map_next(old, &i)))
        if (!map_get(new_, slice_name(e->key)))
            add(list, CHANGE_REMOVED, e->value, NULL);
    for (i = 0; (e = map_next(new_, &i));) {
        struct resource *before = map_get(old, slice_name(e->key)), *after = e->value;
        if (before && memcmp(before->print, after->print, sizeof after->print) != 0)
            add(list, CHANGE_UPDATED, before, after);
    }
    for (i = 0; (e = map_next(new_, &i));)
        if (!map_get(old, slice_name(e->key)))
            add(list, CHANGE_ADDED, NULL, e->value);
}

struct change_list changes_between(const struct resource_set *old, const struct resource_set *new_,
                                   uint32_t kind)
{
    struct map before = {0}, after = {0};
    if (old)
        index_set(&before, &old->of[kind]);
    if (new_)
        index_set(&after, &new_->of[kind]);
    struct change_list list = {mem_alloc((before.live + after.live + 1) * sizeof(struct change)), 0};
    compare(&before, &after, &list);
    map_fini(&before);
    map_fini(&after);
    return list;
}

void change_list_fini(struct change_list *list)
{
    mem_free(list->at);
    *list = (struct change_list){0};
}
