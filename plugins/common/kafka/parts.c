/* parts: in each partition only the first messages are on their way; the next go when those are settled. */
#include "kafka.h"
#include <base/clock.h>
#include <base/codec.h>
#include <base/mem.h>
#include <base/slice.h>

#define MOST_BYTES (4u << 20)              /* of one partition that wait here, but for one message */

struct part *part_find(struct kafka *k, const char *topic, int32_t number)
{
    list_each(node, &k->parts) {
        struct part *p = list_item(node, struct part, link);
        if (p->number == number && !p->is_revoked && !strcmp(p->topic, topic))
            return p;
    }
    return NULL;
}

bool subscription_has(const struct subscription *s, struct trb_slice topic)
{
    for (uint32_t n = 0; n < s->topic_count; n++)
        if (slice_is(slice_name(s->topics[n]), topic))
            return true;
    return false;
}

static struct subscription *wanted_by(struct kafka *k, const char *topic)
{
    list_each(node, &k->subscriptions) {
        struct subscription *s = list_item(node, struct subscription, link);
        if (!s->is_ending && subscription_has(s, slice_of(topic)))
            return s;
    }
    return NULL;
}

/* A thread of librdkafka, under a lock of its own. */
static void on_fetched(rd_kafka_t *rk, void *self)
{
    struct kafka *k = self;
    rd_kafka_queue_yield(k->events);
}

/* Each partition has a queue of its own, which fills up by itself and is taken from at the application's pace: pausing
 * would throw away what was fetched. Before the assignment, which fills it. */
struct part *part_add(struct kafka *k, const char *topic, int32_t number)
{
    struct part *p = mem_zero(sizeof *p);
    p->subscription = wanted_by(k, topic);
    p->topic = mem_text(topic, strlen(topic));
    p->number = number;
    p->last = &p->first;
    p->queue = rd_kafka_queue_get_partition(k->consumer, topic, number);
    if (p->queue) {
        rd_kafka_queue_forward(p->queue, NULL);
        rd_kafka_queue_cb_event_enable(p->queue, on_fetched, k);
    }
    list_append(&k->parts, &p->link);
    return p;
}

static void drop_first(struct part *p)
{
    struct message *m = p->first;
    p->first = m->next;
    if (!p->first)
        p->last = &p->first;
    p->count--;
    p->bytes -= m->record->len;
    rd_kafka_message_destroy(m->record);
    mem_free(m);
}

static void part_free(struct part *p)
{
    while (p->first)
        drop_first(p);
    list_remove(&p->link);
    mem_free(p->topic);
    mem_free(p);
}

void part_revoke(struct kafka *k, struct part *p)
{
    p->is_revoked = true;
    if (p->queue) {
        rd_kafka_queue_cb_event_enable(p->queue, NULL, NULL);
        rd_kafka_queue_destroy(p->queue);
        p->queue = NULL;
    }
    if (!p->in_flight)
        part_free(p);
}

/* ------------------------------------------------------------------------------------ flow of records */
static void push(struct kafka *k, struct part *p, rd_kafka_message_t *record)
{
    struct message *m = mem_zero(sizeof *m);
    m->record = record;
    m->part = p;
    *p->last = m;
    p->last = &m->next;
    p->count++;
    p->bytes += record->len;
    part_go_on(k, p);
}

static bool take(struct kafka *k, struct part *p)
{
    rd_kafka_message_t *record = NULL;
    p->is_full = p->count && (p->count >= k->options.channel_buffer || p->bytes >= MOST_BYTES);
    if (!p->queue || p->is_full || !(record = rd_kafka_consume_queue(p->queue, 0)))
        return false;
    if (record->err) {
        trb_log(k->host, k->origin, TRB_LOG_DEBUG, "%s", rd_kafka_message_errstr(record));
        rd_kafka_message_destroy(record);
    } else {
        push(k, p, record);
    }
    return true;
}

bool parts_take(struct kafka *k)
{
    bool any = false;
    list_each(node, &k->parts)
        while (take(k, list_item(node, struct part, link)))
            any = true;
    return any;
}

static bool may_go(const struct part *p)
{
    const struct subscription *s = p->subscription;
    return !p->is_held && !p->is_revoked && !p->has_failed && s && !s->is_ending && s->has_credit;
}

void part_go_on(struct kafka *k, struct part *p)
{
    struct message *m = p->first;
    for (uint32_t n = 0; m && may_go(p) && n < p->subscription->window; n++, m = m->next) {
        if (m->state != MESSAGE_WAITS)
            continue;
        m->state = MESSAGE_FLIES;
        p->in_flight++;
        p->subscription->in_flight++;
        p->subscription->has_credit = event_emit(k, p->subscription, m->record, m) > 0;
    }
}

/* Those that failed are as if they had never been on their way. */
static void forgive(struct part *p)
{
    for (struct message *m = p->first; m; m = m->next)
        if (m->state == MESSAGE_FAILED)
            m->state = MESSAGE_WAITS;
    p->has_failed = false;
    p->retry_ns = 0;
}

uint64_t parts_retry(struct kafka *k, uint64_t now_ns)
{
    uint64_t next_ns = 0;
    list_each(node, &k->parts) {
        struct part *p = list_item(node, struct part, link);
        if (p->retry_ns && p->retry_ns <= now_ns) {
            forgive(p);
            part_go_on(k, p);
        } else if (p->retry_ns && (!next_ns || p->retry_ns < next_ns)) {
            next_ns = p->retry_ns;
        }
    }
    return next_ns;
}

/* ---------------------------------------------------------------------------------------- settlements */
static void note_position(struct kafka *k, struct part *p, int64_t offset)
{
    rd_kafka_topic_partition_list_t *one = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(one, p->topic, p->number)->offset = offset + 1;
    rd_kafka_resp_err_t fault = rd_kafka_offsets_store(k->consumer, one);
    if (fault)
        trb_log(k->host, k->origin, TRB_LOG_WARN, "the position %lld of %s/%d could not be noted: %s", (long long)offset,
                p->topic, (int)p->number, rd_kafka_err2str(fault));
    rd_kafka_topic_partition_list_destroy(one);
}

/* Those at the beginning that are done leave. */
static void finish(struct kafka *k, struct part *p)
{
    int64_t offset = -1;
    for (; p->first && p->first->state == MESSAGE_DONE; drop_first(p))
        offset = p->first->record->offset;
    if (offset < 0)
        return;
    note_position(k, p, offset);
    p->failures = 0;
    if (!p->is_full || p->count > k->options.channel_buffer / 2 || p->bytes > MOST_BYTES / 2)
        return;
    p->is_full = false;
    member_wake(k);
}

static uint64_t backoff_ns(const struct kafka *k, const struct part *p)
{
    double ns = (double)k->options.backoff_initial_ns;
    uint32_t random;
    if (k->options.backoff_policy == KAFKA_BACKOFF_CONSTANT)
        return (uint64_t)k->options.backoff_duration_ns;
    for (uint32_t n = 1; n < p->failures && ns < (double)k->options.backoff_max_interval_ns; n++)
        ns *= k->options.backoff_multiplier;
    if (ns > (double)k->options.backoff_max_interval_ns)
        ns = (double)k->options.backoff_max_interval_ns;
    random_bytes(&random, sizeof random);
    return (uint64_t)(ns * (1 + k->options.backoff_randomization * (2.0 * random / UINT32_MAX - 1)));
}

static bool gives_up(const struct kafka *k, const struct part *p)
{
    const struct kafka_options *o = &k->options;
    return !o->retry_enabled || (o->backoff_max_retries >= 0 && p->failures > o->backoff_max_retries) ||
           (o->backoff_policy == KAFKA_BACKOFF_EXPONENTIAL && o->backoff_max_elapsed_ns > 0 &&
            clock_now_ns() - p->failing_since_ns > (uint64_t)o->backoff_max_elapsed_ns);
}

static void skip(struct kafka *k, struct part *p)
{
    for (struct message *m = p->first; m; m = m->next) {
        if (m->state != MESSAGE_FAILED)
            continue;
        m->state = MESSAGE_DONE;
        trb_log(k->host, k->origin, TRB_LOG_ERROR, "message %lld of %s/%d could not be handled and is skipped",
                (long long)m->record->offset, p->topic, (int)p->number);
    }
    p->has_failed = false;
    finish(k, p);
}

/* The app failed, and has nothing more in its hands: again after a pause, or, when that is over, past it. */
static void retry(struct kafka *k, struct part *p)
{
    if (!p->failures++)
        p->failing_since_ns = clock_now_ns();
    if (gives_up(k, p)) {
        skip(k, p);
        return;
    }
    p->retry_ns = clock_now_ns() + backoff_ns(k, p) + 1;
    member_wake(k);
}

static void judge(struct kafka *k, struct message *m, uint32_t verdict)
{
    struct part *p = m->part;
    m->state = verdict == TRB_RETRY ? MESSAGE_FAILED : verdict == TRB_HELD ? MESSAGE_WAITS : MESSAGE_DONE;
    p->has_failed |= verdict == TRB_RETRY;
    p->is_held |= verdict == TRB_HELD;
    finish(k, p);
    if (p->has_failed && !p->in_flight)
        retry(k, p);
    part_go_on(k, p);
}

void kafka_settle(void *self, void *cookie, const struct trb_settlement *how)
{
    struct kafka *k = self;
    struct message *m = cookie;
    struct part *p = m->part;
    pthread_mutex_lock(&k->lock);
    struct subscription *s = p->subscription;
    p->in_flight--;
    s->in_flight--;
    if (!p->is_revoked)
        judge(k, m, how->verdict);
    else if (!p->in_flight)
        part_free(p);
    pthread_cond_broadcast(&k->changed);
    if (s->is_ending)
        member_wake(k);
    pthread_mutex_unlock(&k->lock);
}

void kafka_resume(void *self, struct trb_call *call)
{
    struct kafka *k = self;
    pthread_mutex_lock(&k->lock);
    list_each(node, &k->subscriptions)
        if (list_item(node, struct subscription, link)->call == call)
            list_item(node, struct subscription, link)->has_credit = true;
    list_each(node, &k->parts)
        part_go_on(k, list_item(node, struct part, link));
    pthread_mutex_unlock(&k->lock);
}
