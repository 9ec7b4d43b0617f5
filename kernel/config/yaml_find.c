/* yaml_find: members of mappings by name and by path. */
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
