/* packet: MQTT 3.1.1's control packets, as a client reads and writes them. Pure.
 *
 * Reading is strict: what a server may not send is broken, and the connection with it. [any] */
#ifndef MQTT_PACKET_H
#define MQTT_PACKET_H

#include <base/text.h>
#include <stdbool.h>
#include <stdint.h>

#define MQTT_CONNECT 1u
#define MQTT_CONNACK 2u
#define MQTT_PUBLISH 3u
#define MQTT_PUBACK 4u
#define MQTT_PUBREC 5u
#define MQTT_PUBREL 6u
#define MQTT_PUBCOMP 7u
#define MQTT_SUBSCRIBE 8u
#define MQTT_SUBACK 9u
#define MQTT_UNSUBSCRIBE 10u
#define MQTT_UNSUBACK 11u
#define MQTT_PINGREQ 12u
#define MQTT_PINGRESP 13u
#define MQTT_DISCONNECT 14u

#define MQTT_MORE 0
#define MQTT_BROKEN (-1)
#define MQTT_MAX_REMAINING 268435455u           /* what four bytes of seven bits can say */
#define MQTT_MAX_TEXT 65535u
#define MQTT_REFUSED 0x80u                      /* a code of SUBACK */

struct mqtt_packet {                            /* slices lie in what was read */
    uint32_t kind, qos, id;
    uint32_t code;                              /* CONNACK */
    bool is_dup, is_retained, has_session;
    struct trb_slice topic, payload;            /* PUBLISH */
    struct trb_slice codes;                     /* SUBACK, one per filter */
};

/* The length of the first packet, once it is there whole; else MQTT_MORE or MQTT_BROKEN. */
int64_t mqtt_read(struct trb_slice, struct mqtt_packet *ret_packet);

struct mqtt_connect {
    struct trb_slice client_id, user, password; /* absent: none */
    uint32_t keep_alive_s;
    bool is_clean;
};
void mqtt_add_connect(struct text *, const struct mqtt_connect *);

/* What precedes a payload: at most MQTT_PUBLISH_HEAD bytes and the topic. */
#define MQTT_PUBLISH_HEAD 9u
size_t mqtt_write_publish(char *to, const struct mqtt_packet *, size_t payload_len);

#define MQTT_SHORT 4u
size_t mqtt_write_short(char to[MQTT_SHORT], uint32_t kind, uint32_t id);   /* PUBACK … PUBCOMP, PINGREQ, DISCONNECT */

/* SUBSCRIBE or UNSUBSCRIBE: begun, filters added, ended. */
struct mqtt_filters {
    uint32_t kind;
    struct text body;
};
void mqtt_filters_begin(struct mqtt_filters *, uint32_t kind, uint32_t id);
void mqtt_filters_add(struct mqtt_filters *, struct trb_slice filter, uint32_t qos);    /* qos: SUBSCRIBE */
void mqtt_filters_end(struct mqtt_filters *, struct text *to);              /* adds the packet, forgets the rest */

#endif
