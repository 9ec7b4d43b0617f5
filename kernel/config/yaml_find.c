/* yaml_find: members of mappings by name and by path. */
#include <base/map.h>
#include <base/slice.h>
#include <config/yaml.h>

static struct yaml_node *find(const struct yaml_node *mapping, struct trb_slice key,
                              bool (*is_same)(struct trb_slice, struct trb_slice))
{
    if (!mapping || mapping->kind != YAML_MAPPING)
        return NULL;
    for (uint32_t i = mapping->count; i-- > 0;)
        if (is_same(slice_name(mapping->pairs[i].key->text), key))
            return mapping->pairs[i].value;
    return NULL;
}

static bool is_exact(struct trb_slice a, struct trb_slice b)
{
    return slice_is(a, b);
}

struct yaml_node *yaml_get(const struct yaml_node *mapping, const char *key)
{
    return find(mapping, slice_of(key), is_exact);
}

struct yaml_node *yaml_get_nocase(const struct yaml_node *mapping, const char *key)
{
    struct yaml_node *exact = yaml_get(mapping, key);
    return exact ? exact : find(mapping, slice_of(key), slice_is_nocase);
}

struct yaml_node *yaml_path(const struct yaml_node *node, const char *dotted)
{
    struct trb_slice rest = slice_of(dotted);
    while (node && rest.at)
        node = find(node, slice_split(&rest, '.'), is_exact);
    return (struct yaml_node *)node;
}

static const struct yaml_node *repeated_here(const struct yaml_node *mapping, const struct yaml_node **ret_first)
{
    struct map seen = {0};
    const struct yaml_node *repeated = NULL;
    for (uint32_t i = 0; i < mapping->count && !repeated; i++) {
        struct yaml_node *key = mapping->pairs[i].key;
        *ret_first = map_get(&seen, slice_name(key->text));
        repeated = *ret_first ? key : NULL;
        map_set(&seen, slice_name(key->text), key);
    }
    map_fini(&seen);
    return repeated;
}

const struct yaml_node *yaml_repeated(const struct yaml_node *node, const struct yaml_node **ret_first)
{
    const struct yaml_node *found = NULL;
    if (!node || node->kind == YAML_SCALAR)
        return NULL;
    if (node->kind == YAML_MAPPING)
        found = repeated_here(node, ret_first);
    for (uint32_t i = 0; i < node->count && !found; i++)
        found = yaml_repeated(node->kind == YAML_MAPPING ? node->pairs[i].value : node->items[i], ret_first);
    return found;
}
