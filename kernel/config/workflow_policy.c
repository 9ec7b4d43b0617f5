/* workflow_policy: is a WorkflowAccessPolicy one that can be followed? The first fault is said, and where. */
#include <base/slice.h>
#include <config/resource_kinds.h>
#include <config/workflow_policy.h>

static void check_callers(struct fields *f, const struct yaml_node *rule)
{
    static const char path[] = "spec.rules.callers";
    struct yaml_node *callers = field_list(f, rule, path);
    if (!field_count(callers))
        field_refuse(f, rule, "%s must name at least one caller", path);
    for (uint32_t i = 0; i < field_count(callers) && !f->fault.at; i++) {
        struct yaml_node *caller = field_item(f, callers, i, path);
        if (!field_text(f, caller, "spec.rules.callers.appID").len)
            field_refuse(f, callers->items[i], "%s.appID is required", path);
    }
}

static bool is_operation(struct trb_name text)
{
    static const char *const words[] = {"schedule", "terminate", "raise", "pause",
                                        "resume",   "purge",     "get",   "rerun"};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (slice_is(slice_name(text), slice_of(words[i])))
            return true;
    return false;
}

static bool is_among(struct trb_name text, const struct trb_name *names, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        if (slice_is(slice_name(text), slice_name(names[i])))
            return true;
    return false;
}

static void check_operations(struct fields *f, const struct yaml_node *workflow)
{
    static const char path[] = "spec.rules.workflows.operations";
    uint32_t count = 0;
    struct trb_name *operations = field_texts(f, workflow, path, &count);
    if (!count)
        field_refuse(f, workflow, "%s must name at least one operation", path);
    for (uint32_t i = 0; i < count && !f->fault.at; i++)
        if (!is_operation(operations[i]))
            field_refuse(f, workflow,
                         "%s must be schedule, terminate, raise, pause, resume, purge, get or rerun, "
                         "not \"%s\"",
                         path, operations[i].at);
        else if (is_among(operations[i], operations, i))
            field_refuse(f, workflow, "%s names \"%s\" twice", path, operations[i].at);
}

static void check_names(struct fields *f, const struct yaml_node *list, const char *path, bool has_operations)
{
    for (uint32_t i = 0; i < field_count(list) && !f->fault.at; i++) {
        struct yaml_node *item = field_item(f, list, i, path);
        if (!field_text(f, item, "name").len)
            field_refuse(f, list->items[i], "%s.name is required", path);
        if (has_operations && item)
            check_operations(f, item);
    }
}

static void check_rule(struct fields *f, const struct yaml_node *rule)
{
    struct yaml_node *workflows = field_list(f, rule, "spec.rules.workflows");
    struct yaml_node *activities = field_list(f, rule, "spec.rules.activities");
    check_callers(f, rule);
    if (!field_count(workflows) && !field_count(activities))
        field_refuse(f, rule, "at least one of workflows or activities must contain a rule");
    check_names(f, workflows, "spec.rules.workflows", true);
    check_names(f, activities, "spec.rules.activities", false);
}

void workflow_policy_read(struct fields *f, struct resource *r, const struct resource_query *q)
{
    struct workflow_policy *w = workflow_policy_of(r);
    if (f->fault.at)
        return;
    struct yaml_node *rules = field_list(f, field_mapping(f, r->root, "spec"), "spec.rules");
    for (uint32_t i = 0; i < field_count(rules) && !f->fault.at; i++) {
        struct yaml_node *rule = field_item(f, rules, i, "spec.rules");
        if (rule)
            check_rule(f, rule);
    }
    w->rule_count = field_count(rules);
    if (!f->fault.at)
        return;
    w->fault = arena_printf(f->arena, "WorkflowAccessPolicy \"%s\" failed validation, skipping: %s", r->name.at,
                            f->fault.at);
    f->fault = (struct trb_name){0};
}
