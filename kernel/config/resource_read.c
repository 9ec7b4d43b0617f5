/* resource_read: one document to one resource: its head, its name, and then what its kind reads. */
#include <base/codec.h>
#include <base/slice.h>
#include <config/resource_kinds.h>

#define ALL RESOURCE_KINDS

static struct yaml_node *parse(struct arena *arena, const struct document *d, struct text *fault)
{
    struct yaml_node *root = NULL;
    struct yaml_fault why;
    if (yaml_parse(arena, d->file, d->line, d->text, &root, &why) == TRB_OK)
        return yaml_is_null(root) ? NULL : root;
    text_addf(fault, "error converting YAML to JSON: %s (%s:%u:%u)", yaml_fault_text(arena, &why).at,
              why.place.file, why.place.line, why.place.column);
    return NULL;
}

static bool has_version(const struct resource_kind *k, struct trb_name version)
{
    for (uint32_t i = 0; i < 2 && k->versions[i]; i++)
        if (slice_is(slice_name(version), slice_of(k->versions[i])))
            return true;
    return !k->versions[0];
}

/* ALL: none of ours. */
static uint32_t find_kind(struct trb_name name, struct trb_name version)
{
    for (uint32_t i = 0; i < RESOURCE_KINDS; i++)
        if (slice_is(slice_name(name), slice_of(resource_kinds[i].name)))
            return has_version(&resource_kinds[i], version) ? i : ALL;
    return ALL;
}

/* What makes a name no segment of a path, or NULL. */
static const char *name_fault(struct trb_name name)
{
    struct trb_slice s = slice_name(name);
    bool slash = s.len && memchr(s.at, '/', s.len), percent = s.len && memchr(s.at, '%', s.len);
    if (slice_is(s, SLICE(".")) || slice_is(s, SLICE("..")))
        return s.len == 1 ? "may not be '.'" : "may not be '..'";
    if (slash && percent)
        return "may not contain '/'; may not contain '%'";
    return slash ? "may not contain '/'" : percent ? "may not contain '%'" : NULL;
}

static bool check_name(const struct resource *r, struct text *fault)
{
    const char *why = name_fault(r->name);
    if (!why)
        return true;
    text_adds(fault, "invalid name ");
    text_add_quoted(fault, slice_name(r->name));
    text_addf(fault, " for \"%s\": %s (%s:%u)", resource_kind_name(r->kind), why, r->place.file,
              r->place.line);
    return false;
}

static void read_head(struct fields *f, struct resource *r, struct yaml_node *root)
{
    struct yaml_node *metadata = field_mapping(f, root, "metadata");
    r->magic = RESOURCE_MAGIC;
    r->refs = 1;
    r->arena = f->arena;
    r->root = root;
    r->place = root->place;
    r->name = field_or_empty(field_text(f, metadata, "metadata.name"));
    r->namespace_ = field_text(f, metadata, "metadata.namespace");
    r->log_name = r->name;
    r->scopes = field_texts(f, root, "scopes", &r->scope_count);
}

static bool read_kind(struct fields *f, struct resource *r, const struct resource_query *q,
                      struct text *fault)
{
    const struct resource_kind *kind = &resource_kinds[r->kind];
    if (!f->fault.at && !check_name(r, fault))
        return false;
    if (kind->needs_name && !r->name.len && !f->fault.at) {
        resource_warn(q, "%s:%u: a %s without metadata.name is ignored", r->place.file, r->place.line,
                      kind->name);
        return false;
    }
    if (kind->read)
        kind->read(f, r, q);
    return !f->fault.at;
}

static struct resource *read_root(struct fields *f, struct yaml_node *root, const struct resource_query *q,
                                  uint32_t *ret_kind, struct text *fault)
{
    if (root->kind != YAML_MAPPING) {
        field_refuse(f, root, "a document must be a mapping with apiVersion, kind, metadata and spec");
        return NULL;
    }
    struct trb_name version = field_text(f, root, "apiVersion");
    uint32_t kind = find_kind(field_or_empty(field_text(f, root, "kind")), field_or_empty(version));
    if (kind == ALL || f->fault.at)
        return NULL;
    struct resource *r = arena_zero(f->arena, resource_kinds[kind].size);
    *ret_kind = r->kind = kind;
    r->api_version = version;
    read_head(f, r, root);
    return read_kind(f, r, q, fault) ? r : NULL;
}

struct resource *resource_read(const struct document *d, const struct resource_query *q, uint32_t *ret_kind,
                               struct text *fault)
{
    struct fields f = {.arena = arena_create(SIZE_MAX)};
    struct yaml_node *root = parse(f.arena, d, fault);
    *ret_kind = ALL;
    struct resource *r = root ? read_root(&f, root, q, ret_kind, fault) : NULL;
    if (f.fault.at)
        text_addf(fault, "error unmarshaling JSON: %s", f.fault.at);
    if (!r)
        arena_destroy(f.arena);
    else
        resource_value_print(r, r->print);
    return r;
}
