/* member: the thread that is the group's member. It alone creates, polls and closes the consumer. */
#include "kafka.h"
#include <base/clock.h>
#include <base/mem.h>
#include <base/slice.h>
#include <signal.h>
#include <time.h>

#define ASK_MS 2000
#define TOPIC_TRIES 20u
#define REVOKE_PATIENCE_NS (30 * CLOCK_S)
#define IDLE_MS 1000

void member_wake(struct kafka *k)
{
    pthread_cond_broadcast(&k->changed);
    if (k->consumer)
        rd_kafka_queue_yield(k->events);
}

static void wait_ns(struct kafka *k, uint64_t ns)        /* under the lock */
{
    uint64_t until_ns = clock_now_ns() + ns;
    struct timespec at = {(time_t)(until_ns / CLOCK_S), (long)(until_ns % CLOCK_S)};
    pthread_cond_timedwait(&k->changed, &k->lock, &at);
}

/* -------------------------------------------------------------------------------- assignments */
/* A group without a position for a partition begins at its present end, and from then on misses
 * nothing: the end is looked up before anybody is told that we listen. */
static void resolve_newest(struct kafka *k, rd_kafka_t *rk, rd_kafka_topic_partition_list_t *list)
{
    if (k->options.initial_offset != KAFKA_NEWEST || !list->cnt || rd_kafka_committed(rk, list, ASK_MS))
        return;
    for (int n = 0; n < list->cnt; n++) {
        rd_kafka_topic_partition_t *p = &list->elems[n];
        int64_t low, high;
        if (p->offset < 0 && !rd_kafka_query_watermark_offsets(rk, p->topic, p->partition, &low, &high, ASK_MS))
            p->offset = high;
    }
}

static void assigned(struct kafka *k, rd_kafka_t *rk, rd_kafka_topic_partition_list_t *list)
{
    resolve_newest(k, rk, list);
    pthread_mutex_lock(&k->lock);
    for (int n = 0; n < list->cnt; n++)
        if (!part_find(k, list->elems[n].topic, list->elems[n].partition))
            part_add(k, list->elems[n].topic, list->elems[n].partition);
    pthread_mutex_unlock(&k->lock);
    rd_kafka_assign(rk, list);
    pthread_mutex_lock(&k->lock);
    list_each(node, &k->subscriptions) {
        struct subscription *s = list_item(node, struct subscription, link);
        if (!s->is_asked || s->is_opened || s->is_ending)
            continue;
        s->is_opened = true;
        k->host->opened(s->call);
    }
    pthread_mutex_unlock(&k->lock);
}

static bool is_any_in_flight(struct kafka *k, const rd_kafka_topic_partition_list_t *list)
{
    for (int n = 0; n < list->cnt; n++) {
        struct part *p = part_find(k, list->elems[n].topic, list->elems[n].partition);
        if (p && p->in_flight)
            return true;
    }
    return false;
}

/* What the app has in its hands is waited for, so that its next owner does not begin with it again. */
static void revoked(struct kafka *k, rd_kafka_t *rk, rd_kafka_topic_partition_list_t *list, bool waits)
{
    uint64_t until_ns = clock_now_ns() + REVOKE_PATIENCE_NS;
    pthread_mutex_lock(&k->lock);
    list_each(node, &k->parts)
        list_item(node, struct part, link)->is_held = true;
    while (waits && is_any_in_flight(k, list) && clock_now_ns() < until_ns)
        wait_ns(k, CLOCK_S);
    for (int n = 0; n < list->cnt; n++) {
        struct part *p = part_find(k, list->elems[n].topic, list->elems[n].partition);
        if (p)
            part_revoke(k, p);
    }
    list_each(node, &k->parts) {
        list_item(node, struct part, link)->is_held = false;
        part_go_on(k, list_item(node, struct part, link));
    }
    pthread_mutex_unlock(&k->lock);
    rd_kafka_commit(rk, NULL, 0);
    rd_kafka_assign(rk, NULL);
}

static void on_rebalance(rd_kafka_t *rk, rd_kafka_resp_err_t what, rd_kafka_topic_partition_list_t *list, void *self)
{
    if (what == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS)
        assigned(self, rk, list);
    else
        revoked(self, rk, list, !rd_kafka_assignment_lost(rk));
}

static void on_error(rd_kafka_t *rk, int fault, const char *reason, void *self)
{
    struct kafka *k = self;
    trb_log(k->host, k->origin, TRB_LOG_DEBUG, "%s", reason);
}

/* ------------------------------------------------------------------------------------ the topics */
static trb_code consumer_create(struct kafka *k, struct trb_error *err)
{
    char why[300];
    rd_kafka_conf_t *conf = NULL;
    trb_code code = kafka_config_create(&k->options, true, &conf, err);
    if (code)
        return code;
    rd_kafka_conf_set_opaque(conf, k);
    rd_kafka_conf_set_rebalance_cb(conf, on_rebalance);
    rd_kafka_conf_set_error_cb(conf, on_error);
    rd_kafka_conf_set_log_cb(conf, kafka_log);
    rd_kafka_t *rk = rd_kafka_new(RD_KAFKA_CONSUMER, conf, why, sizeof why);
    if (!rk) {
        rd_kafka_conf_destroy(conf);
        return trb_error(err, TRB_INVALID, "KAFKA", "%s", why);
    }
    kafka_config_serve_tokens(rk);
    rd_kafka_poll_set_consumer(rk);
    pthread_mutex_lock(&k->lock);
    k->consumer = rk;
    k->events = rd_kafka_queue_get_consumer(rk);
    pthread_mutex_unlock(&k->lock);
    return TRB_OK;
}

static bool topic_is_there(struct kafka *k, const char *name)
{
    const struct rd_kafka_metadata *m = NULL;
    rd_kafka_topic_t *topic = rd_kafka_topic_new(k->producer, name, NULL);
    bool is_there = topic && !rd_kafka_metadata(k->producer, 0, topic, &m, ASK_MS) && m->topic_cnt == 1 &&
                    !m->topics[0].err && m->topics[0].partition_cnt > 0 && m->topics[0].partitions[0].leader >= 0;
    if (m)
        rd_kafka_metadata_destroy(m);
    if (topic)
        rd_kafka_topic_destroy(topic);
    return is_there;
}

/* Asking for a topic makes a broker create it that is allowed to; a group that joins before that would
 * learn of its partitions only at the next refresh. */
static void topic_await(struct kafka *k, const char *name)
{
    for (uint32_t n = 0; n < TOPIC_TRIES && !topic_is_there(k, name); n++) {
        pthread_mutex_lock(&k->lock);
        wait_ns(k, 50 * CLOCK_MS);
        bool ends = k->ends;
        pthread_mutex_unlock(&k->lock);
        if (ends)
            return;
    }
}

static rd_kafka_topic_partition_list_t *topics_wanted(struct kafka *k)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(8);
    pthread_mutex_lock(&k->lock);
    k->topics_changed = false;
    list_each(node, &k->subscriptions) {
        struct subscription *s = list_item(node, struct subscription, link);
        if (s->is_ending)
            continue;
        for (uint32_t n = 0; n < s->topic_count; n++)
            rd_kafka_topic_partition_list_add(list, s->topics[n].at, RD_KAFKA_PARTITION_UA);
    }
    pthread_mutex_unlock(&k->lock);
    return list;
}

static bool is_in(const rd_kafka_topic_partition_list_t *list, const char *topic)
{
    for (int n = 0; n < list->cnt; n++)
        if (!strcmp(list->elems[n].topic, topic))
            return true;
    return false;
}

static void asked(struct kafka *k, const rd_kafka_topic_partition_list_t *list, const struct trb_error *err)
{
    pthread_mutex_lock(&k->lock);
    list_each(node, &k->subscriptions) {
        struct subscription *s = list_item(node, struct subscription, link);
        if (!is_in(list, s->topics[0].at) || s->is_ending)
            continue;
        s->is_asked = true;
        if (!err->code || s->is_opened)
            continue;
        struct trb_call *call = s->call;
        list_remove(&s->link);
        mem_free(s);
        call->host->fail(call, err);
    }
    pthread_mutex_unlock(&k->lock);
}

/* Not rd_kafka_consumer_close, which gives up when somebody wakes the thread meanwhile. */
static void leave(rd_kafka_t *rk)
{
    rd_kafka_queue_t *events = rd_kafka_queue_new(rk);
    rd_kafka_error_t *fault = rd_kafka_consumer_close_queue(rk, events);
    while (!fault && !rd_kafka_consumer_closed(rk)) {
        rd_kafka_message_t *late = rd_kafka_consume_queue(events, IDLE_MS);
        if (late)
            rd_kafka_message_destroy(late);
    }
    if (fault)
        rd_kafka_error_destroy(fault);
    rd_kafka_queue_destroy(events);
}

static void consumer_close(struct kafka *k)
{
    rd_kafka_t *rk = k->consumer;
    if (!rk)
        return;
    leave(rk);
    pthread_mutex_lock(&k->lock);
    k->consumer = NULL;
    list_each(node, &k->parts)
        part_revoke(k, list_item(node, struct part, link));
    rd_kafka_queue_destroy(k->events);
    k->events = NULL;
    pthread_mutex_unlock(&k->lock);
    rd_kafka_destroy(rk);
}

static void apply(struct kafka *k)
{
    struct trb_error err = {.size = sizeof err};
    rd_kafka_topic_partition_list_t *list = topics_wanted(k);
    if (!list->cnt) {
        consumer_close(k);
    } else {
        for (int n = 0; n < list->cnt; n++)
            topic_await(k, list->elems[n].topic);
        if (!k->consumer)
            consumer_create(k, &err);
        else
            rd_kafka_commit(k->consumer, NULL, 0);
        rd_kafka_resp_err_t fault = err.code ? 0 : rd_kafka_subscribe(k->consumer, list);
        if (fault)
            produce_error(&err, fault, "cannot subscribe");
        asked(k, list, &err);
    }
    rd_kafka_topic_partition_list_destroy(list);
}

/* ----------------------------------------------------------------------------------- the thread */
/* Those that were cancelled and have nothing in the app's hands are answered, out of the group. */
static void end_cancelled(struct kafka *k)
{
    struct list gone;
    list_init(&gone);
    pthread_mutex_lock(&k->lock);
    list_each(node, &k->subscriptions) {
        struct subscription *s = list_item(node, struct subscription, link);
        if (!s->is_ending || s->in_flight)
            continue;
        list_remove(&s->link);
        list_append(&gone, &s->link);
        k->topics_changed = true;
        list_each(at, &k->parts)
            if (list_item(at, struct part, link)->subscription == s)
                list_item(at, struct part, link)->subscription = NULL;
    }
    pthread_mutex_unlock(&k->lock);
    if (list_is_empty(&gone))
        return;
    apply(k);
    for (struct list *node; (node = list_take(&gone));) {
        struct subscription *s = list_item(node, struct subscription, link);
        struct trb_call *call = s->call;
        mem_free(s);
        trb_done(call);
    }
}

static void take_fetched(struct kafka *k)
{
    pthread_mutex_lock(&k->lock);
    bool is_back = parts_take(k) && k->is_lost;
    k->is_lost = k->is_lost && !is_back;
    pthread_mutex_unlock(&k->lock);
    if (is_back)
        k->host->ready(k->origin);
}

/* What is polled for are assignments and troubles: messages are in the queues of their partitions. */
static void poll_once(struct kafka *k)
{
    pthread_mutex_lock(&k->lock);
    uint64_t now_ns = clock_now_ns(), due_ns = parts_retry(k, now_ns);
    pthread_mutex_unlock(&k->lock);
    int ms = due_ns && due_ns - now_ns < IDLE_MS * CLOCK_MS ? (int)((due_ns - now_ns) / CLOCK_MS) + 1 : IDLE_MS;
    rd_kafka_message_t *m = rd_kafka_consumer_poll(k->consumer, ms);
    if (m && m->err)
        trb_log(k->host, k->origin, TRB_LOG_DEBUG, "%s", rd_kafka_message_errstr(m));
    if (m)
        rd_kafka_message_destroy(m);
    take_fetched(k);
}

static void *run(void *self)
{
    struct kafka *k = self;
    for (;;) {
        pthread_mutex_lock(&k->lock);
        while (!k->consumer && !k->topics_changed && !k->ends)
            pthread_cond_wait(&k->changed, &k->lock);
        bool ends = k->ends && list_is_empty(&k->subscriptions), changed = k->topics_changed;
        pthread_mutex_unlock(&k->lock);
        if (ends)
            break;
        if (changed)
            apply(k);
        end_cancelled(k);
        if (k->consumer)
            poll_once(k);
    }
    consumer_close(k);
    return NULL;
}

static bool thread_start(struct kafka *k)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before);
    int fault = pthread_create(&k->thread, NULL, run, k);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return !fault;
}

void member_end(struct kafka *k)
{
    pthread_mutex_lock(&k->lock);
    k->ends = true;
    member_wake(k);
    pthread_mutex_unlock(&k->lock);
    if (k->has_thread)
        pthread_join(k->thread, NULL);
}

/* ------------------------------------------------------------------------------------------ verbs */
/* One of these topics that is listened to already; NULL: none. */
static const char *taken(struct kafka *k, const struct trb_name *topics, uint32_t count)
{
    list_each(node, &k->subscriptions) {
        struct subscription *s = list_item(node, struct subscription, link);
        for (uint32_t n = 0; n < count && !s->is_ending; n++)
            if (subscription_has(s, slice_name(topics[n])))
                return topics[n].at;
    }
    return NULL;
}

static struct subscription *subscription_create(struct trb_call *call, const struct trb_name *topics, uint32_t count,
                                                uint32_t window)
{
    struct subscription *s = mem_zero(sizeof *s + count * sizeof *s->topics);
    struct trb_name *own = (struct trb_name *)(s + 1);
    memcpy(own, topics, count * sizeof *own);
    *s = (struct subscription){.call = call, .topics = own, .topic_count = count, .has_credit = true,
                               .window = window ? window : 1};
    return s;
}

void kafka_listen(struct kafka *k, struct trb_call *call, const struct trb_name *topics, uint32_t count, uint32_t window)
{
    struct trb_error err = {.size = sizeof err};
    pthread_mutex_lock(&k->lock);
    const char *twice = taken(k, topics, count);
    if (!k->has_thread)
        k->has_thread = thread_start(k);
    if (!k->has_thread) {
        trb_error(&err, TRB_EXHAUSTED, "NO_THREAD", "there is no thread to be had for the consumer");
    } else if (twice) {
        trb_error(&err, TRB_EXISTS, "SUBSCRIBED", "there is a subscription to %s already", twice);
    } else {
        list_append(&k->subscriptions, &subscription_create(call, topics, count, window)->link);
        k->topics_changed = true;
        member_wake(k);
    }
    pthread_mutex_unlock(&k->lock);
    if (err.code)
        call->host->fail(call, &err);
}

void kafka_cancel(void *self, struct trb_call *call, uint32_t why)
{
    struct kafka *k = self;
    pthread_mutex_lock(&k->lock);
    list_each(node, &k->subscriptions) {
        struct subscription *s = list_item(node, struct subscription, link);
        if (s->call == call)
            s->is_ending = k->topics_changed = true;
    }
    member_wake(k);
    pthread_mutex_unlock(&k->lock);
}
