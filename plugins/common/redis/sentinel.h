/* sentinel: asks the sentinels of redisHost, one after the other, which server is the master. [loop] */
#ifndef REDIS_SENTINEL_H
#define REDIS_SENTINEL_H

#include <redis/link.h>

struct redis_sentinels;

/* Host, origin and config are those of the setup. */
struct redis_sentinels *redis_sentinels_create(const struct redis_link_setup *);
struct redis_sentinels *redis_sentinels_destroy(struct redis_sentinels *);
void redis_sentinels_forget(struct redis_sentinels *);      /* the host has taken its streams back */
/* Answers by redis_link_found or redis_link_lost of the asker. */
void redis_sentinels_find(struct redis_sentinels *, struct redis_link *asker);

#endif
