/* subscription: a declarative Subscription, v1alpha1 and v2alpha1 in one form. CEL is not looked at. */
#ifndef CONFIG_SUBSCRIPTION_H
#define CONFIG_SUBSCRIPTION_H

#include <config/resource.h>

struct subscription_rule {
    struct trb_name match, path;                       /* match empty: always */
};

struct subscription {
    struct resource head;
    struct trb_name pubsub, topic, dead_letter_topic;  /* dead letter: absent: none */
    struct subscription_rule *rules;                   /* routes.default is the last, unconditional */
    uint32_t rule_count;
    struct trb_pairs metadata;
    bool bulk;
    int64_t bulk_max_messages, bulk_max_await_ms;      /* 0: the broker's choice */
};

static inline struct subscription *subscription_of(struct resource *r)
{
    return r && r->kind == RESOURCE_SUBSCRIPTION ? (struct subscription *)(void *)r : NULL;
}

#endif
