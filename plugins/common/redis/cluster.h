/* cluster: the nodes of a Redis cluster and the map of its 16384 hash slots. A command goes where its
 * key's slot lives; a node that says MOVED or ASK is believed, and the command sent on. [loop] */
#ifndef REDIS_CLUSTER_H
#define REDIS_CLUSTER_H

#include <redis/link.h>

struct redis_cluster;

struct redis_cluster_setup {
    struct redis_link_setup link;               /* as for one server; arg, up and down are the cluster's own */
    void *arg;
    void (*up)(void *arg);                      /* the map is known, and whenever a node is back */
    void (*down)(void *arg, const struct trb_error *);   /* no node answers (before up), or one is lost */
};

struct redis_cluster *redis_cluster_create(const struct redis_cluster_setup *);
struct redis_cluster *redis_cluster_destroy(struct redis_cluster *);
void redis_cluster_forget(struct redis_cluster *);          /* the host has taken its streams back */
void redis_cluster_ask(struct redis_cluster *, uint32_t slot, const struct redis_wish *, const struct trb_data *words,
                       uint32_t count);
void redis_cluster_find(void *cluster, struct redis_link *asker, uint32_t slot);   /* a link's find */
bool redis_cluster_moved(struct redis_cluster *, const struct resp *reply);        /* learns; false: it says no such thing */
uint32_t redis_cluster_size(const struct redis_cluster *);                         /* nodes that own slots */
void redis_cluster_ask_node(struct redis_cluster *, uint32_t n, const struct redis_wish *, const struct trb_data *words,
                            uint32_t count);

#define REDIS_SLOTS 16384u
uint32_t redis_slot(struct trb_slice key);                  /* of what stands in the first {…}, or of all */

#endif
