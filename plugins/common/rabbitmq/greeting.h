/* greeting: who we are, and what both sides keep to, until the connection is up. */
#ifndef RABBITMQ_GREETING_H
#define RABBITMQ_GREETING_H

#include <rabbitmq/link_inside.h>

#define RABBIT_FRAME_MAX 131072u            /* ours, until tuned down */
#define RABBIT_CHANNEL_MAX 2047u

/* Each answers its method; NULL, or one sentence about what is wrong. */
const char *rabbit_greet_start(struct rabbit_link *, struct wire *);
/* Leaves the heartbeat's seconds in pulse_ns until the link is up. */
const char *rabbit_greet_tune(struct rabbit_link *, struct wire *);

#endif
