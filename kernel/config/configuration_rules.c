/* configuration_rules: what is switched on, scoped and denied: features, secrets, components. */
#include <base/map.h>
#include <config/configuration_read.h>

static bool contains(const struct configuration_names *names, struct trb_slice name)
{
    for (uint32_t i = 0; i < names->count; i++)
        if (slice_is(slice_name(names->at[i]), name))
            return true;
    return false;
}

/* --- features --------------------------------------------------------------------------------- */

static const char *const default_features[] = {"HotReload", "WorkflowsRemoteActivityReminder"};

static void add_feature(struct configuration_names *features, struct trb_name name)
{
    if (name.len && !contains(features, slice_name(name)))
        features->at[features->count++] = name;
}

void read_features(struct reader *r, struct yaml_node *spec)
{
    static const char path[] = "spec.features";
    struct yaml_node *list = reader_list(r, spec, path);
    struct configuration_names *features = &r->c->features, mentioned = {0};
    features->at = arena_zero(r->fields.arena, (field_count(list) + 2) * sizeof features->at[0]);
    mentioned.at = reader_room(r, list, struct trb_name);
    for (uint32_t i = 0; i < field_count(list); i++) {
        struct yaml_node *item = field_item(&r->fields, list, i, path);
        struct trb_name name = field_or_empty(reader_text(r, item, "spec.features.name"));
        mentioned.at[mentioned.count++] = name;
        if (reader_bool(r, item, "spec.features.enabled", false))
            add_feature(features, name);
    }
    for (int i = 0; i < 2; i++)
        if (!contains(&mentioned, slice_of(default_features[i])))
            add_feature(features, name_of(default_features[i]));
}

bool configuration_has_feature(const struct configuration *c, const char *name)
{
    return contains(&c->features, slice_of(name));
}

void configuration_features_json(const struct configuration *c, struct text *t)
{
    text_addc(t, '[');
    for (uint32_t i = 0; i < c->features.count; i++) {
        text_adds(t, i ? "," : "");
        text_add_json(t, slice_name(c->features.at[i]), true);
    }
    text_addc(t, ']');
}

/* --- secrets ---------------------------------------------------------------------------------- */

static bool has_scope(const struct configuration *c, struct trb_slice store)
{
    for (uint32_t i = 0; i < c->scope_count; i++)
        if (slice_is(slice_name(c->scopes[i].store), store))
            return true;
    return false;
}

/* Checked here, and texts in the spec from here on; what they mean is the block's to know. */
static void read_names(struct reader *r, struct yaml_node *item)
{
    reader_texts(r, item, "spec.secrets.scopes.allowedSecrets");
    reader_texts(r, item, "spec.secrets.scopes.deniedSecrets");
}

static trb_code read_scope(struct reader *r, struct yaml_node *item, struct trb_error *err)
{
    struct configuration *c = r->c;
    struct trb_name store = field_or_empty(reader_text(r, item, "spec.secrets.scopes.storeName"));
    struct trb_name access = reader_text_or(r, item, "spec.secrets.scopes.defaultAccess", NAME("allow"));
    if (has_scope(c, slice_name(store)))
        return error_set(err, TRB_INVALID, "CONFIGURATION",
                         CONFIGURATION_PREFIX "%s storeName is repeated in secrets configuration", store.at);
    if (!slice_is_nocase(slice_name(access), SLICE("deny")) && !slice_is_nocase(slice_name(access), SLICE("allow")))
        return error_set(err, TRB_INVALID, "CONFIGURATION",
                         CONFIGURATION_PREFIX "defaultAccess %s can be either allow or deny", access.at);
    read_names(r, item);
    c->scopes[c->scope_count++] = (struct configuration_secret_scope){store};
    return TRB_OK;
}

trb_code read_scopes(struct reader *r, struct yaml_node *spec, struct trb_error *err)
{
    static const char path[] = "spec.secrets.scopes";
    struct yaml_node *list = reader_list(r, reader_mapping(r, spec, "spec.secrets"), path);
    trb_code code = TRB_OK;
    r->c->scopes = reader_room(r, list, struct configuration_secret_scope);
    for (uint32_t i = 0; i < field_count(list) && !code; i++)
        code = read_scope(r, field_item(&r->fields, list, i, path), err);
    return code;
}

/* --- components ------------------------------------------------------------------------------- */

bool configuration_denies_component(const struct configuration *c, struct trb_slice type,
                                    struct trb_slice version)
{
    if (!c->denied_components.count)
        return false;
    if (!type.len || !version.len)
        return true;
    for (uint32_t i = 0; i < c->denied_components.count; i++) {
        struct trb_slice entry = slice_name(c->denied_components.at[i]);
        bool has_type = slice_starts(entry, type);
        struct trb_slice rest = slice_skip(entry, type.len);
        if (has_type && (!rest.len || (rest.at[0] == '/' && slice_is(slice_skip(rest, 1), version))))
            return true;
    }
    return false;
}
