/* link: one connection to one server on one loop. Commands are written straight into the stream's
 * buffer and leave together at the end of the loop's turn; answers come back in their order.
 *
 *     dialing ──► greeting ──► up ──► (lost) ──► dialing, and after a failure: resting ──► dialing …
 *
 * A connection that broke is dialled again at once; what is asked meanwhile waits for that one attempt.
 * When it fails too, attempts go on with growing pauses. After one that failed at once whoever asks ends the pause and
 * waits for the next, so that a server that is back is back for everybody; after one that took long askers are told why
 * without waiting. [loop] */
#ifndef REDIS_LINK_H
#define REDIS_LINK_H

#include <redis/command.h>
#include <redis/config.h>
#include <trilby/services.h>

struct redis_link;

struct redis_link_setup {
    const struct trb_host *host;
    const struct trb_origin *origin;
    const struct redis_config *config;          /* outlives the link */
    struct redis_address address;
    const char *username, *password;
    int64_t database;
    int64_t read_timeout_ns;                    /* for one answer; 0: never */
    uint32_t readonly;                          /* says READONLY, as readers of a replica do */
    void *arg;
    /* Connected and greeted. */
    void (*up)(void *arg);
    /* It broke, or an attempt failed; who waited has been told. The link goes on by itself; destroying it
     * here is fine. */
    void (*down)(void *arg, const struct trb_error *, bool was_up);
    /* Where to dial next, when that is not always the same: answers by redis_link_found or
     * redis_link_lost, now or later. NULL: address. */
    void (*find)(void *find_arg, struct redis_link *, uint32_t find_slot);
    void *find_arg;
    uint32_t find_slot;
    const struct redis_link *follow;            /* or: where that one is, or was last */
    /* What the server says unasked of channels that were subscribed: ["message", …] or ["pmessage", …]. NULL: that
     * is a fault. */
    void (*push)(void *arg, const struct resp *message);
};

struct redis_link *redis_link_create(const struct redis_link_setup *);     /* begins to dial */
struct redis_link *redis_link_destroy(struct redis_link *);                /* returns NULL; NULL is welcome;
                                                                              who still waits is told */
void redis_link_forget(struct redis_link *);    /* inside stop, before destroy: the host has its stream back */
void redis_link_ask(struct redis_link *, const struct redis_wish *, const struct trb_data *words, uint32_t count);
bool redis_link_is_up(const struct redis_link *);
const struct redis_address *redis_link_address(const struct redis_link *);
void redis_link_found(struct redis_link *, const struct redis_address *);
void redis_link_lost(struct redis_link *, const struct trb_error *);       /* ends what is, and dials again */

#endif
