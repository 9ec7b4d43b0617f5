/* properties: see properties.h. A word of flags says which are there, in the order of its bits. */
#include <base/check.h>
#include <base/slice.h>
#include <rabbitmq/properties.h>

#define HEADERS (1u << 13)
#define DELIVERY_MODE (1u << 12)
#define PRIORITY (1u << 11)
#define TIMESTAMP (1u << 6)
#define CLUSTER_ID (1u << 2)

static const struct {
    uint32_t flag;
    size_t member;
} texts[] = {
    {1u << 15, offsetof(struct rabbit_properties, content_type)},
    {1u << 14, offsetof(struct rabbit_properties, content_encoding)},
    {1u << 10, offsetof(struct rabbit_properties, correlation_id)},
    {1u << 9, offsetof(struct rabbit_properties, reply_to)},
    {1u << 8, offsetof(struct rabbit_properties, expiration)},
    {1u << 7, offsetof(struct rabbit_properties, message_id)},
    {1u << 5, offsetof(struct rabbit_properties, type)},
    {1u << 4, offsetof(struct rabbit_properties, user_id)},
    {1u << 3, offsetof(struct rabbit_properties, app_id)},
};

static struct trb_slice *text_at(const struct rabbit_properties *p, uint32_t flag)
{
    for (size_t i = 0; i < countof(texts); i++)
        if (texts[i].flag == flag)
            return (struct trb_slice *)(void *)((char *)(uintptr_t)p + texts[i].member);
    return NULL;
}

static void read_one(struct wire *w, uint32_t flag, struct rabbit_properties *p)
{
    struct trb_slice *text = text_at(p, flag);
    if (text)
        *text = wire_short(w);
    else if (flag == HEADERS)
        p->headers = wire_long(w);
    else if (flag == DELIVERY_MODE)
        p->delivery_mode = (int32_t)wire_number(w, 1);
    else if (flag == PRIORITY)
        p->priority = (int32_t)wire_number(w, 1);
    else if (flag == TIMESTAMP)
        p->timestamp = wire_number(w, 8);
    else if (flag == CLUSTER_ID)
        wire_short(w);
    else
        w->broken = true;
}

bool rabbit_properties_read(struct trb_slice from, struct rabbit_properties *ret_properties)
{
    struct wire w = wire_of(from);
    struct rabbit_properties p = RABBIT_NO_PROPERTIES;
    uint32_t flags = (uint32_t)wire_number(&w, 2);
    for (uint32_t flag = 1u << 15; flag && !w.broken; flag >>= 1)
        if (flags & flag)
            read_one(&w, flag, &p);
    if (w.broken || w.left || !wire_table_is_whole(p.headers))
        return false;
    *ret_properties = p;
    return true;
}

static uint32_t flags_of(const struct rabbit_properties *p)
{
    uint32_t flags = (p->headers.at ? HEADERS : 0) | (p->delivery_mode >= 0 ? DELIVERY_MODE : 0) |
                     (p->priority >= 0 ? PRIORITY : 0) | (p->timestamp ? TIMESTAMP : 0);
    for (size_t i = 0; i < countof(texts); i++)
        if (text_at(p, texts[i].flag)->at)
            flags |= texts[i].flag;
    return flags;
}

void rabbit_properties_write(struct text *t, const struct rabbit_properties *p)
{
    uint32_t flags = flags_of(p);
    wire_put(t, flags, 2);
    for (uint32_t flag = 1u << 15; flag; flag >>= 1) {
        if (!(flags & flag))
            continue;
        if (flag == HEADERS)
            wire_put_long(t, p->headers);
        else if (flag == DELIVERY_MODE)
            wire_put(t, (uint64_t)p->delivery_mode, 1);
        else if (flag == PRIORITY)
            wire_put(t, (uint64_t)p->priority, 1);
        else if (flag == TIMESTAMP)
            wire_put(t, p->timestamp, 8);
        else
            wire_put_short(t, *text_at(p, flag));
    }
}
