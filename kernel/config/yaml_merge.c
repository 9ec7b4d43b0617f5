/* yaml_merge: mappings laid over each other: the merge keys ("<<") of one document, and two documents
 * of which the later one wins. */
#include <base/slice.h>
#include <config/yaml_compose.h>
#include <string.h>

void yaml_index(struct map *map, const struct yaml_node *mapping)
{
    for (uint32_t i = 0; i < mapping->count; i++)
        map_set(map, slice_name(mapping->pairs[i].key->text), mapping->pairs[i].value);
}

static bool is_merge_key(const struct yaml_node *key)
{
    return key->is_plain && slice_is(slice_name(key->text), SLICE("<<"));
}

struct merging {
    struct yaml_composer *composer;
    struct yaml_node *mapping;
    struct yaml_pair *pairs;                   /* the result */
    uint32_t count, room;
    struct map seen;
};

static void keep(struct merging *m, struct yaml_pair pair)
{
    if (m->count == m->room) {
        struct yaml_pair *old = m->pairs;
        m->room = m->room * 2 + 8;
        m->pairs = arena_alloc(m->composer->arena, m->room * sizeof m->pairs[0]);
        if (m->count)
            memcpy(m->pairs, old, m->count * sizeof m->pairs[0]);
    }
    m->pairs[m->count++] = pair;
}

static bool refuse(const struct merging *m, const struct yaml_node *at, const char *what)
{
    struct yaml_composer *c = m->composer;
    yaml_mark_t mark = {.line = at->place.line - c->first_line, .column = at->place.column - 1};
    return yaml_refuse(c, mark, "%s", what);
}

static void reverse(struct yaml_pair *pairs, uint32_t count)
{
    for (uint32_t i = 0; i < count / 2; i++) {
        struct yaml_pair first = pairs[i];
        pairs[i] = pairs[count - 1 - i];
        pairs[count - 1 - i] = first;
    }
}

/* Pairs of source whose names nobody has used yet: written ones and earlier sources come first. */
static bool take(struct merging *m, const struct yaml_node *source)
{
    if (source->kind != YAML_MAPPING)
        return refuse(m, source, "map merge requires map or sequence of maps as the value");
    m->composer->merged += source->weight;
    if (m->composer->merged > YAML_MAX_WEIGHT)
        return refuse(m, source, "the document expands to too much through merge keys");
    uint32_t before = m->count;
    for (uint32_t i = source->count; i-- > 0;) {           /* the last of a name counts */
        struct yaml_pair pair = source->pairs[i];
        if (map_get(&m->seen, slice_name(pair.key->text)))
            continue;
        map_set(&m->seen, slice_name(pair.key->text), pair.value);
        keep(m, pair);
    }
    if (m->count > before)                                  /* else there may be no pairs at all */
        reverse(m->pairs + before, m->count - before);
    return true;
}

static bool take_all(struct merging *m, const struct yaml_node *value)
{
    if (value->kind != YAML_SEQUENCE)
        return take(m, value);
    for (uint32_t i = 0; i < value->count; i++)
        if (!take(m, value->items[i]))
            return false;
    return true;
}

static bool merge_into(struct merging *m)
{
    struct yaml_node *mapping = m->mapping;
    for (uint32_t i = 0; i < mapping->count; i++)
        if (!is_merge_key(mapping->pairs[i].key)) {
            keep(m, mapping->pairs[i]);
            map_set(&m->seen, slice_name(mapping->pairs[i].key->text), mapping->pairs[i].value);
        }
    for (uint32_t i = 0; i < mapping->count; i++)
        if (is_merge_key(mapping->pairs[i].key) && !take_all(m, mapping->pairs[i].value))
            return false;
    mapping->pairs = m->pairs;
    mapping->count = m->count;
    return true;
}

bool yaml_resolve_merges(struct yaml_composer *c, struct yaml_node *mapping)
{
    bool has_merge = false;
    for (uint32_t i = 0; i < mapping->count && !has_merge; i++)
        has_merge = is_merge_key(mapping->pairs[i].key);
    if (!has_merge)
        return true;
    struct merging m = {.composer = c, .mapping = mapping};
    bool good = merge_into(&m);
    map_fini(&m.seen);
    return good;
}

static struct yaml_node *lay_over(struct arena *arena, struct yaml_node *under, struct yaml_node *over)
{
    struct map upper = {0}, lower = {0};
    yaml_index(&upper, over);
    yaml_index(&lower, under);
    struct yaml_node *node = arena_alloc(arena, sizeof *node);
    *node = *over;
    node->count = 0;
    node->pairs = arena_alloc(arena, (under->count + (size_t)over->count + 1) * sizeof node->pairs[0]);
    for (uint32_t i = 0; i < under->count; i++) {
        struct yaml_pair pair = under->pairs[i];
        if (map_get(&lower, slice_name(pair.key->text)) != pair.value)
            continue;                                      /* a later one of the same name counts */
        struct yaml_node *above = map_get(&upper, slice_name(pair.key->text));
        node->pairs[node->count++] = (struct yaml_pair){pair.key, yaml_merge(arena, pair.value, above)};
    }
    for (uint32_t i = 0; i < over->count; i++)
        if (!map_get(&lower, slice_name(over->pairs[i].key->text)))
            node->pairs[node->count++] = over->pairs[i];
    map_fini(&upper);
    map_fini(&lower);
    node->weight += under->weight;
    if (under->height > node->height)
        node->height = under->height;
    return node;
}

struct yaml_node *yaml_merge(struct arena *arena, struct yaml_node *under, struct yaml_node *over)
{
    if (yaml_is_null(over))
        return under;
    if (!under || under->kind != YAML_MAPPING || over->kind != YAML_MAPPING)
        return over;
    return lay_over(arena, under, over);
}
