/* configuration: the merged spec of all --config files on top of the defaults. Constant once loaded;
 * readable from any thread. Parsing and checking only; what a key does is known where it is used. */
#ifndef CONFIG_CONFIGURATION_H
#define CONFIG_CONFIGURATION_H

#include <base/arena.h>
#include <base/text.h>
#include <config/environment.h>
#include <config/yaml.h>
#include <stdbool.h>
#include <stdint.h>

struct configuration_names {
    struct trb_name *at;
    uint32_t count;
};

struct configuration_handler {                         /* of a pipeline; version: "v1" unless said */
    struct trb_name name, type, version;
};
struct configuration_pipeline {
    struct configuration_handler *at;
    uint32_t count;
};

struct configuration_tracing {
    struct trb_name sampling_rate;                     /* as written; absent: unset */
    double rate;                                       /* 0.0001 when unset or not a number */
    bool to_stdout;
    struct trb_name zipkin_endpoint;                   /* absent: none */
    struct trb_name otel_protocol, otel_endpoint;
    bool otel_secure;
    struct trb_pairs otel_headers;
    uint64_t otel_timeout_ns;                          /* 10 s */
};

struct configuration_metric_label {
    struct trb_name name;
    struct trb_pairs regex;                            /* replacement: pattern */
};
struct configuration_metric_rule {
    struct trb_name name;
    struct configuration_metric_label *labels;
    uint32_t label_count;
};
struct configuration_metrics {                         /* "metrics" laid over "metric" */
    bool enabled, record_error_codes;
    int32_t increased_cardinality;                     /* -1: unset (counts as 1, with a warning) */
    bool exclude_verbs;
    struct configuration_names path_matching;
    int64_t *buckets;                                  /* ms */
    uint32_t bucket_count;                             /* never 0: the default list */
    struct configuration_metric_rule *rules;
    uint32_t rule_count;
};

struct configuration_secret_scope {                    /* what it allows is the block's to know */
    struct trb_name store;
};

struct configuration_api_rule {
    struct trb_name name, version, protocol;           /* as written; absent members are empty */
};

#define ACCESS_UNSET 0u
#define ACCESS_ALLOW 1u
#define ACCESS_DENY 2u

struct access_operation {
    struct trb_name name;
    struct configuration_names verbs;                  /* as written; "*" is any */
    uint32_t action;
};
struct access_policy {
    struct trb_name app_id, trust_domain, namespace_;
    uint32_t default_action;                           /* ACCESS_UNSET: the global one */
    struct access_operation *operations;
    uint32_t operation_count;
};
struct access_control {
    bool is_present;                                   /* false: no list, everything is allowed */
    uint32_t default_action;                           /* ACCESS_ALLOW or ACCESS_DENY */
    bool is_default_implied;                           /* warn: No global default action has been specified… */
    struct trb_name trust_domain;                      /* "public" unless said */
    struct access_policy *policies;
    uint32_t policy_count;
};

struct workflow_limit {
    struct trb_name name;
    int64_t max;
};

struct configuration {
    struct arena *arena;
    struct trb_name name;                              /* metadata.name of the last file that has one */
    struct configuration_pipeline http_pipeline, app_http_pipeline;
    struct configuration_tracing tracing;
    struct configuration_metrics metrics;
    bool api_logging, obfuscate_urls, omit_health_checks;
    struct configuration_api_rule *allowed, *denied;
    uint32_t allowed_count, denied_count;
    struct configuration_secret_scope *scopes;
    uint32_t scope_count;
    struct access_control access;
    struct trb_name resolver, resolver_version;        /* nameResolution.component; absent: the default */
    struct trb_slice resolver_configuration;           /* JSON; absent: none */
    struct trb_pairs resolver_properties;              /* its members, when it is a mapping */
    struct configuration_names features;               /* those that are on, defaults included, unknown kept */
    struct configuration_names denied_components;
    bool strict_sandbox;
    int64_t max_workflows, max_activities;             /* 0: no limit; per sidecar */
    int64_t global_max_workflows, global_max_activities;
    struct workflow_limit *workflow_limits, *activity_limits;
    uint32_t workflow_limit_count, activity_limit_count;
    int64_t retain_any_ns, retain_completed_ns, retain_failed_ns, retain_terminated_ns;   /* -1: unset */
    struct trb_slice spec;                             /* merged, as JSON: what blocks read */
};

/* Files in order, on top of the defaults; none: the defaults. The sentence has no prefix but its own:
 * "error loading configuration: stat F: no such file or directory", "… yaml: line 1: …",
 * "invalid access control spec. …", "failed to setup tracing: …". */
trb_code configuration_load(const struct trb_name *files, uint32_t count, const struct environment *,
                            struct configuration **ret_configuration, struct trb_error *err);
/* The same from one text: tests, fuzzing. */
trb_code configuration_parse(const char *file, struct trb_slice text, const struct environment *,
                             struct configuration **ret_configuration, struct trb_error *err);
struct configuration *configuration_destroy(struct configuration *);   /* NULL is welcome; returns NULL */

bool configuration_has_feature(const struct configuration *, const char *name);
/* components.deny; type and version as written. */
bool configuration_denies_component(const struct configuration *, struct trb_slice type,
                                    struct trb_slice version);
/* What is given and does nothing yet, a sentence each; NULL behind the last. */
const char *configuration_without_effect(const struct configuration *, uint32_t index);
void configuration_metrics_json(const struct configuration *, struct text *);   /* for "metric spec: …" */
void configuration_features_json(const struct configuration *, struct text *);  /* ["HotReload", …] */

#endif
