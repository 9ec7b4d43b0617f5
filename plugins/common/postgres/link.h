/* link: one connection to PostgreSQL on one loop, in pipeline mode: wishes are sent as they come, and answers
 * come back in their order. Each wish is a transaction of its own; reads of one turn share one.
 *
 *     looking (names) ──► dialing ──► up ──► (lost) ──► looking, and after a failure: resting ──► looking …
 *
 * A connection that broke is dialled again at once; what is asked meanwhile waits for that one attempt. When
 * it fails too, askers are told why without waiting, and attempts go on with growing pauses. [loop] */
#ifndef POSTGRES_LINK_H
#define POSTGRES_LINK_H

#include <postgres/config.h>
#include <postgres/wish.h>
#include <trilby/services.h>

struct pg_link;

struct pg_link_setup {
    const struct trb_host *host;
    const struct trb_origin *origin;
    const struct pg_config *config;             /* checked; outlives the link */
    void *arg;
    void (*up)(void *arg);
    /* It broke, or an attempt failed; who waited has been told. The link goes on by itself; destroying it
     * here is fine. */
    void (*down)(void *arg, const struct trb_error *, bool was_up);
    void (*notified)(void *arg, const char *channel, const char *payload);     /* what LISTEN brings; may be NULL */
    bool may_sleep;                             /* closes when idle, and is dialled by the next wish */
};

struct pg_link *pg_link_create(const struct pg_link_setup *);      /* begins to dial */
struct pg_link *pg_link_destroy(struct pg_link *);                 /* returns NULL; NULL is welcome; who waits is told */
void pg_link_forget(struct pg_link *);          /* inside stop, before destroy: the host has its watches back */
void pg_link_ask(struct pg_link *, const struct pg_wish *);
bool pg_link_is_up(const struct pg_link *);
uint32_t pg_link_in_flight(const struct pg_link *);
uint64_t pg_link_waits_ns(const struct pg_link *);      /* since when the oldest question has no answer; 0: none waits */

#endif
