/* kafka: what the files of pubsub.kafka share.
 *
 * librdkafka brings its own threads. Deliveries are confirmed on its background thread; one thread of
 * ours is the group's member: it polls, passes messages on and joins or leaves. Everything about
 * subscriptions and partitions is under one lock; the host may be told things under it, for it never
 * calls back inside. */
#ifndef PUBSUB_KAFKA_H
#define PUBSUB_KAFKA_H

#include <base/list.h>
#include <base/text.h>
#include <kafka/kafka_config.h>
#include <base/arena.h>
#include <pthread.h>
#include <trilby/pubsub.h>

struct names;                               /* a compiled excludeHeaderMetaRegex */

struct kafka {
    struct kafka_options kafka;             /* filled in by the host */

    const struct trb_host *host;            /* ours, from start to stop */
    const struct trb_origin *origin;
    struct names *excluded;
    rd_kafka_t *producer;

    pthread_mutex_t lock;
    pthread_cond_t changed;                 /* for the member's thread, and for those who wait for it */
    struct list subscriptions, parts;
    rd_kafka_t *consumer;                   /* while there are subscriptions; the thread's */
    pthread_t thread;
    bool has_lock, has_thread, ends, topics_changed, is_lost;
};

struct subscription {
    struct list link;
    struct trb_call *call;
    struct trb_name topic;                  /* the question's: readable until answered */
    uint32_t in_flight;
    bool has_credit, is_asked, is_opened, is_ending;
};

struct message {
    struct message *next;
    rd_kafka_message_t *record;
};

/* One partition of ours: its messages wait here, one at a time is on its way to the app. */
struct part {
    struct list link;
    struct subscription *subscription;      /* NULL: none wants it any more */
    char *topic;
    int32_t number;
    struct message *first, **last;
    uint32_t count;
    size_t bytes;
    uint64_t retry_ns, failing_since_ns;    /* the first one waits for its next delivery until then; 0: no */
    uint32_t failures;
    bool in_flight, is_held, is_revoked, is_paused;
};

/* --- names.c: which headers and metadata stay out ------------------------------------------------- */
trb_code names_create(const char *regex, struct names **ret_names, struct trb_error *err);
struct names *names_destroy(struct names *);            /* NULL is welcome; returns NULL */
bool names_match(const struct names *, struct trb_slice name);

/* --- produce.c ------------------------------------------------------------------------------------- */
trb_verb kafka_publish, kafka_bulk_publish;
void produce_event(rd_kafka_t *, rd_kafka_event_t *, void *self);     /* librdkafka's background thread */
trb_code produce_error(struct trb_error *err, rd_kafka_resp_err_t fault, const char *what);

/* --- parts.c: partitions and their one message at a time; all under the lock ------------------------ */
struct part *part_find(struct kafka *, const char *topic, int32_t number);
struct part *part_add(struct kafka *, const char *topic, int32_t number);
void part_revoke(struct kafka *, struct part *);         /* forgets what waits; freed when nothing is in flight */
void part_push(struct kafka *, struct part *, rd_kafka_message_t *);
void part_go_on(struct kafka *, struct part *);          /* emits the first one if it may */
uint64_t parts_retry(struct kafka *, uint64_t now_ns);   /* emits what is due; when the next is, 0: none */
void kafka_settle(void *self, void *cookie, const struct trb_settlement *);
void kafka_resume(void *self, struct trb_call *);

/* --- event.c ------------------------------------------------------------------------------------------ */
uint32_t event_emit(struct kafka *, struct subscription *, const rd_kafka_message_t *, void *cookie);

/* librdkafka's own words, to our log; its opaque is the struct kafka. */
void kafka_log(const rd_kafka_t *, int level, const char *facility, const char *text);

/* --- member.c: the thread ------------------------------------------------------------------------------ */
trb_verb kafka_subscribe;
void kafka_cancel(void *self, struct trb_call *, uint32_t why);
void member_wake(struct kafka *);                        /* under the lock */
void member_end(struct kafka *);                         /* joins */

#endif
