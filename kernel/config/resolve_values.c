/* resolve_values: {uuid} {podName} {namespace} {appID}, in this order; then the fallbacks. */
#include <base/codec.h>
#include <base/error.h>
#include <base/map.h>
#include <base/mem.h>
#include <base/slice.h>
#include <config/resolve_values.h>

static void wipe(void *arg)
{
    const struct trb_name *value = arg;
    mem_wipe((char *)(uintptr_t)value->at, value->len);
}

struct trb_name value_keep(struct arena *arena, struct trb_slice value, bool is_secret)
{
    struct trb_name copy = arena_name(arena, value);
    if (is_secret) {
        struct trb_name *note = arena_alloc(arena, sizeof *note);
        *note = copy;
        arena_link(arena, wipe, note);
    }
    return copy;
}

/* ----------------------------------------------------------------------------------- templates */
struct filling {
    struct component *component;
    const struct resolve_context *context;
    struct trb_name namespace_app;             /* <namespace>.<appID> */
    struct trb_pair *pairs;
    const char **places;
    uint32_t count;
    struct map names;                          /* to pairs */
};

/* Every tag in from becomes with; absent: a fresh UUID each. */
static void replace(struct text *from, struct trb_slice tag, struct trb_slice with)
{
    struct text to = {0};
    struct trb_slice rest = text_slice(from);
    char uuid[UUID_TEXT];
    const char *at;
    if (!slice_contains(rest, tag))
        return;
    while ((at = rest.len ? memmem(rest.at, rest.len, tag.at, tag.len) : NULL)) {
        if (!with.at)
            uuid_v4(uuid);
        text_add(&to, slice_cut(rest, (size_t)(at - rest.at)));
        text_add(&to, with.at ? with : slice_of(uuid));
        rest = slice_skip(rest, (size_t)(at - rest.at) + tag.len);
    }
    text_add(&to, rest);
    mem_wipe(from->at, from->len);
    text_fini(from);
    *from = to;
}

static trb_code fill_tags(struct filling *f, const struct property *p, struct text *value,
                          struct trb_error *err)
{
    struct trb_name pod = f->context->environment->pod_name;
    replace(value, SLICE("{uuid}"), (struct trb_slice){0});
    if (slice_contains(text_slice(value), SLICE("{podName}")) && !pod.len)
        return error_set(err, TRB_INVALID, "TEMPLATE",
                         "failed to parse metadata: property %s refers to {podName} but podName is not set",
                         p->name.at);
    replace(value, SLICE("{podName}"), slice_name(pod));
    replace(value, SLICE("{namespace}"), slice_name(f->namespace_app));
    replace(value, SLICE("{appID}"), slice_name(f->context->app_id));
    return TRB_OK;
}

/* --------------------------------------------------------------------------------------- pairs */
static void put(struct filling *f, struct trb_name name, struct trb_name value, const char *place)
{
    struct trb_pair *pair = map_get(&f->names, slice_name(name));
    if (!pair)
        map_set(&f->names, slice_name(name), pair = &f->pairs[f->count++]);
    *pair = (struct trb_pair){name, value};
    f->places[pair - f->pairs] = place;
}

static trb_code put_property(struct filling *f, const struct property *p, struct trb_error *err)
{
    struct arena *values = f->component->head.values;
    struct text text = {0};
    text_add(&text, slice_name(p->value));
    trb_code code = fill_tags(f, p, &text, err);
    if (code == TRB_OK)
        put(f, p->name, value_keep(values, text_slice(&text), p->is_secret),
            yaml_place_text(values, p->place));
    mem_wipe(text.at, text.len);
    text_fini(&text);
    return code;
}

static void put_own(struct filling *f, const char *name, struct trb_slice value)
{
    struct component *c = f->component;
    const struct trb_pair *old = map_get(&f->names, slice_of(name));
    const char *place = old ? f->places[old - f->pairs] : yaml_place_text(c->head.values, c->head.place);
    put(f, name_of(name), arena_name(c->head.values, value), place);
}

/* Who consumes: the app, unless the document says another name. */
static void put_consumer(struct filling *f)
{
    const struct trb_pair *pair = map_get(&f->names, SLICE("consumerID"));
    struct trb_slice id = pair ? slice_trim(slice_name(pair->value)) : (struct trb_slice){0};
    put_own(f, "consumerID", id.len ? id : slice_name(f->context->app_id));
}

static bool is_wasm(const struct component *c)
{
    return slice_is(slice_name(c->plugin), SLICE("bindings.wasm")) ||
           slice_is(slice_name(c->plugin), SLICE("middleware.http.wasm"));
}

/* A sandbox that has to be strict is so, however its property is spelled. */
static void put_sandbox(struct filling *f)
{
    bool is_written = false;
    for (uint32_t i = 0; i < f->count; i++)
        if (slice_is_nocase(slice_name(f->pairs[i].key), SLICE("strictSandbox"))) {
            f->pairs[i].value = name_of("true");
            is_written = true;
        }
    if (!is_written)
        put_own(f, "strictSandbox", SLICE("true"));
}

static trb_code fill(struct filling *f, struct trb_error *err)
{
    struct component *c = f->component;
    trb_code code = TRB_OK;
    for (uint32_t i = 0; i < c->head.property_count && code == TRB_OK; i++)
        if (c->head.properties[i].name.len)
            code = put_property(f, &c->head.properties[i], err);
    if (code != TRB_OK)
        return code;
    if (slice_is(slice_name(c->block), SLICE("pubsub")))
        put_consumer(f);
    if (is_wasm(c) && f->context->strict_sandbox)
        put_sandbox(f);
    c->resolved = (struct trb_pairs){f->pairs, f->count, sizeof(struct trb_pair)};
    c->places = f->places;
    return TRB_OK;
}

trb_code component_fill(struct component *c, const struct resolve_context *context, struct trb_error *err)
{
    struct arena *values = c->head.values;
    size_t room = c->head.property_count + 2u;
    struct filling f = {.component = c, .context = context,
                        .pairs = arena_zero(values, room * sizeof(struct trb_pair)),
                        .places = arena_zero(values, room * sizeof(char *)),
                        .namespace_app = arena_printf(values, "%s.%s",
                                                      environment_namespace(context->environment).at,
                                                      context->app_id.at)};
    for (uint32_t i = 0; i < c->head.property_count; i++)
        if (slice_contains(slice_name(c->head.properties[i].value), SLICE("{namespace}")))
            c->is_namespaced = true;
    trb_code code = fill(&f, err);
    map_fini(&f.names);
    return code;
}
