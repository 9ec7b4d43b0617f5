/* mqtt: one MQTT 3.1.1 session with one broker, on one loop. It dials, keeps alive, dials again with growing pauses,
 * and has many publications and many received messages under way at once.
 *
 *     dialing ──► greeting ──► up ──► (lost) ──► dialing, and after a failure: resting ──► dialing …
 *        ▲                     └──► aside ──► dialing
 *        └── aside (a successor)
 *
 * A publication waits for a connection until its time is over. With a persistent session (cleanSession false) what was
 * sent and not confirmed is sent again, marked as such, when the connection is back; without one it fails.
 *
 * A received message is acknowledged only once its handler is through with it. One that was not acknowledged comes again
 * when the connection was lost: a handler that still has it keeps it, and its acknowledgement goes to the new connection.
 *
 * Messages of the session that come before anybody listens are kept for who will. [loop] */
#ifndef MQTT_MQTT_H
#define MQTT_MQTT_H

#include <base/list.h>
#include <mqtt/config.h>
#include <mqtt/filter.h>
#include <trilby/services.h>

#define MQTT_MS 1000000ull
#define MQTT_PUBLISH_NS (20000 * MQTT_MS)        /* the most that a publication takes, unless its caller says less */

struct mqtt;

struct mqtt_setup {
    const struct trb_host *host;
    const struct trb_origin *origin;
    const struct mqtt_config *config;           /* outlives it */
    struct trb_slice client_id;                 /* as well */
    uint64_t redeliver_ns;                      /* what a handler failed on comes again within this; 0: with the next connection */
    bool is_successor;                          /* another has the session meanwhile: see below */
};

/* Answers start, unless it is NULL: done when the broker has accepted us, else the first failure. *place is set before it. */
void mqtt_start(const struct mqtt_setup *, struct mqtt **place, struct trb_call *start);
/* The broker has a session for one client at a time, and puts out whoever has it. So a successor is only seen to be accepted,
 * under another id, and stays aside; one that steps aside leaves the session at the broker. Both step in when they have to publish or
 * to listen. */
void mqtt_step_aside(struct mqtt *, void (*then)(void *arg), void *arg);     /* then: the broker has heard all that it was told */
struct mqtt *mqtt_stop(struct mqtt *);          /* inside stop: the host has its streams back; returns NULL, NULL is welcome */
void mqtt_ping(struct mqtt *, struct trb_call *);

/* --- publishing ------------------------------------------------------------------------------------ */
struct mqtt_publication {
    struct trb_slice topic;                     /* both readable until answered */
    struct trb_data data;
    uint32_t qos, is_retained;
    uint64_t limit_ns;                          /* at most so long; the call's deadline counts too */
    struct trb_call *call;
    void (*answered)(struct trb_call *, void *arg, uint32_t index, const struct trb_error *);   /* NULL: it is there */
    void *arg;
    uint32_t index;
};
void mqtt_publish(struct mqtt *, const struct mqtt_publication *);
void mqtt_give_up(struct mqtt *, const struct trb_call *, uint32_t why);    /* what is under way for that call fails */

/* --- listening ------------------------------------------------------------------------------------- */
struct mqtt_message {
    struct list link;                           /* of who holds it */
    struct list owed;                           /* of the session: until acknowledged or left */
    struct mqtt *mqtt;
    struct mqtt_listener *listener;             /* NULL: kept for who will come */
    struct trb_name topic;                      /* behind the struct */
    struct trb_buf *data;                       /* NULL: empty */
    struct trb_slice bytes;
    uint32_t qos, id;                           /* id 0: there is nothing to acknowledge */
    uint32_t tries;                             /* the listener's */
    bool is_retained, is_settled;
    bool is_stale;                              /* of a connection that is gone; the broker will send it again */
};

struct mqtt_listening {
    struct trb_call *call;
    struct trb_slice filter;                    /* the question's: readable until answered */
    uint32_t qos;
    bool unsubscribes;                          /* when it ends; else the session keeps the subscription */
    uint32_t (*emit)(struct trb_call *, struct mqtt_message *);  /* says what credit is left; settled with the message */
};
void mqtt_listen(struct mqtt *, const struct mqtt_listening *);
void mqtt_unlisten(struct mqtt *, struct trb_call *);            /* the call is answered when all is settled */
void mqtt_resume(struct mqtt *, struct trb_call *);
/* TRB_ACK and TRB_DROP acknowledge. TRB_HELD keeps it for who listens next; with TRB_RETRY it is the broker's, which sends
 * it again on another connection. */
void mqtt_settle(struct mqtt_message *, uint32_t verdict);
struct trb_data mqtt_data(const struct mqtt_message *);          /* with a reference to give away */

#endif
