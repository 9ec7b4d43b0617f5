/* pool_link: the links of a pool: how they open, rest and end. Only for pool.c. [loop] */
#ifndef NET_POOL_LINK_H
#define NET_POOL_LINK_H

#include <net/pool.h>
#include <net/tls.h>

void pool_link_open(struct http_pool *);
/* Ends it at once; calls on it fail. */
void pool_link_destroy(struct client_link *, const struct trb_error *);
void pool_link_took_call(struct client_link *, struct pool_call *);
void pool_link_lost_call(struct client_link *);

void pool_serve(struct http_pool *);            /* later in this turn */
void pool_fail_waiting(struct http_pool *, const struct trb_error *, bool all);

#endif
