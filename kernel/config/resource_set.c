/* resource_set: namespace, duplicates and scopes, in this order, and what comes first in the end. */
#include <base/mem.h>
#include <base/slice.h>
#include <config/component.h>
#include <config/resource_set.h>

void set_begin(struct set_builder *b, const struct resource_query *query)
{
    *b = (struct set_builder){.query = query, .set = mem_zero(sizeof *b->set)};
    b->set->arena = arena_create(SIZE_MAX);
}

void set_incomplete(struct set_builder *b, const char *file)
{
    struct resource_set *set = b->set;
    struct trb_name *at = arena_alloc(set->arena, (set->incomplete_count + 1) * sizeof *at);
    if (set->incomplete_count)
        memcpy(at, set->incomplete, set->incomplete_count * sizeof *at);
    at[set->incomplete_count++] = arena_name(set->arena, slice_of(file));
    set->incomplete = at;
}

static bool is_foreign(const struct resource_query *q, const struct resource *r)
{
    return resource_kinds[r->kind].has_namespace && q->namespace_.len && r->namespace_.len &&
           !slice_is(q->namespace_, slice_name(r->namespace_));
}

static bool is_duplicate(struct set_builder *b, const struct resource *r)
{
    const struct resource *old = map_get(&b->names[r->kind], slice_name(r->name));
    struct text *t = &b->duplicates[r->kind];
    if (!resource_kinds[r->kind].is_unique || !old)
        return false;
    text_addf(t, "%sduplicate definition of %s name %s with existing %s", t->len ? "\n" : "",
              resource_kind_name(r->kind), r->log_name.at, old->log_name.at);
    return true;
}

/* A place in the list may become NULL until the set is finished. */
static void append(struct set_builder *b, struct resource *r)
{
    struct resource_list *list = &b->set->of[r->kind];
    if ((list->count & (list->count - 1)) == 0)
        list->at = mem_grow(list->at, (list->count ? 2 * list->count : 1) * sizeof list->at[0]);
    list->at[list->count++] = r;
    map_set(&b->names[r->kind], slice_name(r->name), r);
}

/* The later Subscription of a name stands for both, and where it stands. */
static void drop_named(struct set_builder *b, const struct resource *r)
{
    struct resource *old = map_get(&b->names[r->kind], slice_name(r->name));
    struct resource_list *list = &b->set->of[r->kind];
    for (uint32_t i = 0; r->name.len && old && i < list->count; i++)
        if (list->at[i] == old)
            list->at[i] = resource_unref(old);
}

void set_offer(struct set_builder *b, struct resource *r)
{
    bool is_subscription = r->kind == RESOURCE_SUBSCRIPTION;
    bool in_scope = r->kind == RESOURCE_CONFIGURATION || resource_is_in_scope(r, b->query->app_id);
    if (is_foreign(b->query, r) || is_duplicate(b, r) || !(in_scope || is_subscription)) {
        resource_unref(r);
        return;
    }
    if (is_subscription)
        drop_named(b, r);
    append(b, r);
}

/* Scopes of subscriptions are looked at when all of them are known. */
static void compact(struct set_builder *b, uint32_t kind)
{
    struct resource_list *list = &b->set->of[kind];
    uint32_t kept = 0;
    for (uint32_t i = 0; i < list->count; i++) {
        struct resource *r = list->at[i];
        if (r && kind == RESOURCE_SUBSCRIPTION && !resource_is_in_scope(r, b->query->app_id))
            r = resource_unref(r);
        if (r)
            list->at[kept++] = r;
    }
    list->count = kept;
}

static bool is_secret_store(struct resource *r)
{
    return slice_is(slice_name(component_of(r)->block), SLICE("secretstores"));
}

static void sort_components(struct resource_list *list)
{
    struct resource **sorted = mem_alloc((list->count + 1) * sizeof sorted[0]);
    uint32_t count = 0;
    for (uint32_t pass = 0; pass < 2; pass++)
        for (uint32_t i = 0; i < list->count; i++)
            if (is_secret_store(list->at[i]) == (pass == 0))
                sorted[count++] = list->at[i];
    mem_free(list->at);
    list->at = sorted;
}

struct resource_set *set_finish(struct set_builder *b)
{
    for (uint32_t kind = 0; kind < RESOURCE_KINDS; kind++) {
        compact(b, kind);
        if (b->duplicates[kind].len)
            b->set->duplicates[kind] = arena_name(b->set->arena, text_slice(&b->duplicates[kind]));
        text_fini(&b->duplicates[kind]);
        map_fini(&b->names[kind]);
    }
    sort_components(&b->set->of[RESOURCE_COMPONENT]);
    return b->set;
}
