/* workflow_policy: a WorkflowAccessPolicy: who may do what with which workflows. Matching is the
 * workflow block's work; the document is validated here. */
#ifndef CONFIG_WORKFLOW_POLICY_H
#define CONFIG_WORKFLOW_POLICY_H

#include <config/resource.h>

struct workflow_policy {
    struct resource head;
    uint32_t rule_count;
    struct trb_name fault;                             /* failed validation, skipping: …; absent: none */
};

static inline struct workflow_policy *workflow_policy_of(struct resource *r)
{
    return r && r->kind == RESOURCE_WORKFLOW_POLICY ? (struct workflow_policy *)(void *)r : NULL;
}

#endif
