/* resiliency: timeouts, retries, circuit breakers and what they are for, validated, with defaults
 * filled in. Merging several resources, built-in names and running them is policy's work. */
#ifndef CONFIG_RESILIENCY_H
#define CONFIG_RESILIENCY_H

#include <config/resource.h>

struct code_range {
    uint32_t first, last;
};

struct code_ranges {                                   /* count 0: every code matches */
    struct code_range *at;
    uint32_t count;
};

struct resiliency_timeout {
    struct trb_name name;
    int64_t ns;
};

struct resiliency_retry {
    struct trb_name name;
    bool is_exponential;
    int64_t duration_ns, max_interval_ns;              /* 5 s, 60 s */
    int64_t max_retries;                               /* -1: endless */
    struct code_ranges http, grpc;
};

struct resiliency_breaker {
    struct trb_name name;
    uint32_t max_requests;                             /* 1 */
    int64_t interval_ns, timeout_ns;                   /* 0 (never), 60 s */
    struct trb_name trip;                              /* CEL; absent: consecutiveFailures > 5 */
};

#define TARGET_APP 0u
#define TARGET_ACTOR 1u
#define TARGET_COMPONENT_INBOUND 2u
#define TARGET_COMPONENT_OUTBOUND 3u

#define BREAKER_SCOPE_NONE 0u
#define BREAKER_SCOPE_TYPE 1u
#define BREAKER_SCOPE_ID 2u
#define BREAKER_SCOPE_BOTH 3u

struct resiliency_target {                             /* being here switches the default policies off */
    uint32_t of;
    struct trb_name name;
    struct trb_name timeout, retry, breaker;           /* names; absent: none */
    uint32_t breaker_scope, breaker_cache;             /* cache: 100 for apps, 5000 for actors */
};

struct resiliency {
    struct resource head;
    struct resiliency_timeout *timeouts;
    struct resiliency_retry *retries;
    struct resiliency_breaker *breakers;
    struct resiliency_target *targets;
    uint32_t timeout_count, retry_count, breaker_count, target_count;
    /* "Could not read resiliency policy rr: …": what stands before the fault is in use. absent: none */
    struct trb_name fault;
};

static inline struct resiliency *resiliency_of(struct resource *r)
{
    return r && r->kind == RESOURCE_RESILIENCY ? (struct resiliency *)(void *)r : NULL;
}

bool code_ranges_match(const struct code_ranges *, uint32_t code);

#endif
