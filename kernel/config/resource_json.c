/* resource_json: a resource as JSON. A document is written as it stands, but for the values of its
 * properties, of which more may be known by now, and for what a print leaves out. */
#include <base/codec.h>
#include <base/map.h>
#include <base/mem.h>
#include <base/slice.h>
#include <config/resource_kinds.h>
#include <stdlib.h>

struct writer {
    const struct resource *resource;
    struct text *to;
    struct arena *keys;
    struct map properties;                     /* by the bytes of their node's address */
    bool redact;
    struct trb_slice metadata;                 /* JSON in place of the document's; absent: as written */
};

struct member {
    struct trb_slice name;
    const struct yaml_node *value;
    struct trb_slice text, json;               /* in place of value, when not absent */
};

static void write_node(struct writer *, const struct yaml_node *);

static int by_name(const void *a, const void *b)
{
    const struct member *x = a, *y = b;
    size_t len = x->name.len < y->name.len ? x->name.len : y->name.len;
    int order = len ? memcmp(x->name.at, y->name.at, len) : 0;
    return order ? order : x->name.len < y->name.len ? -1 : x->name.len > y->name.len;
}

static void write_member(struct writer *w, const struct member *m)
{
    text_add_json(w->to, m->name, true);
    text_addc(w->to, ':');
    if (m->json.at)
        text_add(w->to, m->json);
    else if (m->text.at)
        text_add_json(w->to, m->text, true);
    else
        write_node(w, m->value);
}

/* What stands in the place of one member of node; its name is absent: nothing does. */
static struct member other_member(const struct writer *w, const struct yaml_node *node)
{
    const struct property *p = map_get(&w->properties, slice_from((const char *)&node, sizeof node));
    if (p && p->value.at)
        return (struct member){.name = SLICE("value"),
                               .text = w->redact && p->is_secret ? SLICE("***") : slice_name(p->value)};
    if (node == w->resource->root && w->metadata.at)
        return (struct member){.name = SLICE("metadata"), .json = w->metadata};
    return (struct member){0};
}

/* Each name once: the last of it counts. */
static uint32_t collect(const struct writer *w, const struct yaml_node *node, struct member *members)
{
    struct member other = other_member(w, node);
    struct map seen = {0};
    uint32_t count = 0;
    for (uint32_t i = 0; i < node->count; i++) {
        struct trb_slice name = slice_name(field_key(w->keys, node, i));
        if (other.name.at && slice_is_nocase(name, other.name))
            continue;
        struct member *m = map_get(&seen, name);
        if (!m)
            map_set(&seen, name, m = &members[count++]);
        *m = (struct member){.name = name, .value = node->pairs[i].value};
    }
    map_fini(&seen);
    if (other.name.at)
        members[count++] = other;
    return count;
}

static void write_mapping(struct writer *w, const struct yaml_node *node)
{
    struct member *members = mem_alloc((node->count + 1) * sizeof *members);
    uint32_t count = collect(w, node, members);
    qsort(members, count, sizeof members[0], by_name);
    text_addc(w->to, '{');
    for (uint32_t i = 0; i < count; i++) {
        if (i)
            text_addc(w->to, ',');
        write_member(w, &members[i]);
    }
    text_addc(w->to, '}');
    mem_free(members);
}

static void write_node(struct writer *w, const struct yaml_node *node)
{
    if (node->kind == YAML_SCALAR) {
        yaml_to_json(node, w->to);
    } else if (node->kind == YAML_MAPPING) {
        write_mapping(w, node);
    } else {
        text_addc(w->to, '[');
        for (uint32_t i = 0; i < node->count; i++) {
            if (i)
                text_addc(w->to, ',');
            write_node(w, node->items[i]);
        }
        text_addc(w->to, ']');
    }
}

static void write_document(struct writer *w)
{
    const struct resource *r = w->resource;
    w->keys = arena_create(SIZE_MAX);
    for (uint32_t i = 0; i < r->property_count; i++) {
        struct property *p = &r->properties[i];
        map_set(&w->properties, slice_from((const char *)&p->node, sizeof p->node), p);
    }
    write_node(w, r->root);
    map_fini(&w->properties);
    arena_destroy(w->keys);
}

/* {"name":"orders","namespace":"shop"} */
static void write_metadata(const struct resource *r, bool with_namespace, struct text *t)
{
    text_adds(t, "{\"name\":");
    text_add_json(t, slice_name(r->name), true);
    if (with_namespace && r->namespace_.at) {
        text_adds(t, ",\"namespace\":");
        text_add_json(t, slice_name(r->namespace_), true);
    }
    text_addc(t, '}');
}

void resource_to_json(const struct resource *r, bool redact, struct text *to)
{
    struct writer w = {.resource = r, .to = to, .redact = redact};
    struct text metadata = {0};
    if (!resource_kinds[r->kind].write) {
        write_document(&w);
        return;
    }
    write_metadata(r, true, &metadata);
    resource_kinds[r->kind].write(r, text_slice(&metadata), to);
    text_fini(&metadata);
}

void resource_value_print(const struct resource *r, uint8_t ret_print[32])
{
    const struct resource_kind *kind = &resource_kinds[r->kind];
    struct text json = {0}, metadata = {0};
    write_metadata(r, kind->prints_namespace, &metadata);
    struct writer w = {.resource = r, .to = &json, .metadata = text_slice(&metadata)};
    if (kind->write)
        kind->write(r, w.metadata, &json);
    else
        write_document(&w);
    sha256(text_slice(&json), ret_print);
    mem_wipe(json.at, json.len);
    text_fini(&json);
    text_fini(&metadata);
}
