/* field: typed questions to a mapping. Numbers and booleans are welcome where a text is wanted, and
 * nothing else is converted. */
#include <base/map.h>
#include <base/slice.h>
#include <config/field.h>
#include <stdarg.h>
#include <stdio.h>

#define SHOWN 40                               /* bytes of a wrong value that a sentence repeats */

void field_refuse(struct fields *f, const struct yaml_node *at, const char *format, ...)
{
    if (f->fault.at)
        return;
    va_list args;
    va_start(args, format);
    struct trb_name what = arena_vprintf(f->arena, format, args);
    va_end(args);
    f->fault = arena_printf(f->arena, "%s: %s", yaml_place_text(f->arena, at->place), what.at);
}

static const char *describe(struct fields *f, const struct yaml_node *node)
{
    if (node->kind != YAML_SCALAR)
        return node->kind == YAML_SEQUENCE ? "a list" : "a mapping";
    struct text t = {0};
    text_add_quoted(&t, slice_cut(slice_name(node->text), SHOWN));
    const char *shown = arena_name(f->arena, text_slice(&t)).at;
    text_fini(&t);
    return shown;
}

static void refuse_type(struct fields *f, const struct yaml_node *node, const char *path, const char *wanted)
{
    field_refuse(f, node, "%s must be %s, not %s", path, wanted, describe(f, node));
}

/* NULL: absent, null, or a fault before. */
static struct yaml_node *find(struct fields *f, const struct yaml_node *parent, const char *path)
{
    if (f->fault.at || !parent)
        return NULL;
    const char *dot = strrchr(path, '.');
    struct yaml_node *node = yaml_get_nocase(parent, dot ? dot + 1 : path);
    return yaml_is_null(node) ? NULL : node;
}

static struct yaml_node *want(struct fields *f, struct yaml_node *node, uint32_t kind, const char *path,
                              const char *wanted)
{
    if (!node || node->kind == kind)
        return node;
    refuse_type(f, node, path, wanted);
    return NULL;
}

struct yaml_node *field_mapping(struct fields *f, const struct yaml_node *parent, const char *path)
{
    return want(f, find(f, parent, path), YAML_MAPPING, path, "a mapping");
}

struct yaml_node *field_list(struct fields *f, const struct yaml_node *parent, const char *path)
{
    return want(f, find(f, parent, path), YAML_SEQUENCE, path, "a list");
}

struct trb_name field_text(struct fields *f, const struct yaml_node *parent, const char *path)
{
    struct yaml_node *node = want(f, find(f, parent, path), YAML_SCALAR, path, "a text");
    return node ? yaml_text(f->arena, node) : (struct trb_name){0};
}

bool field_bool(struct fields *f, const struct yaml_node *parent, const char *path, bool fallback)
{
    struct yaml_node *node = find(f, parent, path);
    bool value = fallback;
    if (node && (!node->is_plain || !yaml_bool(node, &value)))
        refuse_type(f, node, path, "true or false");
    return value;
}

static int64_t read_int(struct fields *f, struct yaml_node *node, const char *path, int64_t low, int64_t high,
                        int64_t fallback)
{
    int64_t value = fallback;
    if (!node)
        return fallback;
    if (!node->is_plain || !yaml_int(node, &value))
        refuse_type(f, node, path, "a whole number");
    else if (value < low || value > high)
        field_refuse(f, node, "%s must be between %lld and %lld, not %s", path, (long long)low,
                     (long long)high, node->text.at);
    return f->fault.at ? fallback : value;
}

int64_t field_int(struct fields *f, const struct yaml_node *parent, const char *path, int64_t fallback)
{
    return read_int(f, find(f, parent, path), path, INT32_MIN, INT32_MAX, fallback);
}

uint32_t field_uint(struct fields *f, const struct yaml_node *parent, const char *path, uint32_t fallback)
{
    return (uint32_t)read_int(f, find(f, parent, path), path, 0, INT32_MAX, fallback);
}

struct trb_name *field_texts(struct fields *f, const struct yaml_node *parent, const char *path,
                             uint32_t *ret_count)
{
    struct yaml_node *list = field_list(f, parent, path);
    struct trb_name *texts = list ? arena_zero(f->arena, (list->count + 1) * sizeof *texts) : NULL;
    for (uint32_t i = 0; i < field_count(list); i++) {
        if (!want(f, list->items[i], YAML_SCALAR, path, "a list of texts"))
            return NULL;
        texts[i] = field_or_empty(yaml_text(f->arena, list->items[i]));
    }
    *ret_count = field_count(list);
    return texts;
}

struct trb_pairs field_pairs(struct fields *f, const struct yaml_node *parent, const char *path)
{
    struct yaml_node *from = field_mapping(f, parent, path);
    struct trb_pairs pairs = {.stride = sizeof(struct trb_pair)};
    if (!from)
        return pairs;
    struct trb_pair *at = arena_zero(f->arena, (from->count + 1) * sizeof *at);
    struct map seen = {0};
    for (uint32_t i = 0; i < from->count; i++) {
        struct trb_name key = field_key(f->arena, from, i);
        struct trb_pair *pair = map_get(&seen, slice_name(key));
        if (!pair)
            map_set(&seen, slice_name(key), pair = &at[pairs.count++]);
        pair->key = key;
        pair->value = field_or_empty(field_entry_text(f, from, i, path));
    }
    map_fini(&seen);
    pairs.at = at;
    return pairs;
}

struct trb_name field_key(struct arena *arena, const struct yaml_node *mapping, uint32_t i)
{
    const struct yaml_node *key = mapping->pairs[i].key;
    if (!key->is_plain || yaml_is_text(key))
        return key->text;
    return yaml_is_null(key) ? (struct trb_name){"null", 4} : yaml_text(arena, key);
}

struct yaml_node *field_item(struct fields *f, const struct yaml_node *list, uint32_t i, const char *path)
{
    struct yaml_node *node = list->items[i];
    if (f->fault.at || yaml_is_null(node))
        return NULL;
    return want(f, node, YAML_MAPPING, path, "a list of mappings");
}

struct yaml_node *field_entry(struct fields *f, const struct yaml_node *mapping, uint32_t i, const char *path)
{
    struct yaml_node *node = mapping->pairs[i].value;
    if (f->fault.at || yaml_is_null(node))
        return NULL;
    return want(f, node, YAML_MAPPING, path, "a mapping of mappings");
}

struct trb_name field_entry_text(struct fields *f, const struct yaml_node *mapping, uint32_t i,
                                 const char *path)
{
    struct yaml_node *node = mapping->pairs[i].value;
    if (f->fault.at || yaml_is_null(node) || !want(f, node, YAML_SCALAR, path, "a mapping of texts"))
        return (struct trb_name){0};
    return yaml_text(f->arena, node);
}
