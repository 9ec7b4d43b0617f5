/* outgoing: publications on their way to the broker.
 *
 *     waiting ──► sent ──► confirmed             (QoS 1: PUBACK)
 *                  └─► released ──► confirmed    (QoS 2: PUBREC, PUBREL, PUBCOMP)
 *
 * One whose time is over is answered and, if it had been sent, keeps its packet id until the broker is through with it: a
 * confirmation that comes late must not be taken for another's. */
#include "inside.h"
#include <base/check.h>
#include <base/mem.h>
#include <base/slice.h>

#define LARGE 16384u                            /* from here a payload with an owner is referenced, not copied */
#define MAX_WAITING 100000u
#define MAX_WAITING_BYTES (64u << 20)
#define MAX_UNSENT (1u << 20)
#define WINDOW 1000u
#define EXACT_WINDOW 16u                        /* QoS 2: brokers keep few of these, and drop what is too much */

struct outgoing {
    struct list link;
    struct mqtt_publication what;               /* call NULL: answered already */
    uint32_t id;
    bool is_released;
};

static struct outgoing *item(struct list *node)
{
    return list_item(node, struct outgoing, link);
}

/* Its question is gone with this. */
static void answer(struct outgoing *o, const struct trb_error *err)
{
    struct trb_call *call = o->what.call;
    o->what.call = NULL;
    if (call)
        o->what.answered(call, o->what.arg, o->what.index, err);
}

static void waiting_remove(struct mqtt *m, struct outgoing *o)
{
    list_remove(&o->link);
    m->waiting_count--;
    m->waiting_bytes -= o->what.data.len;
}

static void flying_end(struct mqtt *m, struct outgoing *o, const struct trb_error *err)
{
    list_remove(&o->link);
    m->flying_count--;
    mqtt_id_give(m, o->id);
    answer(o, err);
    mem_free(o);
}

/* ------------------------------------------------------------------------------------ sending */
static void transmit(struct mqtt *m, const struct outgoing *o, bool is_dup)
{
    const struct trb_data *data = &o->what.data;
    struct mqtt_packet p = {.kind = MQTT_PUBLISH, .qos = o->what.qos, .id = o->id, .is_dup = is_dup,
                            .is_retained = o->what.is_retained, .topic = o->what.topic};
    bool is_large = data->owner && data->len >= LARGE;
    char *to = m->streams->room(m->stream, MQTT_PUBLISH_HEAD + p.topic.len + (is_large ? 0 : data->len));
    size_t len = mqtt_write_publish(to, &p, data->len);
    if (!is_large && data->len)
        memcpy(to + len, data->at, data->len);
    m->streams->wrote(m->stream, len + (is_large ? 0 : data->len));
    if (is_large)
        m->streams->write_data(m->stream, *data);
    m->sent_ns = m->setup.host->now_ns();
}

static bool may_fly(struct mqtt *m, const struct outgoing *o)
{
    if (m->state != MQTT_UP || m->streams->unsent(m->stream) > MAX_UNSENT)
        return false;
    return m->flying_count < (o->what.qos == 2 ? EXACT_WINDOW : o->what.qos ? WINDOW : UINT32_MAX);
}

void outgoing_pump(struct mqtt *m)
{
    while (!list_is_empty(&m->waiting) && may_fly(m, item(m->waiting.next))) {
        struct outgoing *o = item(m->waiting.next);
        if (o->what.qos && !(o->id = mqtt_id_take(m)))
            return;
        waiting_remove(m, o);
        transmit(m, o, false);
        if (o->what.qos) {
            list_append(&m->flying, &o->link);
            m->flying_count++;
        } else {
            answer(o, NULL);
            mem_free(o);
        }
    }
}

static void refuse(const struct mqtt_publication *p, trb_code code, const char *reason, const char *sentence)
{
    struct trb_error err = {0};
    trb_error(&err, code, reason, "%s", sentence);
    p->answered(p->call, p->arg, p->index, &err);
}

static uint64_t limit_of(const struct mqtt *m, const struct mqtt_publication *p)
{
    uint64_t until = m->setup.host->now_ns() + (p->limit_ns ? p->limit_ns : MQTT_PUBLISH_NS);
    uint64_t deadline = m->setup.host->deadline_ns(p->call);
    return deadline && deadline < until ? deadline : until;
}

void mqtt_publish(struct mqtt *m, const struct mqtt_publication *p)
{
    if (!mqtt_topic_is_valid(p->topic)) {
        refuse(p, TRB_PRECONDITION, "BAD_TOPIC", "a topic to publish to is UTF-8 of 1 to 65535 bytes without '+', '#' and NUL");
        return;
    }
    if (p->data.len > MQTT_MAX_REMAINING - MQTT_PUBLISH_HEAD - p->topic.len) {
        refuse(p, TRB_PRECONDITION, "TOO_LARGE", "a message with its topic exceeds 256 MiB, the most that MQTT can say");
        return;
    }
    if (m->waiting_count >= MAX_WAITING || (m->waiting_count && m->waiting_bytes + p->data.len > MAX_WAITING_BYTES)) {
        refuse(p, TRB_EXHAUSTED, "QUEUE_FULL", "too much waits to be published already: 100000 messages or 64 MiB");
        return;
    }
    struct outgoing *o = mem_zero(sizeof *o);
    o->what = *p;
    o->what.limit_ns = limit_of(m, p);          /* a point in time from here on */
    list_append(&m->waiting, &o->link);
    m->waiting_count++;
    m->waiting_bytes += p->data.len;
    mqtt_tick_now(m);
    mqtt_step_in(m);
    outgoing_pump(m);
}

/* --------------------------------------------------------------------------------- confirmations */
static struct outgoing *find(struct mqtt *m, uint32_t id)
{
    list_each(node, &m->flying)
        if (item(node)->id == id)
            return item(node);
    return NULL;
}

/* An id that nobody has is of a life before this one, or of one that has been answered: nothing to do but QoS 2's courtesy. */
void outgoing_confirm(struct mqtt *m, const struct mqtt_packet *p)
{
    struct outgoing *o = find(m, p->id);
    if (p->kind == MQTT_PUBREC) {
        if (o && o->what.qos == 2)
            o->is_released = true;
        mqtt_send_short(m, MQTT_PUBREL, p->id);
        return;
    }
    if (!o || (p->kind == MQTT_PUBACK) != (o->what.qos == 1) || (p->kind == MQTT_PUBCOMP && !o->is_released))
        return;
    flying_end(m, o, NULL);
    outgoing_pump(m);
}

/* --------------------------------------------------------------------------- losing and coming back */
void outgoing_down(struct mqtt *m, const struct trb_error *err)
{
    struct trb_error lost = *err;
    size_t len = strlen(lost.message);
    snprintf(lost.message + len, sizeof lost.message - len, "; what was being published may have arrived");
    list_each(node, &m->flying) {
        struct outgoing *o = item(node);
        bool is_over = !o->what.call && o->what.qos == 1;    /* the broker keeps nothing of it */
        if (is_over || m->setup.config->clean_session)
            flying_end(m, o, &lost);
    }
}

/* In the order in which they were sent. Of one that was answered only the broker's memory is cleared. */
void outgoing_up(struct mqtt *m, bool has_session)
{
    list_each(node, &m->flying) {
        struct outgoing *o = item(node);
        if (!o->what.call && !has_session) {
            flying_end(m, o, NULL);
        } else if (o->is_released || !o->what.call) {
            o->is_released = true;
            mqtt_send_short(m, MQTT_PUBREL, o->id);
        } else {
            transmit(m, o, true);
        }
    }
    outgoing_pump(m);
}

/* ---------------------------------------------------------------------------------- giving up */
static void late(struct mqtt *m, struct outgoing *o, bool was_sent)
{
    struct trb_error err = {0};
    trb_error(&err, TRB_UNAVAILABLE, "TIMEOUT", "%s%s%s",
              was_sent ? "the broker has not confirmed the message in time; it may have arrived" :
                         "the message could not be sent in time",
              m->state == MQTT_UP || !m->fault.code ? "" : ": ", m->state == MQTT_UP ? "" : m->fault.message);
    answer(o, &err);
}

bool outgoing_tick(struct mqtt *m, uint64_t now)
{
    list_each(node, &m->waiting) {
        struct outgoing *o = item(node);
        if (o->what.limit_ns > now)
            continue;
        waiting_remove(m, o);
        late(m, o, false);
        mem_free(o);
    }
    list_each(node, &m->flying)
        if (item(node)->what.call && item(node)->what.limit_ns <= now)
            late(m, item(node), true);
    return m->waiting_count + m->flying_count;
}

void mqtt_give_up(struct mqtt *m, const struct trb_call *call, uint32_t why)
{
    struct trb_error err = {0};
    trb_error(&err, why == TRB_WHY_DEADLINE ? TRB_DEADLINE : TRB_CANCELLED, "CANCELLED", "publishing was called off");
    list_each(node, &m->waiting) {
        struct outgoing *o = item(node);
        if (o->what.call != call)
            continue;
        waiting_remove(m, o);
        answer(o, &err);
        mem_free(o);
    }
    list_each(node, &m->flying)
        if (item(node)->what.call == call)
            answer(item(node), &err);
}

void outgoing_end(struct mqtt *m, const struct trb_error *err)
{
    struct list *node;
    while ((node = list_take(&m->waiting))) {
        answer(item(node), err);
        mem_free(item(node));
    }
    while ((node = list_take(&m->flying))) {
        answer(item(node), err);
        mem_free(item(node));
    }
    m->waiting_count = m->flying_count = 0;
}
