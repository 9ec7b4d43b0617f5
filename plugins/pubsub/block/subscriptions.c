/* subscriptions: the table of them. Of one pubsub and topic the app's last word counts, else the first
 * resource; the others stay, in the shadow, for the day the first is removed. http-api.md 4.14 */
#include "pubsub_block.h"
#include <base/mem.h>

static bool is_same_topic(const struct subscription *a, const struct subscription *b)
{
    return slice_is(slice_name(a->pubsub), slice_name(b->pubsub)) &&
           slice_is(slice_name(a->topic), slice_name(b->topic));
}

static struct subscription *item(struct list *node)
{
    return list_item(node, struct subscription, link);
}

/* Does b take a's place? */
static bool outdoes(const struct subscription *b, const struct subscription *a, bool is_later)
{
    if (a->origin != b->origin)
        return b->origin == PROGRAMMATIC;
    return a->origin == PROGRAMMATIC ? is_later : !is_later;
}

/* Streams of clients and outboxes neither cast shadows nor stand in any. */
static bool is_alone(const struct subscription *s)
{
    return s->origin == STREAMING || s->origin == OUTBOX;
}

static bool is_outdone(struct block *b, struct subscription *s)
{
    bool is_later = false;
    if (is_alone(s))
        return false;
    list_each(node, &b->subscriptions) {
        struct subscription *other = item(node);
        if (other == s)
            is_later = true;
        else if (!is_alone(other) && is_same_topic(s, other) && outdoes(other, s, is_later))
            return true;
    }
    return false;
}

static void cast_shadows(struct block *b)
{
    b->kernel->lock(b);
    list_each(node, &b->subscriptions)
        item(node)->is_shadowed = is_outdone(b, item(node));
    b->kernel->unlock(b);
}

void subscription_add(struct block *b, struct subscription *s)
{
    b->kernel->lock(b);
    list_append(&b->subscriptions, &s->link);
    b->kernel->unlock(b);
}

void subscription_remove(struct block *b, struct subscription *s)
{
    if (s->listener)
        listener_close(s->listener, TRB_WHY_ENDED);
    b->kernel->lock(b);
    list_remove(&s->link);
    b->kernel->unlock(b);
    subscription_unref(s);
}

void subscriptions_clear(struct block *b)
{
    list_each(node, &b->subscriptions)
        subscription_remove(b, item(node));
}

/* ----------------------------------------------------------------------------------- resources */
/* One that is as it was keeps its stream. */
static bool keep_old(struct block *b, struct trb_slice json)
{
    list_each(node, &b->subscriptions) {
        struct subscription *s = item(node);
        if (s->origin == DECLARATIVE && !s->is_kept && slice_is(s->source, json))
            return s->is_kept = true;
    }
    return false;
}

static struct trb_slice spec_of(struct trb_slice document)
{
    struct json_value all;
    struct json_fault fault;
    return json_parse(document, &all, &fault) ? json_find(all, SLICE("spec")).raw : SLICE("");
}

static void load_one(struct block *b, uint32_t i)
{
    struct trb_slice spec = spec_of(b->kernel->resource_document(b->kernel, TRB_RESOURCE_SUBSCRIPTION, i));
    struct fault fault;
    if (keep_old(b, spec))
        return;
    struct subscription *s = subscription_create(b->kernel, spec, DECLARATIVE, &fault);
    if (s) {
        s->is_kept = true;
        subscription_add(b, s);
    } else if (*fault.text) {
        say(b->kernel, TRB_LOG_ERROR, "failed to load a declarative subscription, nothing is subscribed for it: %s",
            fault.text);
    }
}

void subscriptions_load(struct block *b)
{
    list_each(node, &b->subscriptions)
        item(node)->is_kept = false;
    for (uint32_t i = 0; i < b->kernel->resource_count(b->kernel, TRB_RESOURCE_SUBSCRIPTION); i++)
        load_one(b, i);
    list_each(node, &b->subscriptions)
        if (item(node)->origin == DECLARATIVE && !item(node)->is_kept)
            subscription_remove(b, item(node));
    cast_shadows(b);
}

/* ------------------------------------------------------------------------------------- the app */
/* One that cannot be used does not cost the others, but for an expression that does not compile. */
static bool take_one(struct block *b, struct list *made, struct trb_slice json, struct fault *ret_fault)
{
    struct subscription *s = subscription_create(b->kernel, json, PROGRAMMATIC, ret_fault);
    if (s)
        list_append(made, &s->link);
    else if (!ret_fault->is_match && *ret_fault->text)
        say(b->kernel, TRB_LOG_ERROR, "an entry of the app's subscriptions is left out: %s", ret_fault->text);
    return !ret_fault->is_match;
}

static bool take_all(struct block *b, struct json_value list, struct fault *ret_fault)
{
    struct list made, *node;
    struct json_value v;
    bool fine = true;
    list_init(&made);
    for (struct json_cursor c = json_enter(list); fine && json_next(&c, &v);)
        fine = take_one(b, &made, v.raw, ret_fault);
    while ((node = list_take(&made))) {
        if (fine)
            subscription_add(b, item(node));
        else
            subscription_unref(item(node));
    }
    cast_shadows(b);
    return fine;
}

bool subscriptions_take(struct block *b, struct trb_slice json, struct fault *ret_fault)
{
    struct json_value all;
    struct json_fault fault;
    *ret_fault = (struct fault){0};
    if (!slice_trim(json).len)
        return true;
    if (!json_parse(json, &all, &fault)) {
        snprintf(ret_fault->text, sizeof ret_fault->text, "%s", fault.message);
        return false;
    }
    if (all.kind == JSON_ARRAY)
        return take_all(b, all, ret_fault);
    snprintf(ret_fault->text, sizeof ret_fault->text, "json: cannot unmarshal %s into a list of subscriptions",
             json_kind_name(all));
    return all.kind == JSON_NULL;
}

/* ------------------------------------------------------------------------- to another copy of this block */
void subscriptions_hand_over(void *block, void (*out)(void *arg, struct trb_slice kept), void *arg)
{
    struct block *b = block;
    struct text t = {0};
    if (!b->has_asked || b->is_asking)
        return;
    text_addc(&t, '[');
    list_each(node, &b->subscriptions) {
        if (item(node)->origin != PROGRAMMATIC)
            continue;
        text_adds(&t, t.len > 1 ? "," : "");
        text_add(&t, item(node)->source);
    }
    text_addc(&t, ']');
    out(arg, text_slice(&t));
    text_fini(&t);
}

void subscriptions_adopt(void *block, struct trb_slice kept)
{
    struct block *b = block;
    struct fault fault;
    if (b->has_asked)
        return;
    b->has_asked = true;
    if (!subscriptions_take(b, kept, &fault))
        say(b->kernel, TRB_LOG_WARN, "failed to take over the subscriptions of the app: %s", fault.text);
}

/* ------------------------------------------------------------------------------------- telling */
void metadata_write(struct text *t, const struct trb_pairs *pairs)
{
    text_adds(t, ",\"metadata\":");
    text_add_json_pairs(t, pairs);
}

static void write_rules(struct text *t, const struct subscription *s)
{
    text_adds(t, ",\"rules\":[");
    for (uint32_t i = 0; i < s->rule_count; i++) {
        const struct rule *r = &s->rules[i];
        text_adds(t, i ? ",{" : "{");
        if (r->match.len) {
            text_adds(t, "\"match\":");
            text_add_json(t, slice_name(r->match), true);
        }
        if (r->path.len) {
            text_adds(t, r->match.len ? ",\"path\":" : "\"path\":");
            text_add_json(t, slice_name(r->path), true);
        }
        text_addc(t, '}');
    }
    text_addc(t, ']');
}

static const char *word_of(uint32_t origin)
{
    static const char *const words[] = {"", "DECLARATIVE", "PROGRAMMATIC", "STREAMING"};
    return words[origin];
}

static bool is_listed(const struct subscription *s)
{
    return s->origin != OUTBOX && !s->is_shadowed && (!s->session || session_is_listed(s->session));
}

static void write_one(struct text *t, const struct subscription *s)
{
    text_adds(t, "{\"pubsubname\":");
    text_add_json(t, slice_name(s->pubsub), true);
    text_adds(t, ",\"topic\":");
    text_add_json(t, slice_name(s->topic), true);
    if (s->metadata.count)
        metadata_write(t, &s->metadata);
    write_rules(t, s);
    text_adds(t, ",\"deadLetterTopic\":");
    text_add_json(t, slice_name(s->dead_letter), true);
    text_addf(t, ",\"type\":\"%s\"}", word_of(s->origin));
}

void subscriptions_write(void *self, void (*out)(void *, struct trb_slice), void *arg)
{
    struct block *b = self;
    struct text t = {0};
    text_addc(&t, '[');
    b->kernel->lock(b);
    list_each(node, &b->subscriptions) {
        if (!is_listed(item(node)))
            continue;
        if (t.len > 1)
            text_addc(&t, ',');
        write_one(&t, item(node));
    }
    b->kernel->unlock(b);
    text_addc(&t, ']');
    out(arg, text_slice(&t));
    text_fini(&t);
}
