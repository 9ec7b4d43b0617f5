/* workflow_policy_test: which WorkflowAccessPolicies can be followed. */
#include <kernel/config/workflow_policy.c>
#include <tests/unit/kernel/config/resource_fixture.h>

#define HEAD "apiVersion: dapr.io/v1alpha1\nkind: WorkflowAccessPolicy\nmetadata:\n  name: w\n"

static struct workflow_policy *parse(struct fixture *f, const char *spec)
{
    struct text t = {0};
    fixture_begin(f);
    text_addf(&t, HEAD "%s", spec);
    fixture_parse(f, t.at);
    text_fini(&t);
    assert_string_equal(f->warnings.at, "");
    return workflow_policy_of(fixture_only(f, RESOURCE_WORKFLOW_POLICY));
}

static void a_good_policy_has_rules_and_unknown_fields_are_nothing(void **state)
{
    struct fixture f;
    struct workflow_policy *w = parse(&f, "spec:\n  defaultAction: deny\n  rules:\n"
                                          "  - {callers: [{appID: a}], action: allow, workflows: [{name: 'x*', operations: [schedule, get]}]}\n"
                                          "  - {callers: [{appID: b}], activities: [{name: y}]}\n");
    assert_null(w->fault.at);
    assert_int_equal(w->rule_count, 2);
    fixture_end(&f);
}

static void faults_say_what_and_where(void **state)
{
    static const struct { const char *rule, *said; } cases[] = {
        {"callers: [{appID: a}]", "f.yaml:7: at least one of workflows or activities must contain a rule"},
        {"callers: [], activities: [{name: x}]", "f.yaml:7: spec.rules.callers must name at least one caller"},
        {"activities: [{name: x}]", "f.yaml:7: spec.rules.callers must name at least one caller"},
        {"callers: [{}], activities: [{name: x}]", "f.yaml:7: spec.rules.callers.appID is required"},
        {"callers: [{appID: a}], activities: [{}]", "f.yaml:7: spec.rules.activities.name is required"},
        {"callers: [{appID: a}], workflows: [{name: x}]",
         "f.yaml:7: spec.rules.workflows.operations must name at least one operation"},
        {"callers: [{appID: a}], workflows: [{name: x, operations: [fly]}]",
         "f.yaml:7: spec.rules.workflows.operations must be schedule, terminate, raise, pause, resume, purge, get or rerun, not \"fly\""},
        {"callers: [{appID: a}], workflows: [{name: x, operations: [get, get]}]",
         "f.yaml:7: spec.rules.workflows.operations names \"get\" twice"},
        {"callers: b", "f.yaml:7: spec.rules.callers must be a list, not \"b\""},
    };
    for (uint32_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct fixture f;
        char spec[256], whole[256];
        snprintf(spec, sizeof spec, "spec:\n  rules:\n  - {%s}\n", cases[i].rule);
        struct workflow_policy *w = parse(&f, spec);
        snprintf(whole, sizeof whole, "WorkflowAccessPolicy \"w\" failed validation, skipping: %s", cases[i].said);
        assert_non_null(w->fault.at);
        assert_string_equal(w->fault.at, whole);
        fixture_end(&f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_good_policy_has_rules_and_unknown_fields_are_nothing),
        cmocka_unit_test(faults_say_what_and_where),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
