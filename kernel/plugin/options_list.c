/* options_list: what a component runs with, as JSON. A value that may be a secret is never written: neither
 * one of a sensitive option, nor one the caller hides, nor one of a name that the table does not know (it
 * may be a password whose name was mistyped). */
#include <plugin/options_table.h>

struct listing {
    const struct trb_component *component;
    const struct options_shown *shown;
    struct text *json;
    bool has_one;
};

static const char *type_name(uint32_t type)
{
    static const char *const names[] = {"unknown",  "string", "boolean", "integer", "bytes",
                                        "duration", "choice", "number",  "open"};
    return type < sizeof names / sizeof names[0] ? names[type] : names[0];
}

/* value absent: there is none, or it is not shown. */
static void write_row(struct listing *l, struct trb_slice name, const struct trb_option *o, const char *source,
                      struct trb_slice value, bool is_hidden)
{
    text_adds(l->json, l->has_one ? ",{\"name\":" : "{\"name\":");
    text_add_json(l->json, name, false);
    text_addf(l->json, ",\"type\":\"%s\",\"source\":\"%s\",\"redacted\":%s", type_name(o ? o->type : 0), source,
              is_hidden ? "true" : "false");
    if (value.at && !is_hidden) {
        text_adds(l->json, ",\"value\":");
        text_add_json(l->json, value, false);
    }
    text_addc(l->json, '}');
    l->has_one = true;
}

static bool is_hidden(const struct listing *l, const struct trb_option *o, struct trb_slice key)
{
    return !o || o->sensitive || (l->shown->hides && l->shown->hides(l->shown->arg, key));
}

static void write_given(struct listing *l, const struct trb_option *o, const struct trb_pair *p)
{
    struct trb_slice key = slice_name(p->key);
    bool is_open = !o || o->type == TRB_OPTION_OPEN;
    write_row(l, is_open ? key : slice_of(o->name), o, "resource", slice_name(p->value), is_hidden(l, o, key));
}

/* The one that counts: of two spellings the later. */
static const struct trb_pair *given(const struct listing *l, const struct trb_option *o)
{
    const struct trb_pair *last = NULL;
    for (uint32_t i = 0; i < l->shown->properties.count; i++) {
        const struct trb_pair *p = trb_pair_at(&l->shown->properties, i);
        if (option_find(l->component, slice_name(p->key)) == o && option_takes(o, slice_name(p->value)))
            last = p;
    }
    return last;
}

static void write_option(struct listing *l, const struct trb_option *o)
{
    const struct trb_pair *p = given(l, o);
    if (p)
        write_given(l, o, p);
    else if (o->fallback)
        write_row(l, slice_of(o->name), o, "default", slice_of(o->fallback), o->sensitive);
    else
        write_row(l, slice_of(o->name), o, "none", (struct trb_slice){0}, false);
}

void options_write(const struct trb_component *c, const struct options_shown *shown, struct text *json)
{
    struct listing l = {.component = c, .shown = shown, .json = json};
    text_addc(json, '[');
    for (size_t i = 0; i < c->option_count; i++)
        if (option_at(c, i)->type != TRB_OPTION_OPEN)
            write_option(&l, option_at(c, i));
    for (uint32_t i = 0; i < shown->properties.count; i++) {
        const struct trb_pair *p = trb_pair_at(&shown->properties, i);
        const struct trb_option *o = option_find(c, slice_name(p->key));
        if (!o || o->type == TRB_OPTION_OPEN)
            write_given(&l, o, p);
    }
    text_addc(json, ']');
}
