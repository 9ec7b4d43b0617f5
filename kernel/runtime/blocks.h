/* blocks: the building blocks in service: which ones a set names, their routes and methods, and how
 * all of them hear of what happens to the app. [main loop] unless marked. */
#ifndef RUNTIME_BLOCKS_H
#define RUNTIME_BLOCKS_H

#include <base/list.h>
#include <plugin/service.h>
#include <pthread.h>
#include <stdbool.h>

struct runtime;

struct blocks {
    struct list services;                  /* of struct service.link, in the order of the set */
    pthread_mutex_t lock;                  /* readers on other loops: busy, extension */
    bool has_app;                          /* app_up was told last */
};

void blocks_init(struct blocks *);
void blocks_fini(struct blocks *);
/* Loads and starts the blocks of the set; a block whose plugin is nowhere is left out. */
trb_code blocks_start(struct runtime *, struct trb_error *err);
struct service *blocks_find(struct runtime *, struct trb_slice name);      /* NULL: not in service */
void service_in_service(struct service *); /* tells the block that this copy is the one */
/* Another copy takes the place of the one of its name, or joins at the end. The old one, or NULL. */
struct service *blocks_replace(struct runtime *, struct service *);
/* Routers and method tables of all services, handed to the doors. */
void blocks_publish(struct runtime *);

void blocks_app_up(struct runtime *);
void blocks_app_down(struct runtime *);
void blocks_resources(struct runtime *, uint32_t kind);
void blocks_drain(struct runtime *, void (*done)(void *arg), void *arg);   /* may call done before it returns */
void service_drain(struct service *, void (*done)(void *arg), void *arg);  /* one of them; likewise */
/* Takes routers and tables back, then stops every block. */
void blocks_stop(struct runtime *, void (*done)(void *arg), void *arg);

/* The first block that still deals with app_up; NULL: none does. [any] */
const char *blocks_busy(struct runtime *);
const void *blocks_extension(struct runtime *, const char *id);            /* [any] */

#endif
