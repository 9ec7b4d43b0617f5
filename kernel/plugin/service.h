/* service: a building block in service: one copy of its plugin, started, with its own self.
 *
 * Pinned by requests in its steps and by the routers that know it. [main loop] unless marked. */
#ifndef PLUGIN_SERVICE_H
#define PLUGIN_SERVICE_H

#include <plugin/instance.h>
#include <plugin/loader.h>
#include <pthread.h>
#include <request/request.h>

#define SERVICE_MAGIC 0x53455256u

struct service {
    struct request_owner owner;            /* first */
    uint32_t magic;
    const struct trb_block *block;
    struct plugin *plugin;
    struct list link;                      /* free for the owner */
    _Atomic int64_t pins;
    pthread_mutex_t lock, views_lock;
    struct list views;                     /* struct trb_instance.link; under views_lock */
    bool is_started;
    bool is_in_service, is_draining, is_drained;       /* these and the next: the owner's */
    struct list drains;                    /* whoever waits until it has drained */
    uint64_t leaving_ns;                   /* since when it waits to be stopped; 0: it does not [main loop] */
    char self[] __attribute__((aligned(16)));
};

static inline struct service *service_of(void *self)      /* [any] */
{
    return checked((char *)self - offsetof(struct service, self), struct service, SERVICE_MAGIC);
}

/* Takes a reference of the plugin (NULL: a block of the kernel's own). kernel outlives the service.
 * Starts the block. */
trb_code service_create(struct plugin *, const struct trb_block *, const struct trb_kernel *kernel,
                        struct service **ret_service, struct trb_error *err);
/* Waits until nothing pins it, stops the block, frees it. gone on the main loop; may be NULL. */
void service_retire(struct service *, void (*gone)(void *arg), void *arg);

/* quiet(arg) on the main loop once no more than `but` pins are left: those of the caller's views. It must
 * be in no router that is handed out any more. */
void service_when_quiet(struct service *, int64_t but, void (*quiet)(void *arg), void *arg);

/* Asks the block what it makes of a component. The view is in no catalog yet. */
trb_code view_create(struct service *, struct instance *, struct trb_instance **ret_view, struct trb_error *err);
struct trb_instance *view_destroy(struct trb_instance *);  /* tells component_down; NULL is welcome */

/* This copy's own view of what another copy of the same block sees as view; NULL: it has none, or the view
 * is of another block. [any] */
struct trb_instance *service_view(struct service *, const struct trb_instance *view);
/* NULL: the owner is no service. [any] */
struct service *service_of_owner(struct request_owner *);

/* task, lock, unlock of struct trb_kernel. */
void service_kernel_fill(struct trb_kernel *);

#endif
