/* link: one AMQP connection on one loop, over the host's stream. What is written leaves at the end of the
 * loop's turn; heartbeats go both ways by themselves.
 *
 *     dialing ──► greeting ──► up ──► (lost) ──► dialing at once, and after a failure:
 *                                                resting ──► dialing … every reconnect_ns
 *
 * A link keeps nothing of what was under way: its channels end with it, and who had asked decides. [loop] */
#ifndef RABBITMQ_LINK_H
#define RABBITMQ_LINK_H

#include <rabbitmq/config.h>
#include <trilby/services.h>

struct rabbit_link;

struct rabbit_link_setup {
    const struct trb_host *host;
    const struct trb_origin *origin;
    const struct rabbit_config *config;     /* checked; outlives the link */
    void *arg;
    void (*up)(void *arg);                  /* greeted: channels may be opened */
    /* Lost, or not reached; its channels are closed already. It tries again by itself. */
    void (*down)(void *arg, const struct trb_error *, bool was_up);
    void (*room)(void *arg);                /* writing may go on: unblocked, or sent; may be NULL */
};

struct rabbit_link *rabbit_link_create(const struct rabbit_link_setup *);
struct rabbit_link *rabbit_link_destroy(struct rabbit_link *);  /* returns NULL; NULL is welcome */
void rabbit_link_forget(struct rabbit_link *);                  /* before destroy inside stop: the host has its streams */
bool rabbit_link_is_up(const struct rabbit_link *);
/* May messages be published? Not when the broker blocks publishers, nor while much is unsent. */
bool rabbit_link_has_room(const struct rabbit_link *);
const char *rabbit_link_blocked(const struct rabbit_link *);    /* the broker's reason, or NULL */
const struct trb_error *rabbit_link_fault(const struct rabbit_link *);  /* why it is not up */
/* Reads nothing while more hold it than let go: the broker then waits. */
void rabbit_link_hold(struct rabbit_link *, bool on);

#endif
