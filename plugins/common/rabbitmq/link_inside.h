/* link_inside: what the link and its channels share. */
#ifndef RABBITMQ_LINK_INSIDE_H
#define RABBITMQ_LINK_INSIDE_H

#include <line/line.h>
#include <rabbitmq/channel.h>
#include <rabbitmq/methods.h>

struct rabbit_link {
    struct line line;
    struct rabbit_link_setup setup;
    struct trb_timer *pulse;                /* of the heartbeat */
    uint32_t holds;
    uint32_t frame_max, channel_max;        /* as tuned */
    uint64_t pulse_ns, heard_ns;
    char *blocked;                          /* the broker's reason for taking no messages */
    struct rabbit_channel **channels;       /* by number; 0 is the link's own */
    uint32_t channel_room;
    struct text out;                        /* a frame being made */
};

struct rabbit_ask {
    uint32_t reply;
    rabbit_then *then;
};

struct rabbit_channel {
    struct rabbit_link *link;
    uint32_t number;
    const struct rabbit_channel_events *events; /* NULL: the owner hears no more */
    void *arg;
    bool is_ending;                         /* our channel.close is on its way */
    struct rabbit_ask *asks;                /* a ring */
    uint32_t ask_first, ask_count, ask_room;
    uint32_t content;                       /* the method whose header, then body, is awaited; 0: none */
    bool has_header;
    struct rabbit_delivery *delivery;       /* being put together; NULL: its bytes are skipped */
    char *body_at;
    uint64_t body_left, tag;                /* tag: of the last delivery */
};

/* Methods: begin, arguments into link->out, end. */
size_t rabbit_method_begin(struct rabbit_link *, uint32_t channel, uint32_t method);
void rabbit_method_end(struct rabbit_link *, size_t begun);
void rabbit_link_broken(struct rabbit_link *, const char *sentence);    /* what came is not AMQP */
/* By a method of the broker that closes: code, text, and the offending method. */
trb_code rabbit_read_close(const struct rabbit_link *, struct wire *, struct trb_error *, uint32_t *ret_by);

void rabbit_channel_take(struct rabbit_channel *, const struct wire_frame *);
void rabbit_channels_lose(struct rabbit_link *, const struct trb_error *);  /* all of them */

#endif
