/* inside: the session as its files share it: the connection (mqtt.c), leaving it to another client (aside.c), what goes out
 * (outgoing.c), what comes in (incoming.c) and who listens (listener.c). */
#ifndef MQTT_INSIDE_H
#define MQTT_INSIDE_H

#include <base/text.h>
#include <mqtt/mqtt.h>
#include <mqtt/packet.h>

#define MQTT_DIALING 0u
#define MQTT_GREETING 1u
#define MQTT_UP 2u
#define MQTT_RESTING 3u
#define MQTT_LEAVING 4u                         /* has said goodbye, and waits until the broker has heard it */
#define MQTT_ASIDE 5u                           /* the session is another's; nothing is dialled before it is needed */

struct mqtt {
    uint32_t magic;
    struct mqtt_setup setup;
    const struct trb_stream_service *streams;
    const struct trb_timer_service *timers;
    struct trb_call *starting;                  /* until answered */

    struct trb_stream *stream;
    struct trb_timer *timer, *tick, *renewal;   /* of the state; of everything with a limit; of redelivery */
    struct trb_timer *again;                    /* reading goes on with what had come before the pause */
    uint32_t state, failures, depth, streams_had, short_lives;
    uint64_t up_ns, sent_ns, heard_ns, pinged_ns;        /* pinged: 0: no ping is under way */
    struct trb_error fault;                     /* why the last attempt failed */
    bool is_dead, is_lost, is_paused;
    void (*left)(void *arg);                    /* when it is aside, or NULL */
    void *left_arg;
    bool is_trying;                             /* a successor: under another id */

    struct list waiting, flying;                /* publications */
    uint32_t waiting_count, flying_count;
    size_t waiting_bytes;
    uint16_t last_id;
    uint8_t ids[8192];                          /* a bit for each that is taken */

    struct list owed;                           /* messages that the broker wants acknowledged */
    struct list parked;                         /* those that nobody listens to yet */
    struct list refused;                        /* those that a handler failed on, until the renewal gives them to it again */
    uint32_t parked_count, queued_count, refused_count;
    size_t parked_bytes, queued_bytes, refused_bytes;
    uint8_t released[8192];                     /* QoS 2: acknowledged, and not yet released by the broker */
    bool told_parked, is_owing;                 /* owing: something refused is not kept here: only the broker has it */

    struct list listeners;
};
#define MQTT_MAGIC 0x5154544du

struct mqtt_listener {
    struct list link;
    struct mqtt *mqtt;
    struct mqtt_listening listening;
    struct trb_slice shared;                    /* the filter behind $share, or absent */
    struct list queue;
    uint32_t running;                           /* at handlers */
    uint32_t asked_id, asked_index;             /* the SUBSCRIBE that is under way and our place in it; 0: none */
    uint32_t leaving_id;                        /* the UNSUBSCRIBE */
    uint64_t leaving_ns;
    struct trb_error failure;
    bool is_open, is_ending, has_credit;
};

static inline bool mqtt_bit(const uint8_t bits[8192], uint32_t n)
{
    return bits[n >> 3] >> (n & 7) & 1;
}

static inline void mqtt_bit_set(uint8_t bits[8192], uint32_t n, bool on)
{
    bits[n >> 3] = (uint8_t)((bits[n >> 3] & ~(1u << (n & 7))) | (uint32_t)on << (n & 7));
}

/* --- mqtt.c ------------------------------------------------------------------------------------------ */
void mqtt_send(struct mqtt *, struct trb_slice packet);
void mqtt_send_short(struct mqtt *, uint32_t kind, uint32_t id);
void mqtt_dial(struct mqtt *);
void mqtt_drop_stream(struct mqtt *);
void mqtt_tell_down(struct mqtt *, const struct trb_error *);               /* whoever has something under way */
void mqtt_timer_set(struct mqtt *, uint64_t after_ns, void (*fire)(void *));
void mqtt_enter(struct mqtt *);                 /* until leave it is not freed */
void mqtt_leave(struct mqtt *);
void mqtt_lose(struct mqtt *, trb_code, const char *reason, const char *sentence);
void mqtt_read_again(struct mqtt *);
void mqtt_renew_later(struct mqtt *);           /* something was refused */
uint32_t mqtt_id_take(struct mqtt *);           /* 0: all are taken */
void mqtt_id_give(struct mqtt *, uint32_t id);
void mqtt_tick_now(struct mqtt *);              /* something with a limit has begun */

/* --- aside.c ----------------------------------------------------------------------------------------- */
void mqtt_step_in(struct mqtt *);               /* dials, if it is aside */
void mqtt_be_aside(struct mqtt *);              /* now */

/* --- outgoing.c -------------------------------------------------------------------------------------- */
void outgoing_confirm(struct mqtt *, const struct mqtt_packet *);           /* PUBACK, PUBREC, PUBCOMP */
void outgoing_pump(struct mqtt *);
void outgoing_up(struct mqtt *, bool has_session);
void outgoing_down(struct mqtt *, const struct trb_error *);
bool outgoing_tick(struct mqtt *, uint64_t now_ns);                         /* false: nothing is under way */
void outgoing_end(struct mqtt *, const struct trb_error *);

/* --- incoming.c -------------------------------------------------------------------------------------- */
void incoming_take(struct mqtt *, const struct mqtt_packet *, size_t len);  /* consumes the packet */
void incoming_release(struct mqtt *, uint32_t id);
void incoming_up(struct mqtt *, bool has_session);
void incoming_down(struct mqtt *);
void incoming_park(struct mqtt *, struct mqtt_message *);
void incoming_again(struct mqtt *);             /* what was refused goes to its listeners */
void incoming_unpark(struct mqtt *, struct mqtt_listener *);
void incoming_balance(struct mqtt *);           /* reads on, or pauses, as the queues are */
void incoming_end(struct mqtt *);
bool incoming_matches(const struct mqtt_listener *, struct trb_slice topic);

/* --- listener.c -------------------------------------------------------------------------------------- */
struct mqtt_listener *listener_for(struct mqtt *, struct trb_slice topic);
void listener_push(struct mqtt_listener *, struct mqtt_message *);
void listener_settled(struct mqtt_listener *);
void listeners_up(struct mqtt *);
void listeners_down(struct mqtt *);
void listeners_granted(struct mqtt *, const struct mqtt_packet *);          /* SUBACK */
void listeners_left(struct mqtt *, uint32_t id);                            /* UNSUBACK */
bool listeners_tick(struct mqtt *, uint64_t now_ns);                        /* false: nothing is under way */

#endif
