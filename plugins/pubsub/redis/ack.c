/* ack: telling the server that a message is done, or that it is due again. An acknowledgement that did
 * not get through is sent again when the server is back: else the message would come twice. */
#include "bus.h"
#include <base/mem.h>
#include <base/slice.h>

struct ack {
    struct list link;
    char id[ID_ROOM];
};

static void send(struct subscription *s, struct ack *a);

static void on_acked(struct redis_wish *w, const struct resp *reply, const struct trb_error *err)
{
    struct subscription *s = w->self;
    struct ack *a = w->call;
    s->owed--;
    if (err && !s->is_ending)
        list_append(&s->unacked, &a->link);
    else
        mem_free(a);
    subscription_check_end(s);
}

static void send(struct subscription *s, struct ack *a)
{
    struct redis_wish w = {.answered = on_acked, .self = s, .call = a};
    struct trb_data words[] = {redis_text("XACK"), redis_name(s->topic), redis_name(s->bus->group), redis_text(a->id)};
    s->owed++;
    redis_ask(s->bus->redis, subscription_key(s), &w, words, 4);
}

void ack_send(struct subscription *s, const char *id)
{
    struct ack *a = mem_zero(sizeof *a);
    snprintf(a->id, sizeof a->id, "%s", id);
    list_init(&a->link);
    send(s, a);
}

void ack_again(struct subscription *s)
{
    struct list waiting, *node;
    list_init(&waiting);
    while ((node = list_take(&s->unacked)))
        list_append(&waiting, node);
    while ((node = list_take(&waiting)))
        send(s, list_item(node, struct ack, link));
}

void ack_forget(struct subscription *s)
{
    struct list *node;
    while ((node = list_take(&s->unacked)))
        mem_free(list_item(node, struct ack, link));
}

/* ------------------------------------------------------------------------------------- releasing */
static void on_released(struct redis_wish *w, const struct resp *reply, const struct trb_error *err)
{
    struct subscription *s = w->self;
    s->owed--;
    subscription_check_end(s);
}

/* Claimed by ourselves with an idle time as if it had waited long enough; not counted as a delivery. */
void release_send(struct subscription *s, const char *id)
{
    struct bus *b = s->bus;
    char idle[REDIS_NUMBER];
    struct redis_wish w = {.answered = on_released, .self = s};
    struct trb_data words[] = {redis_text("XCLAIM"), redis_name(s->topic), redis_name(b->group), redis_name(b->group),
                               redis_text("0"), redis_text(id), redis_text("IDLE"),
                               redis_number(idle, b->processing_timeout_ns / REDIS_MS), redis_text("JUSTID")};
    if (!reclaim_is_on(b))
        return;
    s->owed++;
    redis_ask(b->redis, subscription_key(s), &w, words, 9);
}
