/* jetstream: what the files of pubsub.jetstream share.
 *
 * libnats brings its own threads and may block in every call that sends. Two threads of ours make these calls: the sender
 * publishes and acknowledges, the keeper connects, subscribes and looks after consumers. The host calls on one loop. What
 * more than one of them touches is under one lock; the host may be told things under it, for it never calls back inside. */
#ifndef PUBSUB_JETSTREAM_H
#define PUBSUB_JETSTREAM_H

#include <base/list.h>
#include <base/map.h>
#include <nats/nats.h>
#include <pthread.h>
#include <stdbool.h>
#include <trilby/pubsub.h>
#include <trilby/services.h>

#define JS_MS 1000000ll
#define JS_POLICY_SEQUENCE 3u
#define JS_POLICY_TIME 4u
#define JS_ACK_EXPLICIT 0u
#define JS_ACK_ALL 1u
#define JS_ACK_NONE 2u

struct bus;

struct job {                                    /* embedded in what it is about */
    struct list link;
    void (*run)(struct bus *, struct job *);
};

struct line {                                   /* a thread and what waits for it */
    struct bus *bus;
    pthread_t thread;
    pthread_cond_t more;
    struct list jobs;
    uint64_t every_ns;                          /* 0: never idle work */
    void (*idle)(struct bus *);
    bool has_thread, ends;
};

struct bus {
    const char *url, *name, *jwt, *seed, *tls_cert, *tls_key, *token, *stream, *durable, *queue, *back_off, *domain, *prefix;
    int64_t start_sequence, start_time, ack_wait_ns, max_deliver, max_ack_pending, replicas, rate_limit, heartbeat_ns;
    uint32_t flow_control, deliver_policy, ack_policy, memory_storage, concurrency;
    int64_t back_offs[64];                      /* made of back_off */
    uint32_t back_off_count;

    const struct trb_host *host;
    const struct trb_origin *origin;
    const struct trb_post_service *posts;
    natsConnection *nc;
    jsCtx *js;
    struct trb_call *stopping;

    pthread_mutex_t lock;
    pthread_cond_t changed;                     /* credit, settlements, ends: for libnats' delivering threads and the keeper */
    struct line sender, keeper;
    struct list subscriptions;
    struct map pending;                         /* natsMsg * -> struct sending * */
    uint32_t pending_count;
    bool has_lock, is_lost, is_closed;
};

/* A message that was delivered and not acknowledged; the subscription's list is in the order of its stream. */
struct message {
    struct list link;
    struct subscription *subscription;
    natsMsg *msg;                               /* NULL: to come again */
    uint64_t sequence, deliveries;
    bool is_done;                               /* ackPolicy all: acknowledged with a later one */
};

struct subscription {
    struct list link;
    struct bus *bus;
    struct trb_call *call;
    struct trb_name topic;                      /* the question's: readable until answered */
    struct job job;                             /* opening, then ending */
    natsSubscription *sub;
    char *stream, *consumer;
    struct list outstanding;
    uint64_t last_sequence;                     /* the highest that was delivered, or was there before us */
    uint32_t running;                           /* at handlers */
    bool has_credit, is_ending, is_quiet, is_complete, is_pausing;
};

/* --- jetstream.c ------------------------------------------------------------------------------------ */
bool bus_is_single(const struct bus *);
trb_code bus_error(struct trb_error *, natsStatus, jsErrCode, const char *what);

/* --- line.c ------------------------------------------------------------------------------------------ */
bool line_start(struct bus *, struct line *);
void line_push(struct line *, struct job *);    /* under the lock */
void line_end(struct line *);                   /* when it has done all that waits; joins */
void wait_ns(pthread_cond_t *, pthread_mutex_t *, uint64_t ns);
void conditions_init(pthread_cond_t *);

/* --- connect.c --------------------------------------------------------------------------------------- */
trb_code connect_check(struct bus *, struct trb_error *);
trb_code connect_now(struct bus *, struct trb_error *);      /* blocks */
bool connect_again(struct bus *);               /* the keeper's; true: there is a new connection, where the old was closed */
void connect_end(struct bus *);

/* --- publish.c --------------------------------------------------------------------------------------- */
trb_verb bus_publish, bus_bulk_publish;
void publish_acked(jsCtx *, natsMsg *, jsPubAck *, jsPubAckErr *, void *bus);
void publish_lose(struct bus *);                /* what is still waited for fails; while there is no sender */
void publish_end(struct bus *);                 /* the same, for good */

/* --- consumer.c: subscriptions and their consumers at the server ---------------------------------------- */
trb_verb bus_subscribe;
void bus_cancel(void *self, struct trb_call *, uint32_t why);
void bus_resume(void *self, struct trb_call *);
void consumers_look(struct bus *);              /* the keeper's: those that are gone are made again */
void subscription_check_end(struct subscription *);         /* under the lock; frees it */

/* --- message.c: deliveries and their fates -------------------------------------------------------------- */
void message_arrived(natsConnection *, natsSubscription *, natsMsg *, void *subscription);
void bus_settle(void *self, void *cookie, const struct trb_settlement *);
uint64_t messages_floor(const struct subscription *);        /* the first sequence that is not done with */
void messages_settled(struct subscription *, uint64_t floor);  /* the server is done with all up to there */
void messages_forget(struct subscription *);

#endif
