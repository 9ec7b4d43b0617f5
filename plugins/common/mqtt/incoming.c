/* incoming: messages of the broker, and what it is told of them.
 *
 * QoS 1 and 2 are acknowledged (PUBACK, PUBREC) when the handler is through. A connection that ends in between makes a
 * message stale: the broker sends it again, and meets here whom it has sent it to. */
#include "inside.h"
#include <base/check.h>
#include <base/mem.h>
#include <base/slice.h>

#define MAX_PARKED 1000u
#define MAX_PARKED_BYTES (16u << 20)
#define MAX_QUEUED 10000u
#define MAX_QUEUED_BYTES (32u << 20)

static struct mqtt_message *item(struct list *node)
{
    return list_item(node, struct mqtt_message, link);
}

static struct mqtt_message *owed_item(struct list *node)
{
    return list_item(node, struct mqtt_message, owed);
}

static void message_free(struct mqtt_message *x)
{
    list_remove(&x->link);
    list_remove(&x->owed);
    x->mqtt->setup.host->buf_unref(x->data);
    mem_free(x);
}

struct trb_data mqtt_data(const struct mqtt_message *x)
{
    if (!x->data)
        return (struct trb_data){"", 0, NULL};
    return (struct trb_data){x->bytes.at, x->bytes.len, x->mqtt->setup.host->buf_ref(x->data)};
}

/* ----------------------------------------------------------------------------- acknowledging */
static void acknowledge(struct mqtt *m, struct mqtt_message *x)
{
    mqtt_send_short(m, x->qos == 1 ? MQTT_PUBACK : MQTT_PUBREC, x->id);
    if (x->qos == 2)
        mqtt_bit_set(m->released, x->id, true);
    message_free(x);
}

static void refuse(struct mqtt *m, struct mqtt_message *x)
{
    mqtt_renew_later(m);
    if (m->refused_count >= MAX_PARKED || m->refused_bytes + x->bytes.len > MAX_PARKED_BYTES) {
        m->is_owing = true;
        message_free(x);
        return;
    }
    list_append(&m->refused, &x->link);
    m->refused_count++;
    m->refused_bytes += x->bytes.len;
}

void incoming_again(struct mqtt *m)
{
    struct list now;
    struct list *node;
    list_init(&now);
    while ((node = list_take(&m->refused)))
        list_append(&now, node);
    m->refused_count = 0;
    m->refused_bytes = 0;
    while ((node = list_take(&now))) {
        struct mqtt_listener *l = listener_for(m, slice_name(item(node)->topic));
        if (l)
            listener_push(l, item(node));
        else
            incoming_park(m, item(node));
    }
}

void mqtt_settle(struct mqtt_message *x, uint32_t verdict)
{
    struct mqtt *m = x->mqtt;
    struct mqtt_listener *l = x->listener;
    bool is_done = verdict == TRB_ACK || verdict == TRB_DROP;
    x->listener = NULL;
    x->is_settled = is_done;
    if (verdict == TRB_HELD)
        incoming_park(m, x);
    else if (verdict == TRB_RETRY && x->id && !x->is_stale && m->setup.redeliver_ns)
        refuse(m, x);
    else if (!is_done || !x->id)
        message_free(x);
    else if (m->state == MQTT_UP && !x->is_stale)
        acknowledge(m, x);
    if (l)
        listener_settled(l);
}

void incoming_release(struct mqtt *m, uint32_t id)
{
    mqtt_bit_set(m->released, id, false);
    mqtt_send_short(m, MQTT_PUBCOMP, id);
}

/* ------------------------------------------------------------------------------------ parking */
void incoming_park(struct mqtt *m, struct mqtt_message *x)
{
    x->listener = NULL;
    if (!x->id || m->parked_count >= MAX_PARKED || m->parked_bytes + x->bytes.len > MAX_PARKED_BYTES) {
        message_free(x);
        return;
    }
    list_append(&m->parked, &x->link);
    m->parked_count++;
    m->parked_bytes += x->bytes.len;
    if (m->told_parked)
        return;
    m->told_parked = true;
    trb_log(m->setup.host, m->setup.origin, TRB_LOG_INFO,
            "the broker's session '%.*s' has messages that nobody here listens to yet (topic '%s'); they stay unacknowledged",
            SLICE_ARG(m->setup.client_id), x->topic.at);
}

static void unpark(struct mqtt *m, struct mqtt_message *x)
{
    list_remove(&x->link);
    m->parked_count--;
    m->parked_bytes -= x->bytes.len;
}

bool incoming_matches(const struct mqtt_listener *l, struct trb_slice topic)
{
    return mqtt_filter_matches(l->shared.at ? l->shared : l->listening.filter, topic);
}

void incoming_unpark(struct mqtt *m, struct mqtt_listener *l)
{
    list_each(node, &m->parked) {
        struct mqtt_message *x = item(node);
        if (!incoming_matches(l, slice_name(x->topic)))
            continue;
        unpark(m, x);
        listener_push(l, x);
    }
}

/* --------------------------------------------------------------------------------- balance */
void incoming_balance(struct mqtt *m)
{
    bool is_full = m->queued_count >= MAX_QUEUED || m->queued_bytes >= MAX_QUEUED_BYTES;
    bool is_low = m->queued_count <= MAX_QUEUED / 2 && m->queued_bytes <= MAX_QUEUED_BYTES / 2;
    if (!m->stream || m->is_dead || !(m->is_paused ? is_low : is_full))
        return;
    m->is_paused = !m->is_paused;
    m->streams->read_on(m->stream, !m->is_paused);
    if (!m->is_paused)
        mqtt_read_again(m);
}

/* ----------------------------------------------------------------------------------- arriving */
static struct mqtt_message *find(struct mqtt *m, uint32_t id)
{
    list_each(node, &m->owed)
        if (owed_item(node)->id == id)
            return owed_item(node);
    return NULL;
}

static bool is_same(const struct mqtt_message *x, const struct mqtt_packet *p)
{
    return x->qos == p->qos && slice_is(slice_name(x->topic), p->topic) && slice_is(x->bytes, p->payload);
}

/* The broker is through with what had that id, or has begun with another: nothing is owed for it any more. */
static void disown(struct mqtt_message *x)
{
    list_remove(&x->owed);
    x->id = 0;
    if (x->is_settled)
        message_free(x);
}

/* Sent again, and still here: with its handler, in a queue, or done with while there was no connection. */
static bool is_known(struct mqtt *m, const struct mqtt_packet *p)
{
    struct mqtt_message *x = find(m, p->id);
    if (!x)
        return false;
    if (!p->is_dup || !is_same(x, p)) {
        disown(x);
        return false;
    }
    x->is_stale = false;
    if (x->is_settled)
        acknowledge(m, x);
    return true;
}

static struct mqtt_message *message_create(struct mqtt *m, const struct mqtt_packet *p, size_t len)
{
    size_t payload = p->payload.len;
    struct mqtt_message *x = mem_zero(sizeof *x + p->topic.len + 1);
    char *topic = memcpy((char *)(x + 1), p->topic.at, p->topic.len);
    x->mqtt = m;
    x->topic = (struct trb_name){topic, p->topic.len};
    x->qos = p->qos;
    x->id = p->id;
    x->is_retained = p->is_retained;
    list_init(&x->link);
    list_init(&x->owed);
    m->streams->consume(m->stream, len - payload);
    if (payload && !(x->data = m->streams->take(m->stream, payload)))
        return mem_free(x);
    if (x->data)
        x->bytes = m->setup.host->buf_bytes(x->data);
    return x;
}

void incoming_take(struct mqtt *m, const struct mqtt_packet *p, size_t len)
{
    if (p->qos == 2 && mqtt_bit(m->released, p->id) && p->is_dup) {
        mqtt_send_short(m, MQTT_PUBREC, p->id);
        m->streams->consume(m->stream, len);
        return;
    }
    struct mqtt_listener *l = listener_for(m, p->topic);
    if ((p->qos && is_known(m, p)) || (!p->qos && !l)) {
        m->streams->consume(m->stream, len);
        return;
    }
    struct mqtt_message *x = message_create(m, p, len);
    if (!x) {
        mqtt_lose(m, TRB_EXHAUSTED, "NO_MEMORY", "a message is larger than the memory that is left");
        return;
    }
    if (x->id)
        list_append(&m->owed, &x->owed);
    if (l)
        listener_push(l, x);
    else
        incoming_park(m, x);
}

/* --------------------------------------------------------------------------- losing and coming back */
void incoming_down(struct mqtt *m)
{
    list_each(node, &m->owed) {
        struct mqtt_message *x = owed_item(node);
        if (m->setup.config->clean_session || (x->is_stale && x->is_settled))
            disown(x);
        else
            x->is_stale = true;
    }
}

void incoming_up(struct mqtt *m, bool has_session)
{
    if (has_session)
        return;
    memset(m->released, 0, sizeof m->released);
    list_each(node, &m->owed)
        disown(owed_item(node));
}

void incoming_end(struct mqtt *m)
{
    list_each(node, &m->parked)
        message_free(item(node));
    list_each(node, &m->refused)
        message_free(item(node));
    list_each(node, &m->owed)
        message_free(owed_item(node));
}
