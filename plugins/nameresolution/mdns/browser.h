/* browser: where apps are, as far as their answers said: asked once, kept for a minute, handed out in
 * turn. Knows records and time, no sockets. */
#ifndef MDNS_BROWSER_H
#define MDNS_BROWSER_H

#include "records.h"
#include <base/map.h>
#include <trilby/plugin.h>

#define BROWSE_NS 1000000000ull            /* how long somebody waits for the first answer */
#define REFRESH_NS 30000000000ull
#define EXPIRE_NS 60000000000ull
#define INSTANCES 64u

struct place {                             /* one instance of an app */
    struct dns_name name;
    char v4[64], v6[64];                   /* "ip:port"; empty: none */
    uint64_t seen_ns;
};

struct waiter {
    struct waiter *next;
    struct trb_call *call;
};

struct browser;

struct app {
    char id[64];
    struct dns_name service;
    struct browser *browser;
    struct place *places;
    uint32_t count, room, turn;
    struct waiter *waiting;
    struct trb_timer *patience;            /* runs while somebody waits */
    uint64_t asked_ns;                     /* by a client, last */
};

struct browser {
    struct map apps;
    struct sighting *seen;                 /* room for one message's */
    void (*ask)(void *arg, const struct dns_name *service);    /* sends a query */
    void *arg;
    struct trb_timer *(*start)(void *arg, uint64_t after_ns, void (*fire)(void *), void *fire_arg);
    struct trb_timer *(*cancel)(struct trb_timer *);
};

void browser_init(struct browser *);
void browser_fini(struct browser *);       /* whoever still waits hears that we are leaving */
void browser_resolve(struct browser *, struct trb_call *, struct trb_slice app_id, uint64_t now_ns);
void browser_hear(struct browser *, struct trb_slice response, uint64_t now_ns);
/* Every REFRESH_NS: old places go, known apps are asked for again. */
void browser_refresh(struct browser *, uint64_t now_ns);

#endif
