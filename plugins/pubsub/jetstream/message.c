/* message: from the server to the application, and its fate back. */
#include "jetstream.h"
#include <base/mem.h>
#include <base/slice.h>
#include <inttypes.h>
#include <stdio.h>

struct verdict {                                /* on its way to the server */
    struct job job;
    natsMsg *msg;
    int64_t delay_ms;
    bool is_ack;
};

/* ------------------------------------------------------------------------------------- telling */
/* By its reply subject and our connection: natsMsg_Ack would go through the subscription it came with, which may be gone
 * when its handler ends. */
static natsStatus say(struct bus *b, const struct verdict *v)
{
    char text[64];
    const char *to = natsMsg_GetReply(v->msg);
    if (!to)
        return NATS_INVALID_ARG;
    if (v->is_ack)
        return natsConnection_PublishString(b->nc, to, "+ACK");
    if (v->delay_ms <= 0)
        return natsConnection_PublishString(b->nc, to, "-NAK");
    snprintf(text, sizeof text, "-NAK {\"delay\":%" PRId64 "}", v->delay_ms * (int64_t)JS_MS);
    return natsConnection_PublishString(b->nc, to, text);
}

static void tell(struct bus *b, struct job *job)
{
    struct verdict *v = list_item(job, struct verdict, job);
    natsStatus s = say(b, v);
    if (s)
        trb_log(b->host, b->origin, TRB_LOG_DEBUG, "an acknowledgement could not be sent (%s): the message will come again",
                natsStatus_GetText(s));
    natsMsg_Destroy(v->msg);
    mem_free(v);
}

static void tell_later(struct bus *b, natsMsg *msg, bool is_ack, int64_t delay_ms)      /* under the lock */
{
    struct verdict *v = mem_zero(sizeof *v);
    *v = (struct verdict){.job.run = tell, .msg = msg, .delay_ms = delay_ms, .is_ack = is_ack};
    line_push(&b->sender, &v->job);
}

/* -------------------------------------------------------------------------- what is outstanding */
static struct message *item(struct list *node)
{
    return list_item(node, struct message, link);
}

static struct message *message_for(struct subscription *s, uint64_t sequence)
{
    struct list *at = s->outstanding.prev;
    while (at != &s->outstanding && item(at)->sequence > sequence)
        at = at->prev;
    if (at != &s->outstanding && item(at)->sequence == sequence && !item(at)->msg)
        return item(at);                        /* it has come again */
    struct message *m = mem_zero(sizeof *m);
    m->subscription = s;
    m->sequence = sequence;
    list_insert(at, &m->link);
    return m;
}

static struct message *message_free(struct message *m)
{
    list_remove(&m->link);
    natsMsg_Destroy(m->msg);
    return mem_free(m);
}

uint64_t messages_floor(const struct subscription *s)
{
    if (!list_is_empty(&s->outstanding))
        return item(s->outstanding.next)->sequence;
    return s->last_sequence ? s->last_sequence + 1 : 0;
}

/* Of what was given back another member of the queue group may have made an end. */
void messages_settled(struct subscription *s, uint64_t floor)
{
    list_each(node, &s->outstanding)
        if (!item(node)->msg && item(node)->sequence <= floor)
            message_free(item(node));
}

void messages_forget(struct subscription *s)
{
    list_each(node, &s->outstanding)
        message_free(item(node));
}

/* ------------------------------------------------------------------------------------- arriving */
static bool may_go_on(const struct subscription *s)
{
    return s->has_credit && !(bus_is_single(s->bus) && s->running);
}

static void emit(struct subscription *s, struct message *m)
{
    struct trb_name subject = name_of(natsMsg_GetSubject(m->msg));
    struct trb_pair topic = {NAME("Topic"), subject};
    const char *data = natsMsg_GetData(m->msg);
    struct trb_pubsub_event event = {.size = sizeof event, .topic = s->topic,
                                     .data = {data ? data : "", (size_t)natsMsg_GetDataLength(m->msg), NULL},
                                     .metadata = {&topic, 1, sizeof topic}};
    s->running++;
    s->has_credit = s->call->host->emit(s->call, &event, sizeof event, m);
}

/* A thread of libnats, one per subscription: while it waits, what follows waits with libnats. */
void message_arrived(natsConnection *nc, natsSubscription *sub, natsMsg *msg, void *arg)
{
    struct subscription *s = arg;
    struct bus *b = s->bus;
    jsMsgMetaData *meta = NULL;
    uint64_t sequence = 0, deliveries = 0;
    if (!natsMsg_GetMetaData(&meta, msg)) {
        sequence = meta->Sequence.Stream;
        deliveries = meta->NumDelivered;
    }
    jsMsgMetaData_Destroy(meta);
    pthread_mutex_lock(&b->lock);
    while (!s->is_ending && !s->is_pausing && !may_go_on(s))
        pthread_cond_wait(&b->changed, &b->lock);
    if (s->is_ending) {
        tell_later(b, msg, false, 0);
    } else if (s->is_pausing) {
        natsMsg_Destroy(msg);                   /* of a consumer that is gone: it comes again from the next */
    } else {
        struct message *m = message_for(s, sequence);
        m->msg = msg;
        m->deliveries = deliveries;
        if (sequence > s->last_sequence)
            s->last_sequence = sequence;
        emit(s, m);
    }
    pthread_mutex_unlock(&b->lock);
}

/* ------------------------------------------------------------------------------------- settling */
/* ackPolicy all acknowledges what was before, too: never beyond what is not done. */
static void acknowledge_all(struct bus *b, struct subscription *s)
{
    natsMsg *last = NULL;
    while (!list_is_empty(&s->outstanding) && item(s->outstanding.next)->is_done) {
        struct message *m = item(s->outstanding.next);
        natsMsg_Destroy(last);
        last = m->msg;
        m->msg = NULL;
        message_free(m);
    }
    if (last)
        tell_later(b, last, true, 0);
}

static void acknowledge(struct bus *b, struct message *m)
{
    struct subscription *s = m->subscription;
    if (b->ack_policy == JS_ACK_ALL) {
        m->is_done = true;
        acknowledge_all(b, s);
        return;
    }
    tell_later(b, m->msg, true, 0);
    m->msg = NULL;
    message_free(m);
}

static void refuse(struct bus *b, struct message *m, int64_t delay_ms)
{
    bool is_last = b->max_deliver > 0 && m->deliveries >= (uint64_t)b->max_deliver;
    tell_later(b, m->msg, false, delay_ms);
    m->msg = NULL;
    if (is_last)
        message_free(m);
}

void bus_settle(void *self, void *cookie, const struct trb_settlement *how)
{
    struct bus *b = self;
    struct message *m = cookie;
    struct subscription *s = m->subscription;
    pthread_mutex_lock(&b->lock);
    if (b->ack_policy == JS_ACK_NONE)
        message_free(m);
    else if (how->verdict == TRB_ACK || how->verdict == TRB_DROP)
        acknowledge(b, m);
    else
        refuse(b, m, how->verdict == TRB_RETRY ? (b->ack_wait_ns + JS_MS - 1) / JS_MS : 0);
    s->running--;
    pthread_cond_broadcast(&b->changed);
    subscription_check_end(s);
    pthread_mutex_unlock(&b->lock);
}
