/* produce: one record or many; the answer comes when the brokers have taken it, on librdkafka's thread. */
#include "kafka.h"
#include <base/mem.h>
#include <base/slice.h>
#include <stdatomic.h>

struct record {
    struct sending *sending;
    uint32_t index;
};

struct sending {                            /* one question with all its records */
    struct trb_call *call;
    bool is_bulk;
    _Atomic uint32_t missing;               /* one more than the records, until all are queued */
    struct record records[];
};

trb_code produce_error(struct trb_error *err, rd_kafka_resp_err_t fault, const char *what)
{
    trb_code code = fault == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE || fault == RD_KAFKA_RESP_ERR__INVALID_ARG ||
                    fault == RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION ? TRB_INVALID
                    : fault == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED ||
                      fault == RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED ? TRB_DENIED : TRB_UNAVAILABLE;
    return trb_error(err, code, "KAFKA", "%s: %s", what, rd_kafka_err2str(fault));
}

/* ------------------------------------------------------------------------------------- answers */
static void sending_count(struct sending *s)
{
    if (atomic_fetch_sub(&s->missing, 1) > 1)
        return;
    if (s->is_bulk)
        trb_done(s->call);
    mem_free(s);
}

static void record_end(struct kafka *k, struct record *r, const struct trb_error *err)
{
    struct sending *s = r->sending;
    if (s->is_bulk)
        s->call->host->item(s->call, r->index, NULL, 0, err);
    else if (err)
        s->call->host->fail(s->call, err);
    else
        k->kind->sent(s->call);
    sending_count(s);
}

static void reached(struct kafka *k)
{
    pthread_mutex_lock(&k->lock);
    bool was_lost = k->is_lost;
    k->is_lost = false;
    k->trouble[0] = '\0';
    pthread_mutex_unlock(&k->lock);
    if (was_lost)
        k->host->ready(k->origin);
}

static void on_reports(struct kafka *k, rd_kafka_event_t *e)
{
    bool is_reached = false;
    for (const rd_kafka_message_t *m; (m = rd_kafka_event_message_next(e));) {
        struct trb_error err = {.size = sizeof err};
        if (m->err)
            produce_error(&err, m->err, "the message was not delivered");
        else if (!is_reached)
            reached(k);
        is_reached = is_reached || !m->err;
        record_end(k, m->_private, m->err ? &err : NULL);
    }
}

static void on_trouble(struct kafka *k, rd_kafka_event_t *e)
{
    struct trb_error err = {.size = sizeof err};
    bool is_down = rd_kafka_event_error(e) == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN;
    trb_log(k->host, k->origin, TRB_LOG_DEBUG, "%s", rd_kafka_event_error_string(e));
    pthread_mutex_lock(&k->lock);
    bool is_new = is_down && !k->is_lost;
    k->is_lost = k->is_lost || is_down;
    if (!is_down)
        kafka_words(rd_kafka_event_error_string(e), k->trouble);
    kafka_unreachable(k, NULL, &err);
    pthread_mutex_unlock(&k->lock);
    if (is_new)
        k->host->lost(k->origin, &err);
}

void produce_event(rd_kafka_t *rk, rd_kafka_event_t *e, void *self)
{
    if (rd_kafka_event_type(e) == RD_KAFKA_EVENT_DR)
        on_reports(self, e);
    else if (rd_kafka_event_type(e) == RD_KAFKA_EVENT_ERROR)
        on_trouble(self, e);
    rd_kafka_event_destroy(e);
}

/* -------------------------------------------------------------------------------------- records */
static struct trb_name get(const struct kafka_record *o, const struct trb_pairs *pairs, const char *key)
{
    for (uint32_t n = 0; o->is_exact && n < pairs->count; n++)
        if (slice_is(slice_name(trb_pair_at(pairs, n)->key), slice_of(key)))
            return trb_pair_at(pairs, n)->value;
    return o->is_exact ? (struct trb_name){NULL, 0} : trb_pair_get(pairs, key);
}

static struct trb_name find(const struct kafka_record *o, const char *key)
{
    struct trb_name found = o->over ? get(o, o->over, key) : (struct trb_name){NULL, 0};
    return found.at ? found : get(o, o->own, key);
}

static void add_headers(struct kafka *k, rd_kafka_headers_t **to, const struct trb_pairs *from, const struct trb_pairs *over)
{
    for (uint32_t n = 0; from && n < from->count; n++) {
        const struct trb_pair *p = trb_pair_at(from, n);
        if (names_match(k->excluded, slice_name(p->key)) || (over && trb_pair_get(over, p->key.at).at))
            continue;
        if (!*to)
            *to = rd_kafka_headers_new(from->count);
        rd_kafka_header_add(*to, p->key.at, (ssize_t)p->key.len, p->value.at ? p->value.at : "", (ssize_t)p->value.len);
    }
}

static trb_code partition_of(const struct kafka_record *o, int32_t *ret_number, struct trb_error *err)
{
    struct trb_name text = find(o, "partitionNumber");
    int64_t number;
    *ret_number = RD_KAFKA_PARTITION_UA;
    if (!text.len)
        return TRB_OK;
    if (!slice_to_i64(slice_name(text), &number) || number < 0 || number > INT32_MAX)
        return trb_error(err, TRB_INVALID, "BAD_PARTITION", "partitionNumber '%s' is no number of a partition", text.at);
    *ret_number = (int32_t)number;
    return TRB_OK;
}

/* The payload stays the question's: it is readable until the answer, which follows the report. */
static trb_code send_record(struct kafka *k, const struct kafka_record *o, struct record *r, struct trb_error *err)
{
    struct trb_name key = find(o, "partitionKey");
    int32_t partition;
    trb_code code = partition_of(o, &partition, err);
    if (code)
        return code;
    if (!key.at)
        key = find(o, "__key");
    bool is_tombstone = !o->data.at || slice_is(slice_from(o->data.at, o->data.len), SLICE("null"));
    rd_kafka_headers_t *headers = NULL;
    add_headers(k, &headers, o->own, o->over);
    add_headers(k, &headers, o->over, NULL);
    rd_kafka_resp_err_t fault = rd_kafka_producev(
        k->producer, RD_KAFKA_V_TOPIC(o->topic.at), RD_KAFKA_V_PARTITION(partition),
        RD_KAFKA_V_VALUE(is_tombstone ? NULL : (void *)(uintptr_t)o->data.at, is_tombstone ? 0 : o->data.len),
        RD_KAFKA_V_KEY(key.at, key.len), RD_KAFKA_V_HEADERS(headers), RD_KAFKA_V_OPAQUE(r), RD_KAFKA_V_END);
    if (!fault)
        return TRB_OK;
    if (headers)
        rd_kafka_headers_destroy(headers);
    return produce_error(err, fault, "the message was not queued");
}

void kafka_send_one(struct kafka *k, struct sending *s, uint32_t index, const struct kafka_record *o)
{
    struct trb_error err = {.size = sizeof err};
    struct record *r = &s->records[index];
    *r = (struct record){s, index};
    if (send_record(k, o, r, &err))
        record_end(k, r, &err);
}

static struct sending *sending_create(struct trb_call *call, bool is_bulk, uint32_t records)
{
    struct sending *s = mem_alloc(sizeof *s + records * sizeof *s->records);
    s->call = call;
    s->is_bulk = is_bulk;
    atomic_init(&s->missing, records + 1);
    return s;
}

void kafka_send(struct kafka *k, struct trb_call *call, const struct kafka_record *o)
{
    struct sending *s = sending_create(call, false, 1);
    kafka_send_one(k, s, 0, o);
    sending_count(s);
}

struct sending *kafka_send_begin(struct trb_call *call, uint32_t records)
{
    return sending_create(call, true, records);
}

void kafka_send_end(struct sending *s)
{
    sending_count(s);
}
