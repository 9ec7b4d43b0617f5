/* Any bytes as YAML: no fault, limits hold, and the JSON of what was read is JSON. */
#include <base/check.h>
#include <base/json.h>
#include <base/slice.h>
#include <config/yaml.h>
#include <stdlib.h>
#include <string.h>

static void check_json(const struct yaml_node *root)
{
    struct text json = {0};
    struct json_value value;
    struct json_fault fault;
    yaml_to_json(root, &json);
    check(json_parse(text_slice(&json), &value, &fault));
    text_fini(&json);
}

static void check_limits(const struct yaml_node *node, const struct yaml_node *parent)
{
    check(node->weight <= YAML_MAX_WEIGHT && node->height <= YAML_MAX_DEPTH);
    check(!parent || node->height < parent->height);
    check(node->place.line && node->place.column);
    for (uint32_t i = 0; node->kind == YAML_SEQUENCE && i < node->count; i++)
        check_limits(node->items[i], node);
    for (uint32_t i = 0; node->kind == YAML_MAPPING && i < node->count; i++)
        check_limits(node->pairs[i].value, node);
}

static void ask(struct arena *arena, const struct yaml_node *root)
{
    int64_t number;
    double real;
    bool truth;
    yaml_value(arena, root);
    yaml_text(arena, root);
    yaml_int(root, &number);
    yaml_number(root, &real);
    yaml_bool(root, &truth);
    yaml_path(root, "spec.metadata");
    yaml_get_nocase(root, "kind");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_create(SIZE_MAX);
    struct yaml_node *root = NULL;
    struct yaml_fault fault = {0};
    if (yaml_parse(arena, "f.yaml", 1, slice_from((const char *)data, size), &root, &fault)) {
        check(fault.what[0]);
        check(yaml_fault_text(arena, &fault).len > 6);
    } else if (root) {
        check_limits(root, NULL);
        check_json(root);
        ask(arena, root);
        struct yaml_node *both = yaml_merge(arena, root, root);
        check_json(both);
    }
    arena_destroy(arena);
    return 0;
}
