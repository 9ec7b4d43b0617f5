/* configuration_workflow: how many workflows and activities at once, and how long their state stays. */
#include <config/configuration_read.h>

static int64_t read_max(struct reader *r, struct yaml_node *parent, const char *path)
{
    int64_t max = reader_int(r, parent, path, 0);
    return max > 0 ? max : 0;
}

static struct workflow_limit *read_limits(struct reader *r, struct yaml_node *workflow, const char *path,
                                          uint32_t *ret_count)
{
    struct yaml_node *list = reader_list(r, workflow, path);
    struct workflow_limit *limits = reader_room(r, list, struct workflow_limit);
    for (uint32_t i = 0; i < field_count(list); i++) {
        struct yaml_node *item = field_item(&r->fields, list, i, path);
        limits[i].name = field_or_empty(reader_text(r, item, "spec.workflow.name"));
        limits[i].max = read_max(r, item, "spec.workflow.maxConcurrent");
    }
    *ret_count = field_count(list);
    return limits;
}

static void read_retention(struct reader *r, struct yaml_node *workflow)
{
    struct configuration *c = r->c;
    struct yaml_node *policy = reader_mapping(r, workflow, "spec.workflow.stateRetentionPolicy");
    c->retain_any_ns = reader_duration(r, policy, "spec.workflow.stateRetentionPolicy.anyTerminal", -1);
    c->retain_completed_ns = reader_duration(r, policy, "spec.workflow.stateRetentionPolicy.completed", -1);
    c->retain_failed_ns = reader_duration(r, policy, "spec.workflow.stateRetentionPolicy.failed", -1);
    c->retain_terminated_ns = reader_duration(r, policy, "spec.workflow.stateRetentionPolicy.terminated", -1);
}

void read_workflow(struct reader *r, struct yaml_node *spec)
{
    struct configuration *c = r->c;
    struct yaml_node *workflow = reader_mapping(r, spec, "spec.workflow");
    c->max_workflows = read_max(r, workflow, "spec.workflow.maxConcurrentWorkflowInvocations");
    c->max_activities = read_max(r, workflow, "spec.workflow.maxConcurrentActivityInvocations");
    c->global_max_workflows = read_max(r, workflow, "spec.workflow.globalMaxConcurrentWorkflowInvocations");
    c->global_max_activities = read_max(r, workflow, "spec.workflow.globalMaxConcurrentActivityInvocations");
    c->workflow_limits =
        read_limits(r, workflow, "spec.workflow.workflowConcurrencyLimits", &c->workflow_limit_count);
    c->activity_limits =
        read_limits(r, workflow, "spec.workflow.activityConcurrencyLimits", &c->activity_limit_count);
    read_retention(r, workflow);
}
