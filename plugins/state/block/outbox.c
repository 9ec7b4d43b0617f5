/* outbox: see outbox.h. */
#include "outbox.h"
#include <base/mem.h>
#include <base/slice.h>
#include <string.h>

static struct trb_name copied(struct trb_name from)
{
    return (struct trb_name){mem_text(from.at ? from.at : "", from.len), from.len};
}

/* <namespace><app id><topic>outbox */
static struct trb_name waiting_topic(const struct trb_runtime_info *info, struct trb_name topic)
{
    const struct trb_name parts[] = {info->namespace_, info->app_id, topic, NAME("outbox")};
    size_t len = 0;
    char *at = mem_zero(info->namespace_.len + info->app_id.len + topic.len + sizeof "outbox");
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        if (parts[i].len)
            memcpy(at + len, parts[i].at, parts[i].len);
        len += parts[i].len;
    }
    return (struct trb_name){at, len};
}

struct outbox *outbox_create(const struct trb_pairs *properties, const struct trb_runtime_info *info, const char **ret_note)
{
    struct trb_name pubsub = trb_pair_get(properties, "outboxPublishPubsub");
    struct trb_name topic = trb_pair_get(properties, "outboxPublishTopic");
    struct trb_name broker = trb_pair_get(properties, "outboxPubsub");
    *ret_note = NULL;
    if (!pubsub.len || !topic.len) {
        if (pubsub.len || topic.len || broker.len)
            *ret_note = "its transactions publish nothing: an outbox needs outboxPublishPubsub and outboxPublishTopic";
        return NULL;
    }
    struct outbox *o = mem_zero(sizeof *o);
    o->pubsub = copied(pubsub);
    o->topic = copied(topic);
    o->broker = copied(broker.len ? broker : pubsub);
    o->waiting = waiting_topic(info, topic);
    o->discards = slice_is_truthy(slice_name(trb_pair_get(properties, "outboxDiscardWhenMissingState")));
    return o;
}

struct outbox *outbox_destroy(struct outbox *o)
{
    if (!o)
        return NULL;
    mem_free((char *)(uintptr_t)o->pubsub.at);
    mem_free((char *)(uintptr_t)o->topic.at);
    mem_free((char *)(uintptr_t)o->broker.at);
    mem_free((char *)(uintptr_t)o->waiting.at);
    return mem_free(o);
}
