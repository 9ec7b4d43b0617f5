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
    struct list leaving;                   /* the same: copies that another has replaced, until they are gone */
    pthread_mutex_t lock;                  /* readers on other loops: busy, extension */
    bool has_app;                          /* app_up was told last */
    void (*all_gone)(void *arg);           /* blocks_stop's */
    void *all_gone_arg;
};

void blocks_init(struct blocks *);
void blocks_fini(struct blocks *);
/* Loads and starts the blocks of the set; a block whose plugin is nowhere is left out. */
trb_code blocks_start(struct runtime *, struct trb_error *err);
struct service *blocks_find(struct runtime *, struct trb_slice name);      /* NULL: not in service */
/* Tells the block that this copy is the one, and of the app when that is up. */
void service_in_service(struct runtime *, struct service *);
/* Another copy takes the place of the one of its name, which is leaving then, or joins at the end. */
void blocks_replace(struct runtime *, struct service *);
/* A copy that is not in service, or not any more: it goes once nothing pins it; a runtime that stops waits for it. */
void blocks_retire(struct runtime *, struct service *);
/* Routers and method tables of all services, handed to the doors. */
void blocks_publish(struct runtime *);

void blocks_app_up(struct runtime *);
void blocks_app_down(struct runtime *);
void blocks_resources(struct runtime *, uint32_t kind);
/* May call done before they return. The block is asked once, however many wait for it. */
void blocks_drain(struct runtime *, void (*done)(void *arg), void *arg);
void service_drain(struct service *, void (*done)(void *arg), void *arg);  /* one of them */
/* Takes routers and tables back, then stops every block. */
void blocks_stop(struct runtime *, void (*done)(void *arg), void *arg);

/* The first block that still deals with app_up; NULL: none does. [any] */
const char *blocks_busy(struct runtime *);
const void *blocks_extension(struct runtime *, const char *id);            /* [any] */

#endif
