/* configuration_access: who may call the app: the list as data. Deciding a call is not done here. */
#include <config/configuration_read.h>

static uint32_t action_of(struct trb_name text)
{
    return slice_is_nocase(slice_name(text), SLICE("allow")) ? ACCESS_ALLOW : ACCESS_DENY;
}

static void read_operations(struct reader *r, struct yaml_node *item, struct access_policy *policy)
{
    static const char path[] = "spec.accessControl.policies.operations";
    struct yaml_node *list = reader_list(r, item, path);
    policy->operations = reader_room(r, list, struct access_operation);
    policy->operation_count = field_count(list);
    for (uint32_t i = 0; i < policy->operation_count; i++) {
        struct yaml_node *operation = field_item(&r->fields, list, i, path);
        policy->operations[i] = (struct access_operation){
            .name = field_or_empty(reader_text(r, operation, "operations.name")),
            .verbs = reader_texts(r, operation, "spec.accessControl.policies.operations.httpVerb"),
            .action = action_of(reader_text(r, operation, "operations.action"))};
    }
}

static void read_policy(struct reader *r, struct yaml_node *item, struct access_policy *ret_policy)
{
    struct trb_name action = reader_text(r, item, "policies.defaultAction");
    *ret_policy = (struct access_policy){
        .app_id = field_or_empty(reader_text(r, item, "policies.appId")),
        .trust_domain = field_or_empty(reader_text(r, item, "policies.trustDomain")),
        .namespace_ = field_or_empty(reader_text(r, item, "policies.namespace")),
        .default_action = action.len ? action_of(action) : ACCESS_UNSET};
    read_operations(r, item, ret_policy);
}

struct missing {
    struct text domains, namespaces;
    bool name;
};

static void note(struct text *list, struct trb_name app)
{
    text_adds(list, list->len ? " " : "");
    text_add(list, slice_name(app));
}

static trb_code refuse(const struct missing *m, struct trb_error *err)
{
    return error_set(err, TRB_INVALID, "CONFIGURATION",
                     "invalid access control spec. missing trustdomain for apps: [%.*s], missing namespace for "
                     "apps: [%.*s], missing app name on at least one of the app policies: %s",
                     SLICE_ARG(text_slice(&m->domains)), SLICE_ARG(text_slice(&m->namespaces)),
                     m->name ? "true" : "false");
}

static trb_code check_policies(const struct access_control *a, struct trb_error *err)
{
    struct missing m = {0};
    bool good = true;
    for (uint32_t i = 0; i < a->policy_count; i++) {
        const struct access_policy *p = &a->policies[i];
        m.name |= !p->app_id.len;
        if (!p->trust_domain.len)
            note(&m.domains, p->app_id);
        if (!p->namespace_.len)
            note(&m.namespaces, p->app_id);
        good = good && p->app_id.len && p->trust_domain.len && p->namespace_.len;
    }
    trb_code code = good ? TRB_OK : refuse(&m, err);
    text_fini(&m.domains);
    text_fini(&m.namespaces);
    return code;
}

/* A default that is not written is inherited: allow. Written and empty it is unset, which denies as
 * soon as there are policies. */
static void settle_default(struct access_control *a, struct trb_name action)
{
    a->is_default_implied = action.at && !action.len && a->policy_count;
    if (!action.at || (!action.len && !a->policy_count))
        a->default_action = ACCESS_ALLOW;
    else
        a->default_action = action_of(action);
}

trb_code read_access(struct reader *r, struct yaml_node *spec, struct trb_error *err)
{
    static const char path[] = "spec.accessControl.policies";
    struct access_control *a = &r->c->access;
    struct yaml_node *access = reader_mapping(r, spec, "spec.accessControl");
    struct yaml_node *list = reader_list(r, access, path);
    struct trb_name action = reader_text(r, access, "spec.accessControl.defaultAction");
    struct trb_name domain = reader_text(r, access, "spec.accessControl.trustDomain");
    a->policies = reader_room(r, list, struct access_policy);
    a->policy_count = field_count(list);
    for (uint32_t i = 0; i < a->policy_count; i++)
        read_policy(r, field_item(&r->fields, list, i, path), &a->policies[i]);
    a->is_present = access && (a->policy_count || !action.at || action.len || !domain.at || domain.len);
    a->trust_domain = domain.len ? domain : NAME("public");
    settle_default(a, action);
    return r->fields.fault.at ? TRB_OK : check_policies(a, err);
}
