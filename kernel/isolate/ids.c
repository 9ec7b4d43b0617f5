/* ids: a table of cells; a number is a cell and how often that was used. */
#include <base/mem.h>
#include <isolate/ids.h>
#include <string.h>

struct ids_cell {
    void *thing;
    uint32_t serial, next_free;            /* as ids.free */
};

static void grow(struct ids *ids)
{
    uint32_t was = ids->count;
    ids->count = was ? was * 2 : 16;
    ids->cells = mem_grow(ids->cells, ids->count * sizeof *ids->cells);
    memset(ids->cells + was, 0, (ids->count - was) * sizeof *ids->cells);
    for (uint32_t i = ids->count; i-- > was;) {
        ids->cells[i].next_free = ids->free;
        ids->free = i + 1;
    }
}

uint64_t ids_put(struct ids *ids, void *thing)
{
    if (!ids->free)
        grow(ids);
    uint32_t at = ids->free - 1;
    struct ids_cell *c = &ids->cells[at];
    ids->free = c->next_free;
    c->thing = thing;
    c->serial++;
    ids->live++;
    return (uint64_t)c->serial << 32 | at;
}

static struct ids_cell *find(const struct ids *ids, uint64_t id)
{
    uint32_t at = (uint32_t)id;
    struct ids_cell *c = at < ids->count ? &ids->cells[at] : NULL;
    return c && c->thing && c->serial == id >> 32 ? c : NULL;
}

void *ids_get(const struct ids *ids, uint64_t id)
{
    struct ids_cell *c = find(ids, id);
    return c ? c->thing : NULL;
}

void *ids_drop(struct ids *ids, uint64_t id)
{
    struct ids_cell *c = find(ids, id);
    void *thing = c ? c->thing : NULL;
    if (!c)
        return NULL;
    c->thing = NULL;
    c->next_free = ids->free;
    ids->free = (uint32_t)id + 1;
    ids->live--;
    return thing;
}

void *ids_next(const struct ids *ids, uint32_t *cursor)
{
    while (*cursor < ids->count) {
        void *thing = ids->cells[(*cursor)++].thing;
        if (thing)
            return thing;
    }
    return NULL;
}

void ids_fini(struct ids *ids)
{
    mem_free(ids->cells);
    *ids = (struct ids){0};
}
