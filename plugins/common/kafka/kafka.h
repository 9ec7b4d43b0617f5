/* kafka: records to and from an Apache Kafka cluster, for the components that do so.
 *
 * librdkafka brings its own threads. Deliveries are confirmed on its background thread; one thread of
 * ours is the group's member: it polls, passes messages on and joins or leaves. Everything about
 * subscriptions and partitions is under one lock; the host may be told things under it, for it never
 * calls back inside. */
#ifndef COMMON_KAFKA_H
#define COMMON_KAFKA_H

#include "kafka_config.h"
#include "kafka_words.h"
#include <base/arena.h>
#include <base/list.h>
#include <base/text.h>
#include <pthread.h>
#include <trilby/plugin.h>

struct names;                               /* a compiled excludeHeaderMetaRegex */

struct kafka;

/* What differs between components. */
struct kafka_kind {
    void (*sent)(struct trb_call *);        /* one record is with the brokers: the answer */
    uint32_t (*emit)(struct trb_call *, struct trb_name topic, struct trb_data, struct trb_pairs metadata, void *cookie);
    void (*closed)(struct kafka *);         /* nothing of ours runs any more; or NULL */
};

struct kafka {
    struct kafka_options options;           /* filled in by the host */
    const struct kafka_kind *kind;          /* by the component, before it starts */

    const struct trb_host *host;            /* ours, from start to stop */
    const struct trb_origin *origin;
    struct names *excluded;
    rd_kafka_t *producer;

    pthread_mutex_t lock;
    pthread_cond_t changed;                 /* for the member's thread, and for those who wait for it */
    struct list subscriptions, parts;
    rd_kafka_t *consumer;                   /* while there are subscriptions; the thread's */
    rd_kafka_queue_t *events;               /* the consumer's, which its thread waits at */
    pthread_t thread;
    bool has_lock, has_thread, ends, topics_changed, is_lost;
    char trouble[KAFKA_WORDS];              /* why no broker can be reached, as last told; "": not known */
};

struct subscription {
    struct list link;
    struct trb_call *call;
    const struct trb_name *topics;          /* the texts are the caller's: readable until answered */
    uint32_t topic_count, in_flight;
    uint32_t window;                        /* messages of a partition that may be with the app at once */
    bool has_credit, is_asked, is_opened, is_ending;
};

#define MESSAGE_WAITS 0u
#define MESSAGE_FLIES 1u
#define MESSAGE_DONE 2u                     /* leaves once it is the first */
#define MESSAGE_FAILED 3u

struct message {                            /* the cookie of its event */
    struct message *next;
    struct part *part;
    rd_kafka_message_t *record;
    uint32_t state;
};

/* One partition of ours: its messages wait here; the first ones, as many as the window is wide, may be on their way
 * to the app. Its position is behind those that are done without a gap. */
struct part {
    struct list link;
    struct subscription *subscription;      /* NULL: none wants it any more */
    char *topic;
    int32_t number;
    rd_kafka_queue_t *queue;                /* what was fetched and not taken yet; NULL: revoked */
    struct message *first, **last;
    uint32_t count;
    size_t bytes;
    uint64_t retry_ns, failing_since_ns;    /* those that failed wait for their next delivery until then; 0: no */
    uint32_t failures, in_flight;
    bool has_failed, is_held, is_revoked, is_full;
};

/* --- names.c: which headers and metadata stay out ------------------------------------------------- */
trb_code names_create(const char *regex, struct names **ret_names, struct trb_error *err);
struct names *names_destroy(struct names *);            /* NULL is welcome; returns NULL */
bool names_match(const struct names *, struct trb_slice name);

/* --- produce.c ------------------------------------------------------------------------------------- */
struct kafka_record {
    struct trb_name topic;
    struct trb_data data;                   /* the question's: readable until the answer */
    const struct trb_pairs *own, *over;     /* over wins; may be NULL */
    bool is_exact;                          /* names of metadata count by their letters' case */
};
/* The answer is kind->sent's, or fail. */
void kafka_send(struct kafka *, struct trb_call *, const struct kafka_record *);
/* Many as items of one call: begin, each record once with its index, end. */
struct sending *kafka_send_begin(struct trb_call *, uint32_t records);
void kafka_send_one(struct kafka *, struct sending *, uint32_t index, const struct kafka_record *);
void kafka_send_end(struct sending *);
void produce_event(rd_kafka_t *, rd_kafka_event_t *, void *self);     /* librdkafka's background thread */
trb_code produce_error(struct trb_error *err, rd_kafka_resp_err_t fault, const char *what);

/* --- parts.c: partitions and their one message at a time; all under the lock ------------------------ */
bool subscription_has(const struct subscription *, struct trb_slice topic);
struct part *part_find(struct kafka *, const char *topic, int32_t number);
struct part *part_add(struct kafka *, const char *topic, int32_t number);
void part_revoke(struct kafka *, struct part *);         /* forgets what waits; freed when nothing is in flight */
bool parts_take(struct kafka *);                         /* what was fetched, as far as there is room; true: there was something */
void part_go_on(struct kafka *, struct part *);          /* emits what may go */
uint64_t parts_retry(struct kafka *, uint64_t now_ns);   /* emits what is due; when the next is, 0: none */
void kafka_settle(void *self, void *cookie, const struct trb_settlement *);
void kafka_resume(void *self, struct trb_call *);

/* --- event.c ------------------------------------------------------------------------------------------ */
uint32_t event_emit(struct kafka *, struct subscription *, const rd_kafka_message_t *, void *cookie);

/* That no broker can be reached, and why: as it was last told, else fault's; under the lock. */
trb_code kafka_unreachable(struct kafka *, const char *fault, struct trb_error *err);

/* librdkafka's own words, to our log; its opaque is the struct kafka. */
void kafka_log(const rd_kafka_t *, int level, const char *facility, const char *text);

/* --- kafka.c: verbs of every such component; self begins with the struct kafka ------------------------ */
void kafka_start(struct kafka *, struct trb_call *);
trb_verb kafka_stop, kafka_ping;

/* --- member.c: the thread ------------------------------------------------------------------------------ */
/* Listens to topics that nobody else of this component listens to. */
void kafka_listen(struct kafka *, struct trb_call *, const struct trb_name *topics, uint32_t count,
                  uint32_t window);
void kafka_cancel(void *self, struct trb_call *, uint32_t why);
void member_wake(struct kafka *);                        /* under the lock */
void member_end(struct kafka *);                         /* joins */

#endif
