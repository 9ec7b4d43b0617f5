/* consumer: a subscription, and the push consumer that it has at the server.
 *
 *     subscribe ──► (keeper) stream found, consumer made ──► opened ──► cancelled ──► (keeper) drained ──► settled: answered
 *
 * A consumer without a durable name goes when its subscriber is away for some seconds, and with a server that restarts.
 * The keeper looks after every reconnection and now and then, and makes a new one that begins where the old one was. */
#include "jetstream.h"
#include <base/clock.h>
#include <base/mem.h>
#include <base/slice.h>

#define END_NS (6 * CLOCK_S)
#define DRAIN_MS 5000
#define DELETE_WAIT_MS 1000

/* ---------------------------------------------------------------------------------------- asking */
static trb_code find_stream(struct subscription *s, struct trb_error *err)
{
    struct bus *b = s->bus;
    jsStreamNamesList *names = NULL;
    jsErrCode why = 0;
    jsOptions o;
    mem_free(s->stream);
    s->stream = b->stream ? mem_text(b->stream, strlen(b->stream)) : NULL;
    if (s->stream)
        return TRB_OK;
    jsOptions_Init(&o);
    o.Stream.Info.SubjectsFilter = s->topic.at;
    natsStatus status = js_StreamNames(&names, b->js, &o, &why);
    if (!status && names && names->Count > 0)
        s->stream = mem_text(names->List[0], strlen(names->List[0]));
    jsStreamNamesList_Destroy(names);
    if (s->stream)
        return TRB_OK;
    if (status && status != NATS_NOT_FOUND)
        return bus_error(err, status, why, "the stream of the topic cannot be looked up");
    return trb_error(err, TRB_NOT_FOUND, "NO_STREAM", "no stream takes subject '%.200s': create one, or name it with streamName",
                     s->topic.at);
}

static void describe(struct subscription *s, jsConsumerConfig *c, const char *deliver)
{
    static const jsDeliverPolicy policies[] = {js_DeliverAll, js_DeliverLast, js_DeliverNew, js_DeliverByStartSequence,
                                               js_DeliverByStartTime};
    static const jsAckPolicy acks[] = {js_AckExplicit, js_AckAll, js_AckNone};
    struct bus *b = s->bus;
    jsConsumerConfig_Init(c);
    c->Durable = b->durable;
    c->DeliverPolicy = policies[b->deliver_policy];
    if (b->deliver_policy == JS_POLICY_SEQUENCE)
        c->OptStartSeq = (uint64_t)b->start_sequence;
    if (b->deliver_policy == JS_POLICY_TIME)
        c->OptStartTime = b->start_time * (int64_t)CLOCK_S;
    c->AckPolicy = acks[b->ack_policy];
    c->AckWait = b->ack_wait_ns;
    c->MaxDeliver = b->max_deliver;
    c->BackOff = b->back_offs;
    c->BackOffLen = (int)b->back_off_count;
    c->FilterSubject = s->topic.at;
    c->RateLimit = (uint64_t)b->rate_limit;
    c->MaxAckPending = b->max_ack_pending;
    c->FlowControl = b->flow_control;
    c->Heartbeat = b->heartbeat_ns;
    c->DeliverSubject = deliver;
    c->DeliverGroup = b->queue;
    c->Replicas = b->replicas;
    c->MemoryStorage = b->memory_storage;
}

/* Members of a group share the consumer that the first of them has made. */
static natsStatus join(struct subscription *s, jsConsumerConfig *c, jsConsumerInfo **info, jsErrCode *why)
{
    struct bus *b = s->bus;
    jsConsumerInfo *there = NULL;
    if (!b->durable || !b->queue)
        return js_AddConsumer(info, b->js, s->stream, c, NULL, why);
    natsStatus status = js_GetConsumerInfo(&there, b->js, s->stream, b->durable, NULL, why);
    if (!status && there->Config->DeliverGroup && !strcmp(there->Config->DeliverGroup, b->queue) && there->Config->DeliverSubject) {
        *info = there;
        return NATS_OK;
    }
    jsConsumerInfo_Destroy(there);
    return js_AddConsumer(info, b->js, s->stream, c, NULL, why);
}

static void on_complete(void *arg)
{
    struct subscription *s = arg;
    pthread_mutex_lock(&s->bus->lock);
    s->is_complete = true;
    pthread_cond_broadcast(&s->bus->changed);
    pthread_mutex_unlock(&s->bus->lock);
}

static natsStatus bind(struct subscription *s, jsErrCode *why)
{
    struct bus *b = s->bus;
    jsSubOptions o;
    jsSubOptions_Init(&o);
    o.Stream = s->stream;
    o.Consumer = s->consumer;
    o.Queue = b->queue;
    o.ManualAck = true;
    s->is_complete = s->is_pausing = false;
    natsStatus status = js_Subscribe(&s->sub, b->js, s->topic.at, message_arrived, s, NULL, &o, why);
    return status ? status : natsSubscription_SetOnCompleteCB(s->sub, on_complete, s);
}

/* floor 0: as the options say. */
static trb_code establish(struct subscription *s, uint64_t floor, struct trb_error *err)
{
    struct bus *b = s->bus;
    natsInbox *inbox = NULL;
    jsConsumerInfo *info = NULL;
    jsConsumerConfig config;
    jsErrCode why = 0;
    natsStatus status = natsInbox_Create(&inbox);
    if (status)
        return bus_error(err, status, 0, "the topic cannot be subscribed to");
    describe(s, &config, inbox);
    if (floor) {
        config.DeliverPolicy = js_DeliverByStartSequence;
        config.OptStartSeq = floor;
        config.OptStartTime = 0;
    }
    status = join(s, &config, &info, &why);
    natsInbox_Destroy(inbox);
    if (status)
        return bus_error(err, status, why, "the consumer cannot be created");
    pthread_mutex_lock(&b->lock);
    mem_free(s->consumer);
    s->consumer = mem_text(info->Name, strlen(info->Name));
    if (info->Delivered.Stream > s->last_sequence)
        s->last_sequence = info->Delivered.Stream;
    pthread_mutex_unlock(&b->lock);
    jsConsumerInfo_Destroy(info);
    status = bind(s, &why);
    return status ? bus_error(err, status, why, "the consumer cannot be listened to") : TRB_OK;
}

/* ---------------------------------------------------------------------------------------- ending */
static void end_listening(struct subscription *s, bool drains)
{
    struct bus *b = s->bus;
    uint64_t until = clock_now_ns() + END_NS;
    if (!s->sub)
        return;
    pthread_mutex_lock(&b->lock);
    s->is_pausing = true;
    pthread_cond_broadcast(&b->changed);
    pthread_mutex_unlock(&b->lock);
    if (!drains || natsSubscription_DrainTimeout(s->sub, DRAIN_MS))
        natsSubscription_Unsubscribe(s->sub);
    pthread_mutex_lock(&b->lock);
    while (!s->is_complete && clock_now_ns() < until)
        wait_ns(&b->changed, &b->lock, CLOCK_S / 10);
    bool is_complete = s->is_complete;
    pthread_mutex_unlock(&b->lock);
    if (!is_complete)
        natsSubscription_Unsubscribe(s->sub);
    pthread_mutex_lock(&b->lock);
    while (!s->is_complete)
        pthread_cond_wait(&b->changed, &b->lock);
    pthread_mutex_unlock(&b->lock);
    natsSubscription_Destroy(s->sub);
    s->sub = NULL;
}

void subscription_check_end(struct subscription *s)
{
    struct trb_call *call = s->call;
    if (!s->is_quiet || s->running)
        return;
    messages_forget(s);
    list_remove(&s->link);
    mem_free(s->stream);
    mem_free(s->consumer);
    mem_free(s);
    trb_done(call);
}

static void end(struct bus *b, struct job *job)
{
    struct subscription *s = list_item(job, struct subscription, job);
    bool is_connected = natsConnection_Status(b->nc) == NATS_CONN_STATUS_CONNECTED;
    end_listening(s, is_connected);
    pthread_mutex_lock(&b->lock);
    s->is_quiet = true;
    subscription_check_end(s);
    pthread_mutex_unlock(&b->lock);
}

static void fail(struct subscription *s, const struct trb_error *err)
{
    struct bus *b = s->bus;
    struct trb_call *call = s->call;
    end_listening(s, false);
    pthread_mutex_lock(&b->lock);
    list_remove(&s->link);
    pthread_mutex_unlock(&b->lock);
    mem_free(s->stream);
    mem_free(s->consumer);
    mem_free(s);
    call->host->fail(call, err);
}

/* --------------------------------------------------------------------------------------- opening */
static void open(struct bus *b, struct job *job)
{
    struct subscription *s = list_item(job, struct subscription, job);
    struct trb_error err = {0};
    trb_code code = find_stream(s, &err);
    if (!code)
        code = establish(s, 0, &err);
    if (code) {
        fail(s, &err);
        return;
    }
    pthread_mutex_lock(&b->lock);
    bool is_ending = s->is_ending;
    if (!is_ending)
        b->host->opened(s->call);
    s->job.run = end;
    if (is_ending)
        line_push(&b->keeper, &s->job);
    pthread_mutex_unlock(&b->lock);
}

static bool is_taken(struct bus *b, struct trb_name topic)
{
    list_each(node, &b->subscriptions) {
        struct subscription *s = list_item(node, struct subscription, link);
        if (!s->is_ending && slice_is(slice_name(s->topic), slice_name(topic)))
            return true;
    }
    return false;
}

void bus_subscribe(void *self, struct trb_call *call, const void *question)
{
    const struct trb_pubsub_subscribe *q = question;
    struct bus *b = self;
    pthread_mutex_lock(&b->lock);
    bool taken = is_taken(b, q->topic);
    if (!taken) {
        struct subscription *s = mem_zero(sizeof *s);
        s->bus = b;
        s->call = call;
        s->topic = q->topic;
        s->has_credit = true;
        s->job.run = open;
        list_init(&s->outstanding);
        list_append(&b->subscriptions, &s->link);
        line_push(&b->keeper, &s->job);
    }
    pthread_mutex_unlock(&b->lock);
    if (taken)
        trb_fail(call, TRB_EXISTS, "SUBSCRIBED", "there is a subscription to '%.300s' already", q->topic.at);
}

static struct subscription *find(struct bus *b, const struct trb_call *call)
{
    list_each(node, &b->subscriptions)
        if (list_item(node, struct subscription, link)->call == call)
            return list_item(node, struct subscription, link);
    return NULL;
}

/* While it is being opened the keeper has its job, and sees is_ending behind it. */
void bus_cancel(void *self, struct trb_call *call, uint32_t why)
{
    struct bus *b = self;
    if (!b->has_lock)
        return;
    pthread_mutex_lock(&b->lock);
    struct subscription *s = find(b, call);
    if (s && !s->is_ending) {
        s->is_ending = true;
        if (s->job.run == end)
            line_push(&b->keeper, &s->job);
        pthread_cond_broadcast(&b->changed);
    }
    pthread_mutex_unlock(&b->lock);
}

void bus_resume(void *self, struct trb_call *call)
{
    struct bus *b = self;
    pthread_mutex_lock(&b->lock);
    struct subscription *s = find(b, call);
    if (s)
        s->has_credit = true;
    pthread_cond_broadcast(&b->changed);
    pthread_mutex_unlock(&b->lock);
}

/* ----------------------------------------------------------------------------------- looking after */
static bool is_gone(struct subscription *s)
{
    jsConsumerInfo *info = NULL;
    jsErrCode why = 0;
    natsStatus status = js_GetConsumerInfo(&info, s->bus->js, s->stream, s->consumer, NULL, &why);
    if (!status) {
        pthread_mutex_lock(&s->bus->lock);
        messages_settled(s, info->AckFloor.Stream);
        pthread_mutex_unlock(&s->bus->lock);
    }
    jsConsumerInfo_Destroy(info);
    return status == NATS_NOT_FOUND || why == JSConsumerNotFoundErr || why == JSStreamNotFoundErr;
}

/* A durable one that is there knows itself where it was. */
static void renew(struct subscription *s, bool is_gone)
{
    struct bus *b = s->bus;
    struct trb_error err = {0};
    pthread_mutex_lock(&b->lock);
    uint64_t floor = is_gone || !b->durable ? messages_floor(s) : 0;
    pthread_mutex_unlock(&b->lock);
    end_listening(s, false);
    if (establish(s, floor, &err))
        trb_log(b->host, b->origin, TRB_LOG_WARN, "the consumer of '%.200s' is gone and cannot be made again yet: %s", s->topic.at,
                err.message);
    else
        trb_log(b->host, b->origin, TRB_LOG_INFO, "the consumer of '%.200s' was gone and has been made again%s", s->topic.at,
                floor ? ", from where it was" : "");
}

/* Only the keeper opens and ends subscriptions, so that none goes while it is here. */
void consumers_look(struct bus *b)
{
    struct subscription *open[256];
    uint32_t count = 0;
    bool is_new = connect_again(b);
    if (natsConnection_Status(b->nc) != NATS_CONN_STATUS_CONNECTED)
        return;
    pthread_mutex_lock(&b->lock);
    list_each(node, &b->subscriptions) {
        struct subscription *s = list_item(node, struct subscription, link);
        if (!s->is_ending && s->job.run == end && count < sizeof open / sizeof open[0])
            open[count++] = s;
    }
    pthread_mutex_unlock(&b->lock);
    for (uint32_t n = 0; n < count; n++) {
        bool gone = is_gone(open[n]);
        if (gone || is_new || !open[n]->sub)
            renew(open[n], gone);
    }
}
