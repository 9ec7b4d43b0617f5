/* configuration_effect: what is read and does nothing yet, so that nobody relies on it. */
#include <base/check.h>
#include <config/configuration.h>

static bool restricts_access(const struct access_control *a)
{
    return a->is_present && (a->policy_count || a->default_action == ACCESS_DENY);
}

static bool exports_traces(const struct configuration_tracing *t)
{
    return t->to_stdout || t->zipkin_endpoint.len || t->otel_endpoint.len;
}

static bool bounds_workflows(const struct configuration *c)
{
    return c->max_workflows || c->max_activities || c->global_max_workflows || c->global_max_activities ||
           c->workflow_limit_count || c->activity_limit_count;
}

const char *configuration_without_effect(const struct configuration *c, uint32_t index)
{
    const struct {
        bool is_given;
        const char *sentence;
    } parts[] = {
        {restricts_access(&c->access), "spec.accessControl has no effect yet: every caller is admitted"},
        {c->http_pipeline.count, "spec.httpPipeline has no effect yet: requests pass as they are"},
        {c->app_http_pipeline.count, "spec.appHttpPipeline has no effect yet: calls of the application pass as they are"},
        {exports_traces(&c->tracing), "the exporters of spec.tracing have no effect yet: trace context is passed on, spans are not sent"},
        {c->metrics.rule_count, "spec.metrics.rules has no effect yet: labels stay as they are"},
        {bounds_workflows(c), "spec.workflow has no effect yet"}};
    for (size_t i = 0; i < countof(parts); i++)
        if (parts[i].is_given && !index--)
            return parts[i].sentence;
    return NULL;
}
