/* component: one counter and one histogram per component, operation and outcome, found again without
 * a lock by a small per-thread cache. */
#include <base/mem.h>
#include <base/slice.h>
#include <observe/component.h>
#include <observe/metrics.h>
#include <stdio.h>

static char app_id[256], namespace_[256];

void observe_identity(struct trb_slice app, struct trb_slice ns)
{
    snprintf(app_id, sizeof app_id, "%.*s", SLICE_ARG(app));
    snprintf(namespace_, sizeof namespace_, "%.*s", SLICE_ARG(ns));
}

static const struct {
    const char *block, *verb, *operation;
} operations[] = {
    {"state", "get", "get"}, {"state", "set", "set"}, {"state", "remove", "delete"},
    {"state", "bulk_get", "bulk_get"}, {"state", "bulk_set", "set"}, {"state", "bulk_remove", "bulk_delete"},
    {"state", "transact", "transaction"}, {"state", "query", "query"},
    {"secretstores", "get", "get"}, {"secretstores", "bulk", "bulk_get"},
    {"configuration", "get", "get"},
};

static const struct {
    const char *block, *count, *latency;
} metrics[] = {
    {"state", "dapr_component_state_count", "dapr_component_state_latencies"},
    {"secretstores", "dapr_component_secret_count", "dapr_component_secret_latencies"},
    {"configuration", "dapr_component_configuration_count", "dapr_component_configuration_latencies"},
    {"crypto", "dapr_component_crypto_count", "dapr_component_crypto_latencies"},
};

static const char *operation_of(const char *block, const char *verb)
{
    for (size_t i = 0; i < sizeof operations / sizeof operations[0]; i++)
        if (!strcmp(operations[i].block, block) && !strcmp(operations[i].verb, verb))
            return operations[i].operation;
    return strcmp(block, "crypto") ? NULL : "crypto_op";
}

struct cached {                            /* by text: a plugin's may be unmapped, and others come to its place */
    char verb[24], name[64];
    bool success;
    struct trb_metric *count, *latency;
};

static void look_up(struct cached *c, const char *block, const char *operation, bool success)
{
    size_t which = 0;
    while (strcmp(metrics[which].block, block))        /* one of them: it has operations */
        which++;
    struct trb_pair pairs[] = {{NAME("app_id"), name_of(app_id)},
                               {NAME("component"), name_of(c->name)},
                               {NAME("namespace"), name_of(namespace_)},
                               {NAME("operation"), name_of(operation)},
                               {NAME("success"), success ? NAME("true") : NAME("false")}};
    struct trb_pairs labels = {pairs, 5, sizeof pairs[0]};
    c->count = metric_get(metrics[which].count, &labels);
    c->latency = metric_get(metrics[which].latency, &labels);
}

void observe_component(const char *name, const char *block, const char *verb, bool success, uint64_t ns)
{
    static _Thread_local struct cached cache[16];
    struct cached *c = &cache[((uintptr_t)verb ^ (uintptr_t)verb >> 7 ^ (uintptr_t)success) & 15];
    if (c->success != success || strcmp(c->verb, verb) || strcmp(c->name, name)) {
        const char *operation = operation_of(block, verb);
        if (!operation)
            return;
        snprintf(c->name, sizeof c->name, "%s", name);
        look_up(c, block, operation, success);
        snprintf(c->verb, sizeof c->verb, "%s", verb);
        c->success = success;
    }
    metric_add(c->count, 1);
    metric_add(c->latency, (double)ns / 1e6);
}
