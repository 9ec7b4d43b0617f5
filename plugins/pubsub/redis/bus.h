/* bus: pubsub.redis as its files share it. A topic is a stream of that name; a subscription reads it as
 * one consumer of a group, both named consumerID. [loop] */
#ifndef PUBSUB_REDIS_BUS_H
#define PUBSUB_REDIS_BUS_H

#include <base/list.h>
#include <redis/redis.h>
#include <trilby/pubsub.h>

struct bus {
    struct redis_config config;
    const char *consumer_id;
    int64_t processing_timeout_ns, redeliver_ns, queue_depth, concurrency, max_len, stream_ttl_ns;
    uint32_t ack_on_failure;

    const struct trb_host *host;
    const struct trb_origin *origin;
    const struct trb_timer_service *timers;
    struct redis *redis;                    /* publishes, acknowledges, reclaims */
    struct trb_name group;                  /* and consumer */
    struct list subscriptions;
    uint32_t running;                       /* messages at handlers, of all subscriptions */
};

#define ID_ROOM 44                          /* two 64-bit numbers and a dash */

struct message {
    struct list link;
    struct subscription *sub;
    char id[ID_ROOM];
    struct trb_buf *data;                   /* given to the host when it is emitted */
    char *metadata;                         /* JSON as stored, or NULL */
    size_t metadata_len;
    uint64_t since_ns;                      /* claimed for us */
};

struct subscription {
    uint32_t magic;
    struct list link;                       /* of the bus */
    struct bus *bus;
    struct trb_call *call;
    struct trb_name topic;                  /* the question's: readable until the call is answered */
    struct redis_link *reader;              /* waits at the server */
    struct list queued, unacked;
    uint32_t queued_count;                  /* claimed, not yet emitted */
    uint32_t running;                       /* emitted, not yet settled */
    uint32_t owed;                          /* acknowledgements and releases on their way */
    struct trb_timer *reclaim_timer, *read_timer;
    char reader_id[24];                     /* of its connection at the server */
    bool is_open, is_reading, is_ending, has_credit, is_reclaiming;
};
#define SUBSCRIPTION_MAGIC 0x58535542u

trb_verb bus_publish, bus_bulk_publish, bus_subscribe;

void subscription_cancel(struct bus *, struct trb_call *);
void subscription_resume(struct bus *, struct trb_call *);
void subscription_settle(struct message *, uint32_t verdict);
void subscription_read(struct subscription *);              /* if there is room */
/* An entry as XREADGROUP and XCLAIM tell it: [id, [field, value, …]]. */
void subscription_take(struct subscription *, const struct resp *entry);
void subscription_give_back(struct subscription *);         /* what waits for a handler */
void subscription_check_end(struct subscription *);         /* may free it */
struct message *message_free(struct message *);
struct trb_slice subscription_key(const struct subscription *);

void bus_pump(struct bus *);                                /* emits what may be emitted */

/* --- acknowledging -------------------------------------------------------------------------------- */
void ack_send(struct subscription *, const char *id);
void ack_again(struct subscription *);                      /* those that did not get through */
void ack_forget(struct subscription *);
void release_send(struct subscription *, const char *id);   /* due at once for whoever looks next */

/* --- reclaiming: what nobody acknowledged within processingTimeout ---------------------------------- */
void reclaim_start(struct subscription *);                  /* now, and then every redeliverInterval */
bool reclaim_is_on(const struct bus *);

#endif
