/* configuration_read: members of the merged tree by exact name and type. */
#include <base/clock.h>
#include <config/configuration_read.h>

static const char *last_of(const char *path)
{
    const char *dot = strrchr(path, '.');
    return dot ? dot + 1 : path;
}

const struct yaml_node *reader_having(const struct yaml_node *parent, const char *path)
{
    return yaml_get(parent, last_of(path)) ? parent : NULL;
}

struct yaml_node *reader_mapping(struct reader *r, const struct yaml_node *parent, const char *path)
{
    return field_mapping(&r->fields, reader_having(parent, path), path);
}

struct yaml_node *reader_list(struct reader *r, const struct yaml_node *parent, const char *path)
{
    return field_list(&r->fields, reader_having(parent, path), path);
}

bool reader_bool(struct reader *r, const struct yaml_node *parent, const char *path, bool fallback)
{
    return field_bool(&r->fields, reader_having(parent, path), path, fallback);
}

int64_t reader_int(struct reader *r, const struct yaml_node *parent, const char *path, int64_t fallback)
{
    return field_int(&r->fields, reader_having(parent, path), path, fallback);
}

/* An alias may name the same scalar as something else than a text: only this use of it changes. */
static struct trb_name become_text(struct reader *r, struct yaml_node **place)
{
    struct yaml_node *copy = arena_alloc(r->fields.arena, sizeof *copy);
    if (yaml_is_null(*place))
        return (struct trb_name){0};
    *copy = **place;
    copy->is_plain = 0;
    *place = copy;
    return copy->text;
}

static struct yaml_node **place_of(const struct yaml_node *parent, const char *name)
{
    for (uint32_t i = parent->count; i-- > 0;)
        if (slice_is(slice_name(parent->pairs[i].key->text), slice_of(name)))
            return &parent->pairs[i].value;
    return NULL;
}

struct trb_name reader_text(struct reader *r, const struct yaml_node *parent, const char *path)
{
    parent = reader_having(parent, path);
    if (!field_text(&r->fields, parent, path).at)
        return (struct trb_name){0};
    return become_text(r, place_of(parent, last_of(path)));
}

struct trb_name reader_text_or(struct reader *r, const struct yaml_node *parent, const char *path,
                               struct trb_name fallback)
{
    struct trb_name text = reader_text(r, parent, path);
    return text.len ? text : fallback;
}

struct configuration_names reader_texts(struct reader *r, const struct yaml_node *parent, const char *path)
{
    struct configuration_names names = {0};
    parent = reader_having(parent, path);
    if (!field_texts(&r->fields, parent, path, &names.count))
        return (struct configuration_names){0};
    struct yaml_node *list = yaml_get(parent, last_of(path));
    names.at = reader_room(r, list, struct trb_name);
    for (uint32_t i = 0; i < names.count; i++)
        names.at[i] = field_or_empty(become_text(r, &list->items[i]));
    return names;
}

int64_t reader_duration(struct reader *r, const struct yaml_node *parent, const char *path, int64_t fallback)
{
    struct trb_name text = reader_text(r, parent, path);
    int64_t ns = fallback;
    if (text.len && !clock_parse_duration(slice_name(text), &ns))
        field_refuse(&r->fields, yaml_get(parent, last_of(path)),
                     "%s must be a duration such as 10s, not %.40s", path, text.at);
    else if (text.len && ns < 0)
        field_refuse(&r->fields, yaml_get(parent, last_of(path)), "%s must not be negative", path);
    return ns;
}
