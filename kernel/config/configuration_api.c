/* configuration_api: which parts of the API are there: spec.api as data. The doors decide by it. */
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
