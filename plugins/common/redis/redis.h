/* redis: what a component asks: one server, the master that sentinels know, or a cluster. [loop]
 *
 * It is created by start and answers that call: when it is connected, then(self) goes on and answers;
 * when the first attempt fails, it is taken down and the call fails with the reason. Later it stays,
 * and tells the host when its servers are lost and back. */
#ifndef REDIS_REDIS_H
#define REDIS_REDIS_H

#include <redis/link.h>

struct redis;

struct redis_setup {
    const struct trb_host *host;
    const struct trb_origin *origin;
    const struct redis_config *config;          /* checked; outlives it */
    void *self;
    struct redis **place;                       /* where the component keeps it */
    void (*then)(void *self, struct trb_call *start);
    void (*back)(void *self);                   /* connected again; may be NULL */
};

/* The usual first lines of start: checks the options, connects. */
void redis_start(const struct redis_setup *, struct redis_config *, struct trb_call *start);
struct redis *redis_destroy(struct redis *);    /* returns NULL; NULL is welcome; who waits is told */
struct redis *redis_stop(struct redis *);       /* the same inside stop, when the host has taken its streams back */

/* key: what the command is about; a cluster sends it where that key lives. */
void redis_ask(struct redis *, struct trb_slice key, const struct redis_wish *, const struct trb_data *words,
               uint32_t count);
/* A connection of its own to where the key lives, for commands that wait at the server. Setup: arg, up,
 * down and read_timeout_ns; the rest is filled in. */
struct redis_link *redis_own_link(struct redis *, struct trb_slice key, struct redis_link_setup *);

/* For commands about no key: node by node. One server is one node. */
uint32_t redis_node_count(const struct redis *);
void redis_ask_node(struct redis *, uint32_t n, const struct redis_wish *, const struct trb_data *words, uint32_t count);
/* The key of an own link has moved: learns where to. False: the reply says no such thing. */
bool redis_learn_move(struct redis *, const struct resp *reply);

/* The server's error as ours. */
void redis_reply_error(const struct resp *reply, struct trb_error *ret_err);
/* Fails the call with what came instead of an answer. */
void redis_fail(struct trb_call *, const struct resp *reply, const struct trb_error *err);
void redis_ping(struct redis *, struct trb_call *);         /* the whole verb: any server answers */
int64_t redis_read_timeout(const struct redis_config *);    /* nanoseconds; 0: never */

#endif
