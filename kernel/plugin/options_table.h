/* options_table: finding one's way in a component's table of options. */
#ifndef PLUGIN_OPTIONS_TABLE_H
#define PLUGIN_OPTIONS_TABLE_H

#include <base/slice.h>
#include <plugin/options.h>

static inline const struct trb_option *option_at(const struct trb_component *c, size_t i)
{
    return (const struct trb_option *)(const void *)((const char *)(const void *)c->options +
                                                     i * c->option_size);
}

static inline bool names_have(const char *names, struct trb_slice name)       /* separated by '|', or NULL */
{
    struct trb_slice rest = slice_of(names);
    while (rest.at)
        if (slice_is_nocase(slice_split(&rest, '|'), name))
            return true;
    return false;
}

static inline bool option_is_named(const struct trb_option *o, struct trb_slice name)
{
    if (o->type == TRB_OPTION_OPEN)
        return slice_starts_nocase(name, slice_of(o->name));
    return slice_is_nocase(slice_of(o->name), name) || names_have(o->aliases, name);
}

static inline const struct trb_option *option_find(const struct trb_component *c, struct trb_slice name)
{
    for (size_t i = 0; i < c->option_count; i++)
        if (option_is_named(option_at(c, i), name))
            return option_at(c, i);
    return NULL;
}

/* false: as if it had not been given. */
static inline bool option_takes(const struct trb_option *o, struct trb_slice value)
{
    return value.len || o->type == TRB_OPTION_OPEN || (o->type == TRB_OPTION_STRING && !o->empty_is_absent);
}

#endif
