/* scopes: allowedTopics, protectedTopics, publishingScopes and subscriptionScopes of one component.
 * http-api.md 4.4 */
#include "pubsub_block.h"
#include <base/mem.h>

struct scopes {
    char *allowed, *protected_, *publishing, *subscription;   /* blanks removed */
    char *app_id;
};

static char *without_blanks(struct trb_name from)
{
    char *to = mem_zero(from.len + 1), *at = to;
    for (size_t i = 0; i < from.len; i++)
        if (from.at[i] != ' ')
            *at++ = from.at[i];
    return to;
}

struct scopes *scopes_create(const struct trb_pairs *properties, struct trb_slice app_id)
{
    struct scopes *s = mem_zero(sizeof *s);
    s->allowed = without_blanks(trb_pair_get(properties, "allowedTopics"));
    s->protected_ = without_blanks(trb_pair_get(properties, "protectedTopics"));
    s->publishing = without_blanks(trb_pair_get(properties, "publishingScopes"));
    s->subscription = without_blanks(trb_pair_get(properties, "subscriptionScopes"));
    s->app_id = mem_text(app_id.at, app_id.len);
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
