/* listener: one subscription: asked for on every connection, its messages passed on as there is credit.
 *
 * A message goes to one of them: to the one of that very topic, else to one that shares, else to the first that matches. */
#include "inside.h"
#include <base/check.h>
#include <base/mem.h>
#include <base/slice.h>

#define LEAVE_NS (2000 * MQTT_MS)               /* the most that UNSUBACK is waited for */

static struct mqtt_listener *item(struct list *node)
{
    return list_item(node, struct mqtt_listener, link);
}

/* -------------------------------------------------------------------------------------- the end */
static void check_end(struct mqtt_listener *l)
{
    struct trb_call *call = l->listening.call;
    struct trb_error failure = l->failure;
    if (!l->is_ending || l->running || l->leaving_id)
        return;
    list_remove(&l->link);
    mem_free(l);
    if (failure.code)
        call->host->fail(call, &failure);
    else
        trb_done(call);
}

/* What waits here stays the broker's, for whoever listens next. */
static void give_back(struct mqtt_listener *l)
{
    struct mqtt *m = l->mqtt;
    struct list *node;
    while ((node = list_take(&l->queue))) {
        struct mqtt_message *x = list_item(node, struct mqtt_message, link);
        m->queued_count--;
        m->queued_bytes -= x->bytes.len;
        incoming_park(m, x);
    }
    incoming_balance(m);
}

static void ask_to_leave(struct mqtt_listener *l)
{
    struct mqtt *m = l->mqtt;
    struct mqtt_filters f;
    struct text packet = {0};
    if (!(l->leaving_id = mqtt_id_take(m)))
        return;
    l->leaving_ns = m->setup.host->now_ns();
    mqtt_filters_begin(&f, MQTT_UNSUBSCRIBE, l->leaving_id);
    mqtt_filters_add(&f, l->listening.filter, 0);
    mqtt_filters_end(&f, &packet);
    mqtt_send(m, text_slice(&packet));
    text_fini(&packet);
    mqtt_tick_now(m);
}

static void end(struct mqtt_listener *l)
{
    if (l->is_ending)
        return;
    l->is_ending = true;
    give_back(l);
    if (l->mqtt->state == MQTT_UP && !l->failure.code && (l->listening.unsubscribes || l->mqtt->setup.config->clean_session))
        ask_to_leave(l);
    check_end(l);
}

static struct mqtt_listener *find(struct mqtt *m, const struct trb_call *call)
{
    list_each(node, &m->listeners)
        if (item(node)->listening.call == call)
            return item(node);
    return NULL;
}

void mqtt_unlisten(struct mqtt *m, struct trb_call *call)
{
    struct mqtt_listener *l = find(m, call);
    if (l)
        end(l);
}

static void left(struct mqtt_listener *l)
{
    mqtt_id_give(l->mqtt, l->leaving_id);
    l->leaving_id = 0;
    check_end(l);
}

void listeners_left(struct mqtt *m, uint32_t id)
{
    list_each(node, &m->listeners)
        if (item(node)->leaving_id == id)
            left(item(node));
}

bool listeners_tick(struct mqtt *m, uint64_t now)
{
    bool is_busy = false;
    list_each(node, &m->listeners) {
        struct mqtt_listener *l = item(node);
        is_busy = is_busy || l->leaving_id;
        if (l->leaving_id && now - l->leaving_ns > LEAVE_NS)
            left(l);
    }
    return is_busy;
}

/* ----------------------------------------------------------------------------------- passing on */
static void pump(struct mqtt_listener *l)
{
    struct mqtt *m = l->mqtt;
    struct list *node;
    while (l->is_open && !l->is_ending && l->has_credit && (node = list_take(&l->queue))) {
        struct mqtt_message *x = list_item(node, struct mqtt_message, link);
        m->queued_count--;
        m->queued_bytes -= x->bytes.len;
        l->running++;
        l->has_credit = l->listening.emit(l->listening.call, x);
    }
    incoming_balance(m);
}

void listener_push(struct mqtt_listener *l, struct mqtt_message *x)
{
    x->listener = l;
    list_append(&l->queue, &x->link);
    l->mqtt->queued_count++;
    l->mqtt->queued_bytes += x->bytes.len;
    pump(l);
}

void listener_settled(struct mqtt_listener *l)
{
    l->running--;
    check_end(l);
}

void mqtt_resume(struct mqtt *m, struct trb_call *call)
{
    struct mqtt_listener *l = find(m, call);
    if (!l)
        return;
    l->has_credit = true;
    pump(l);
}

static uint32_t rank(const struct mqtt_listener *l, struct trb_slice topic)
{
    if (l->is_ending)
        return 0;
    if (slice_is(l->listening.filter, topic))
        return 3;
    return !incoming_matches(l, topic) ? 0 : l->shared.at ? 2 : 1;
}

struct mqtt_listener *listener_for(struct mqtt *m, struct trb_slice topic)
{
    struct mqtt_listener *best = NULL;
    uint32_t best_rank = 0;
    list_each(node, &m->listeners) {
        uint32_t r = rank(item(node), topic);
        if (r > best_rank) {
            best_rank = r;
            best = item(node);
        }
    }
    return best;
}

/* ----------------------------------------------------------------------------------- subscribing */
static void subscribe(struct mqtt *m, struct mqtt_listener *only)
{
    struct mqtt_filters f;
    struct text packet = {0};
    uint32_t id = mqtt_id_take(m), index = 0;
    if (!id)
        return;
    mqtt_filters_begin(&f, MQTT_SUBSCRIBE, id);
    list_each(node, &m->listeners) {
        struct mqtt_listener *l = item(node);
        if (l->is_ending || (only && l != only))
            continue;
        mqtt_filters_add(&f, l->listening.filter, l->listening.qos);
        l->asked_id = id;
        l->asked_index = index++;
    }
    mqtt_filters_end(&f, &packet);
    if (index)
        mqtt_send(m, text_slice(&packet));
    else
        mqtt_id_give(m, id);
    text_fini(&packet);
}

void listeners_up(struct mqtt *m)
{
    if (!list_is_empty(&m->listeners))
        subscribe(m, NULL);
}

void listeners_down(struct mqtt *m)
{
    list_each(node, &m->listeners) {
        struct mqtt_listener *l = item(node);
        if (l->asked_id)
            mqtt_id_give(m, l->asked_id);
        l->asked_id = 0;
        if (l->leaving_id)
            left(l);
    }
}

static void granted(struct mqtt_listener *l, uint32_t code)
{
    struct mqtt *m = l->mqtt;
    l->asked_id = 0;
    if (l->is_ending)
        return;
    if (code == MQTT_REFUSED) {
        trb_error(&l->failure, TRB_DENIED, "REFUSED", "the broker refuses the subscription to '%.*s'",
                  SLICE_ARG(slice_cut(l->listening.filter, 300)));
        end(l);
        return;
    }
    if (code < l->listening.qos)
        trb_log(m->setup.host, m->setup.origin, TRB_LOG_WARN, "the broker grants QoS %u for '%.*s' instead of %u", code,
                SLICE_ARG(slice_cut(l->listening.filter, 300)), l->listening.qos);
    if (!l->is_open) {
        l->is_open = true;
        m->setup.host->opened(l->listening.call);
    }
    pump(l);
}

void listeners_granted(struct mqtt *m, const struct mqtt_packet *p)
{
    list_each(node, &m->listeners) {
        struct mqtt_listener *l = item(node);
        if (l->asked_id == p->id && l->asked_index < p->codes.len)
            granted(l, (uint8_t)p->codes.at[l->asked_index]);
    }
    mqtt_id_give(m, p->id);
}

static bool is_taken(struct mqtt *m, struct trb_slice filter)
{
    list_each(node, &m->listeners)
        if (!item(node)->is_ending && slice_is(item(node)->listening.filter, filter))
            return true;
    return false;
}

void mqtt_listen(struct mqtt *m, const struct mqtt_listening *what)
{
    if (!mqtt_filter_is_valid(what->filter)) {
        trb_fail(what->call, TRB_INVALID, "BAD_TOPIC",
                 "'%.*s' is no topic to subscribe to: '+' stands for a whole level, '#' for the rest; shared is $share/GROUP/TOPIC",
                 SLICE_ARG(slice_cut(what->filter, 200)));
        return;
    }
    if (is_taken(m, what->filter)) {
        trb_fail(what->call, TRB_EXISTS, "SUBSCRIBED", "there is a subscription to '%.*s' already",
                 SLICE_ARG(slice_cut(what->filter, 300)));
        return;
    }
    struct mqtt_listener *l = mem_zero(sizeof *l);
    l->mqtt = m;
    l->listening = *what;
    l->shared = mqtt_filter_shared(what->filter);
    l->has_credit = true;
    list_init(&l->queue);
    list_append(&m->listeners, &l->link);
    incoming_unpark(m, l);
    mqtt_step_in(m);
    if (m->state == MQTT_UP)
        subscribe(m, l);
}
