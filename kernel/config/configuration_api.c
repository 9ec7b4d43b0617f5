/* configuration_api: which parts of the API are there: spec.api, for routes and for gRPC methods. The
 * two do not touch each other. */
#include <config/configuration_read.h>

static struct configuration_api_rule *read_rules(struct reader *r, struct yaml_node *api, const char *path,
                                                 uint32_t *ret_count)
{
    struct yaml_node *list = reader_list(r, api, path);
    struct configuration_api_rule *rules = reader_room(r, list, struct configuration_api_rule);
    for (uint32_t i = 0; i < field_count(list); i++) {
        struct yaml_node *item = field_item(&r->fields, list, i, path);
        rules[i] = (struct configuration_api_rule){
            .name = field_or_empty(reader_text(r, item, "spec.api.name")),
            .version = field_or_empty(reader_text(r, item, "spec.api.version")),
            .protocol = field_or_empty(reader_text(r, item, "spec.api.protocol"))};
    }
    *ret_count = field_count(list);
    return rules;
}

void read_api(struct reader *r, struct yaml_node *spec)
{
    struct yaml_node *api = reader_mapping(r, spec, "spec.api");
    r->c->allowed = read_rules(r, api, "spec.api.allowed", &r->c->allowed_count);
    r->c->denied = read_rules(r, api, "spec.api.denied", &r->c->denied_count);
}

static bool is_http(const struct configuration_api_rule *rule)
{
    return !rule->protocol.len || slice_is_nocase(slice_name(rule->protocol), SLICE("http"));
}

static bool is_grpc(const struct configuration_api_rule *rule)
{
    return slice_is(slice_name(rule->protocol), SLICE("grpc"));
}

/* --- routes ------------------------------------------------------------------------------------- */

/* v1 for v1.0, v1alpha1 for v1.0-alpha1: how rules name the version a path begins with. */
static bool is_version_of(struct trb_slice version, struct trb_slice in_path)
{
    if (!slice_starts(in_path, SLICE("v1.0")) || !slice_starts(version, SLICE("v1")))
        return false;
    struct trb_slice stage = slice_skip(in_path, 4);
    if (stage.len && stage.at[0] == '-')
        stage = slice_skip(stage, 1);
    return slice_is(stage, slice_skip(version, 2));
}

/* The older spelling: the rule's version and name are how the path begins. */
static bool begins_with(struct trb_slice path, const struct configuration_api_rule *rule)
{
    struct trb_slice version = slice_name(rule->version);
    if (!slice_starts(path, version))
        return false;
    path = slice_skip(path, version.len);
    return path.len && path.at[0] == '/' && slice_starts(slice_skip(path, 1), slice_name(rule->name));
}

static bool covers(const struct configuration_api_rule *rule, struct trb_slice path, struct trb_slice group)
{
    struct trb_slice rest = path, in_path = slice_split(&rest, '/');
    if (!rule->version.len)
        return false;
    return (slice_is(slice_name(rule->name), group) && is_version_of(slice_name(rule->version), in_path)) ||
           begins_with(path, rule);
}

static bool any_covers(const struct configuration_api_rule *rules, uint32_t count, struct trb_slice path,
                       struct trb_slice group, bool *ret_any)
{
    *ret_any = false;
    for (uint32_t i = 0; i < count; i++) {
        if (!is_http(&rules[i]))
            continue;
        *ret_any = true;
        if (covers(&rules[i], path, group))
            return true;
    }
    return false;
}

bool configuration_allows_route(const struct configuration *c, const char *path, const char *group)
{
    bool any;
    struct trb_slice at = slice_of(path), of = slice_of(group);
    if (slice_is(of, SLICE("healthz")))
        return true;
    if (any_covers(c->denied, c->denied_count, at, of, &any))
        return false;
    return any_covers(c->allowed, c->allowed_count, at, of, &any) || !any;
}

/* --- gRPC --------------------------------------------------------------------------------------- */

static bool lists(const struct configuration_api_rule *rules, uint32_t count, struct trb_slice name,
                  bool *ret_any)
{
    *ret_any = false;
    for (uint32_t i = 0; i < count; i++) {
        struct trb_slice of = slice_name(rules[i].name), version = slice_name(rules[i].version);
        if (!is_grpc(&rules[i]))
            continue;
        *ret_any = true;
        if (name.len == of.len + 1 + version.len && slice_starts(name, of) && name.at[of.len] == '.' &&
            slice_ends(name, version))
            return true;
    }
    return false;
}

bool configuration_restricts_grpc(const struct configuration *c)
{
    bool allowed, denied;
    lists(c->allowed, c->allowed_count, SLICE(""), &allowed);
    lists(c->denied, c->denied_count, SLICE(""), &denied);
    return allowed || denied;
}

bool configuration_allows_grpc(const struct configuration *c, const char *list_name)
{
    bool any;
    if (lists(c->denied, c->denied_count, slice_of(list_name), &any))
        return false;
    return lists(c->allowed, c->allowed_count, slice_of(list_name), &any) || !any;
}
