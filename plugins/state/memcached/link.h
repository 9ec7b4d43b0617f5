/* link: one connection to one server on one loop. Commands are written straight into the stream's buffer and
 * leave together at the end of the loop's turn; answers come back in their order.
 *
 *     dialing ──► greeting ──► up ──► (lost) ──► dialing, and after a failure: resting ──► dialing …
 *
 * A connection that broke is dialled again at once; what is asked meanwhile waits for that one attempt. When
 * it fails too, askers are told why without waiting, and attempts go on with growing pauses. [loop] */
#ifndef STATE_MEMCACHED_LINK_H
#define STATE_MEMCACHED_LINK_H

#include "config.h"
#include "reply.h"
#include <trilby/services.h>

/* Who waits for the answer of one command: told each piece of it, or once err when there is none (any more).
 * Copied where it is kept; the members are the asker's own. */
struct wish {
    void (*answered)(struct wish *, const struct reply *, const struct trb_error *err);
    void *self, *call;
    const void *question;
    uint32_t index, tries, told;
};

struct link;

struct link_setup {
    const struct trb_host *host;
    const struct trb_origin *origin;
    const struct address *address;              /* outlives the link */
    int64_t timeout_ns;
    void *arg;
    uint32_t number;
    void (*up)(void *arg, uint32_t number);
    /* It broke, or an attempt failed; who waited has been told. The link goes on by itself; destroying it
     * here is fine. */
    void (*down)(void *arg, uint32_t number, const struct trb_error *, bool was_up);
};

struct link *link_create(const struct link_setup *);        /* begins to dial */
struct link *link_destroy(struct link *);                   /* returns NULL; NULL is welcome; who waits is told */
void link_forget(struct link *);                            /* inside stop, before destroy: the host has its stream back */

/* A command: its line, CRLF included, and what a set stores behind it (absent: nothing). */
void link_ask(struct link *, const struct wish *, struct trb_slice line, const struct trb_data *value);
/* The server's refusal as ours. */
void link_refusal(const struct reply *, struct trb_error *ret_err);

#endif
