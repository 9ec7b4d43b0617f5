/* yaml_compose: events become nodes. Aliases share the node they name; depth and weight are counted
 * as if they did not, so that no later walk meets more than the limits. */
#include <base/codec.h>
#include <base/mem.h>
#include <base/slice.h>
#include <config/yaml_compose.h>
#include <string.h>

#define TAG "tag:yaml.org,2002:"

static void push(struct yaml_composer *c, struct yaml_node *node)
{
    if (c->used == c->room) {
        c->room = c->room ? c->room * 2 : 64;
        c->stack = mem_grow(c->stack, c->room * sizeof c->stack[0]);
    }
    c->stack[c->used++] = node;
}

static struct yaml_node *node_new(struct yaml_composer *c, uint32_t kind, yaml_mark_t mark,
                                  const yaml_char_t *anchor)
{
    struct yaml_node *node = arena_zero(c->arena, sizeof *node);
    node->kind = kind;
    node->place = (struct yaml_place){c->file, c->first_line + (uint32_t)mark.line, (uint32_t)mark.column + 1};
    node->weight = YAML_NODE_WEIGHT;
    node->height = kind != YAML_SCALAR;
    if (anchor)
        map_set(&c->anchors, slice_of((const char *)anchor), node);
    return node;
}

static bool is_tag(const yaml_char_t *tag, const char *name)
{
    return tag && strcmp((const char *)tag, name) == 0;
}

/* Without a tag a plain scalar is whatever it looks like; a tag of a simple type asks for that look. */
static bool is_plain(const yaml_event_t *e)
{
    const yaml_char_t *tag = e->data.scalar.tag;
    if (!tag)
        return e->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
    return is_tag(tag, TAG "int") || is_tag(tag, TAG "float") || is_tag(tag, TAG "bool") ||
           is_tag(tag, TAG "null");
}

static bool decode_binary(struct yaml_composer *c, const yaml_event_t *e, struct yaml_node *node)
{
    char *packed = arena_alloc(c->arena, node->text.len + 1);
    size_t len = 0;
    for (size_t i = 0; i < node->text.len; i++)
        if (!strchr(" \t\r\n", node->text.at[i]))
            packed[len++] = node->text.at[i];
    char *bytes = arena_alloc(c->arena, len * 3 / 4 + 4);
    size_t count;
    if (!base64_decode(slice_from(packed, len), false, bytes, &count, NULL))
        return yaml_refuse(c, e->start_mark, "!!binary value contains invalid base64 data");
    bytes[count] = '\0';
    node->text = (struct trb_name){bytes, count};
    return true;
}

static struct yaml_node *compose_scalar(struct yaml_composer *c, const yaml_event_t *e)
{
    struct yaml_node *node = node_new(c, YAML_SCALAR, e->start_mark, e->data.scalar.anchor);
    node->text = arena_name(c->arena, slice_from((const char *)e->data.scalar.value, e->data.scalar.length));
    node->is_plain = is_plain(e);
    node->is_closed = 1;
    node->weight += node->text.len;
    if (is_tag(e->data.scalar.tag, TAG "binary") && !decode_binary(c, e, node))
        return NULL;
    return node;
}

static struct yaml_node *compose_alias(struct yaml_composer *c, const yaml_event_t *e)
{
    const char *name = (const char *)e->data.alias.anchor;
    struct yaml_node *node = map_get(&c->anchors, slice_of(name));
    if (!node)
        return yaml_refuse(c, e->start_mark, "unknown anchor '%.80s' referenced", name);
    if (!node->is_closed)
        return yaml_refuse(c, e->start_mark, "anchor '%.80s' value contains itself", name);
    return node;
}

/* Counts a child in, and remembers it for the collection's end. */
static bool adopt(struct yaml_composer *c, struct yaml_node *parent, struct yaml_node *child,
                  uint32_t depth, yaml_mark_t mark)
{
    parent->weight += child->weight;
    if (child->height + 1 > parent->height)
        parent->height = child->height + 1;
    if (parent->weight > YAML_MAX_WEIGHT)
        return yaml_refuse(c, mark, "the document comes to more than %u MiB in memory", YAML_MAX_WEIGHT >> 20);
    if (depth + parent->height > YAML_MAX_DEPTH)
        return yaml_refuse(c, mark, "the document is nested deeper than %u levels", YAML_MAX_DEPTH);
    push(c, child);
    return true;
}

/* The children up to the end event, on the stack from where it was. */
static bool compose_children(struct yaml_composer *c, struct yaml_node *parent, uint32_t depth)
{
    for (;;) {
        yaml_event_t event;
        if (!yaml_next_event(c, &event))
            return false;
        yaml_mark_t mark = event.start_mark;
        if (event.type == YAML_SEQUENCE_END_EVENT || event.type == YAML_MAPPING_END_EVENT) {
            yaml_event_delete(&event);
            return true;
        }
        struct yaml_node *child = yaml_compose(c, &event, depth + 1);
        if (!child || !adopt(c, parent, child, depth, mark))
            return false;
    }
}

static struct yaml_node *compose_sequence(struct yaml_composer *c, const yaml_event_t *e, uint32_t depth)
{
    struct yaml_node *node = node_new(c, YAML_SEQUENCE, e->start_mark, e->data.sequence_start.anchor);
    size_t base = c->used;
    if (!compose_children(c, node, depth))
        return NULL;
    node->count = (uint32_t)(c->used - base);
    node->items = arena_alloc(c->arena, (node->count + 1) * sizeof node->items[0]);
    if (node->count)
        memcpy(node->items, c->stack + base, node->count * sizeof node->items[0]);
    node->is_closed = 1;
    c->used = base;
    return node;
}

static bool fill_pairs(struct yaml_composer *c, const yaml_event_t *e, struct yaml_node *node, size_t base)
{
    node->count = (uint32_t)((c->used - base) / 2);
    node->pairs = arena_alloc(c->arena, (node->count + 1) * sizeof node->pairs[0]);
    for (uint32_t i = 0; i < node->count; i++) {
        node->pairs[i] = (struct yaml_pair){c->stack[base + 2 * i], c->stack[base + 2 * i + 1]};
        if (node->pairs[i].key->kind != YAML_SCALAR)
            return yaml_refuse(c, e->start_mark, "a mapping in it has a key that is no scalar");
    }
    return true;
}

static struct yaml_node *compose_mapping(struct yaml_composer *c, const yaml_event_t *e, uint32_t depth)
{
    struct yaml_node *node = node_new(c, YAML_MAPPING, e->start_mark, e->data.mapping_start.anchor);
    size_t base = c->used;
    if (!compose_children(c, node, depth) || !fill_pairs(c, e, node, base) ||
        !yaml_resolve_merges(c, node))
        return NULL;
    node->is_closed = 1;
    c->used = base;
    return node;
}

struct yaml_node *yaml_compose(struct yaml_composer *c, yaml_event_t *event, uint32_t depth)
{
    struct yaml_node *node = NULL;
    if (depth > YAML_MAX_DEPTH)
        yaml_refuse(c, event->start_mark, "the document is nested deeper than %u levels", YAML_MAX_DEPTH);
    else if (event->type == YAML_SCALAR_EVENT)
        node = compose_scalar(c, event);
    else if (event->type == YAML_ALIAS_EVENT)
        node = compose_alias(c, event);
    else if (event->type == YAML_SEQUENCE_START_EVENT)
        node = compose_sequence(c, event, depth);
    else
        node = compose_mapping(c, event, depth);
    yaml_event_delete(event);
    return node;
}
