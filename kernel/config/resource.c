/* resource: the life of one, and of the sets in which they are found. */
#include <base/check.h>
#include <base/mem.h>
#include <base/slice.h>
#include <config/resource_kinds.h>

struct resource *resource_ref(struct resource *r)
{
    check(r->magic == RESOURCE_MAGIC && r->refs);
    r->refs++;
    return r;
}

struct resource *resource_unref(struct resource *r)
{
    if (!r)
        return NULL;
    check(r->magic == RESOURCE_MAGIC && r->refs);
    if (--r->refs)
        return NULL;
    r->magic = 0;
    arena_destroy(r->values);                  /* wipes what came from secret stores */
    arena_destroy(r->arena);
    return NULL;
}

bool resource_is_in_scope(const struct resource *r, struct trb_slice app_id)
{
    for (uint32_t i = 0; i < r->scope_count; i++)
        if (slice_is(slice_name(r->scopes[i]), app_id))
            return true;
    return !r->scope_count;
}

struct resource *resource_set_find(const struct resource_set *set, uint32_t kind, struct trb_slice name)
{
    const struct resource_list *list = &set->of[kind];
    for (uint32_t i = 0; i < list->count; i++)
        if (slice_is(slice_name(list->at[i]->name), name))
            return list->at[i];
    return NULL;
}

bool resource_set_is_incomplete(const struct resource_set *set, const char *file)
{
    for (uint32_t i = 0; i < set->incomplete_count; i++)
        if (!strcmp(set->incomplete[i].at, file))
            return true;
    return false;
}

struct resource_set *resource_set_destroy(struct resource_set *set)
{
    if (!set)
        return NULL;
    for (uint32_t kind = 0; kind < RESOURCE_KINDS; kind++) {
        for (uint32_t i = 0; i < set->of[kind].count; i++)
            resource_unref(set->of[kind].at[i]);
        mem_free(set->of[kind].at);
    }
    arena_destroy(set->arena);
    mem_free(set);
    return NULL;
}
