/* scopes: allowedTopics, protectedTopics, publishingScopes and subscriptionScopes of one component,
 * and the namespace its topics carry. http-api.md 4.4 */
#include "scopes.h"
#include <base/mem.h>

struct scopes {
    char *allowed, *protected_, *publishing, *subscription;   /* blanks removed */
    char *app_id;
    char *prefix;
};

static char *without_blanks(struct trb_name from)
{
    char *to = mem_zero(from.len + 1), *at = to;
    for (size_t i = 0; i < from.len; i++)
        if (from.at[i] != ' ')
            *at++ = from.at[i];
    return to;
}

/* A consumer id with {namespace} in it, which by now reads <namespace>.<app id>, asks for topics of
 * the namespace's own. */
static bool has_own_topics(struct trb_name consumer, const struct trb_runtime_info *info)
{
    char *both = mem_zero(info->namespace_.len + info->app_id.len + 2);
    sprintf(both, "%s.%s", info->namespace_.at ? info->namespace_.at : "", info->app_id.at);
    bool found = info->namespace_.len && consumer.len && slice_contains(slice_name(consumer), slice_of(both));
    mem_free(both);
    return found;
}

struct scopes *scopes_create(const struct trb_pairs *properties, const struct trb_runtime_info *info)
{
    struct scopes *s = mem_zero(sizeof *s);
    s->allowed = without_blanks(trb_pair_get(properties, "allowedTopics"));
    s->protected_ = without_blanks(trb_pair_get(properties, "protectedTopics"));
    s->publishing = without_blanks(trb_pair_get(properties, "publishingScopes"));
    s->subscription = without_blanks(trb_pair_get(properties, "subscriptionScopes"));
    s->app_id = mem_text(info->app_id.at, info->app_id.len);
    if (has_own_topics(trb_pair_get(properties, "consumerID"), info))
        s->prefix = mem_text(info->namespace_.at, info->namespace_.len);
    return s;
}

struct scopes *scopes_destroy(struct scopes *s)
{
    if (!s)
        return NULL;
    mem_free(s->allowed);
    mem_free(s->protected_);
    mem_free(s->publishing);
    mem_free(s->subscription);
    mem_free(s->app_id);
    mem_free(s->prefix);
    return mem_free(s);
}

static bool lists(struct trb_slice names, struct trb_slice name)
{
    while (names.at && names.len)
        if (slice_is(slice_split(&names, ','), name))
            return true;
    return false;
}

/* "app1=t1,t2;app2=t3": the list of one app. false: it has no entry. */
static bool entry_of(struct trb_slice scopes, struct trb_slice app_id, struct trb_slice *ret_topics)
{
    while (scopes.at && scopes.len) {
        struct trb_slice topics = slice_split(&scopes, ';');
        struct trb_slice app = slice_split(&topics, '=');
        if (slice_is(app, app_id)) {
            *ret_topics = topics;
            return true;
        }
    }
    return false;
}

static bool may(const struct scopes *s, const char *scopes, struct trb_slice topic)
{
    struct trb_slice topics = {0};
    if (*s->allowed && !lists(slice_of(s->allowed), topic))
        return false;
    bool has_entry = entry_of(slice_of(scopes), slice_of(s->app_id), &topics);
    if (!has_entry && !lists(slice_of(s->protected_), topic))
        return true;
    return has_entry && lists(topics, topic);
}

bool scopes_may_publish(const struct scopes *s, struct trb_slice topic)
{
    return may(s, s->publishing, topic);
}

bool scopes_may_subscribe(const struct scopes *s, struct trb_slice topic)
{
    return may(s, s->subscription, topic);
}

struct trb_slice scopes_topic_prefix(const struct scopes *s)
{
    return s->prefix ? slice_of(s->prefix) : SLICE("");
}
