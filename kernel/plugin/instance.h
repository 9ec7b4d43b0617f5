/* instance: a component in service, one self per loop or one in all.
 *
 *     created ──► starting ──► live ──► draining ──► stopping ──► gone
 *
 * Created, started and retired on the main loop; asked on any loop. It is pinned by each unanswered
 * call, open stream and request that found it; retiring waits for the pins and for one turn of every
 * loop. */
#ifndef PLUGIN_INSTANCE_H
#define PLUGIN_INSTANCE_H

#include <base/arena.h>
#include <base/list.h>
#include <loop/loop.h>
#include <loop/workers.h>
#include <plugin/loader.h>
#include <pthread.h>
#include <stdatomic.h>
#include <trilby/block.h>

struct instance;
struct slot;

/* Who speaks: one per self. What the plugin holds as const struct trb_origin *. */
struct trb_origin {
    uint32_t magic;
    struct instance *instance;
    struct loop *loop;                     /* of this self; NULL for workers and anywhere */
    void *self;
    struct list lent;                      /* timers, streams, watches of this self; its loop's */
};
#define ORIGIN_MAGIC 0x4f524947u

#define INSTANCE_CREATED 0u
#define INSTANCE_STARTING 1u
#define INSTANCE_LIVE 2u
#define INSTANCE_DRAINING 3u
#define INSTANCE_STOPPING 4u
#define INSTANCE_FAILED 5u

/* What a block sees of an instance: one view per copy of the block, so that both copies keep their own
 * data while one replaces the other. Freed with its instance, or when its block's copy has gone. */
struct trb_instance {
    uint32_t magic;
    struct instance *instance;
    struct service *service;               /* the block's copy */
    void *data;                            /* what component_up returned */
    struct list link;                      /* in service->views */
};
#define VIEW_MAGIC 0x56494557u
#define INSTANCE_MAGIC 0x494e5354u

struct instance_spec {                     /* copied */
    const char *name;                      /* metadata.name */
    struct trb_slice type, version;
    struct trb_slice as;                   /* the plugin's own word for the type; absent: the type */
    struct trb_pairs properties;           /* resolved */
    const char *const *places;             /* file:line per property, or NULL */
    const char *place;                     /* file:line of the document, or NULL */
    struct trb_slice document;
    struct trb_name app_id, namespace_;
    uint64_t init_timeout_ns;
    struct workers *workers;
    /* Answers instead of the plugin's own, whose type it is: where that runs elsewhere (kernel/isolate). given_up
     * is called with it once nothing of the instance is left; when creating fails it stays the caller's. NULL: none. */
    const struct trb_component *instead;
    void (*given_up)(const struct trb_component *instead);
};

struct instance {
    uint32_t magic;
    _Atomic uint32_t state;
    struct plugin *plugin;
    const struct trb_component *component;
    char block[32];                        /* "state": whose verbs it answers */
    bool is_secret;                        /* its answers are wiped when they have been read */
    struct trb_instance *view;             /* the one in the catalog */
    const char *label;                     /* name and type, for as long as the process lives */
    _Atomic int64_t *lent;                 /* buffers that this name and type took and did not give back; the same */
    char *name, *type, *version;
    struct arena *keep;                    /* option texts, properties */
    struct trb_setup setup;
    _Atomic uint64_t caps;
    struct trb_origin *origins;            /* per loop, or one */
    uint32_t origin_count;
    struct worker_queue *queue;
    _Atomic int64_t pins;                  /* calls, streams, requests */
    _Atomic int64_t calls, buffers;
    _Atomic uint32_t misbehaved;           /* times: from the first on no slot is used again */
    _Atomic uint32_t is_lost;
    struct slot_home *slots;               /* where its calls' tokens live */
    uint64_t init_timeout_ns, created_ns;
    struct timer timer;
    struct trb_error failure;              /* why it did not start: what every verb answers then */
    void (*then)(void *arg, struct instance *, const struct trb_error *);
    void *then_arg;
    uint32_t owed;                         /* answers of start or stop still missing */
    bool timed_out, has_been_asked;        /* asked: start was called, so stop is owed */
    struct list link;                      /* free for the owner */
    uint64_t draining_ns;                  /* since when it drains; 0: it does not [main loop] */
    _Atomic uint32_t is_held;              /* calls wait, or go to the successor: see instance_hold */
    pthread_mutex_t hold_lock;             /* of the four below */
    struct list held;
    int64_t held_count;
    uint32_t *travelling;                  /* per loop: calls that were let go and have not arrived there yet */
    void (*given_up)(const struct trb_component *);        /* as in the spec */
    struct instance *successor;            /* pinned; what keeps the contents now, or NULL */
};

static inline struct instance *instance_of(const struct trb_instance *view)
{
    return view->instance;
}

/* Loads the plugin (or uses the given copy), checks promises against verbs, fills the options.
 * [main loop] */
trb_code instance_create(const struct instance_spec *, const struct trb_block *block, struct plugin *plugin,
                         struct instance **ret_instance, struct trb_error *err);
/* Calls start in every self; then(arg, instance, NULL or why) once, on the main loop. After a failure
 * the instance must be retired. */
void instance_start(struct instance *, void (*then)(void *, struct instance *, const struct trb_error *),
                    void *arg);
/* Nobody wants to hear of its start any more: then is not called, and retiring it waits for the answers alone. */
void instance_forget_start(struct instance *);
/* No new pins may come (it is out of every catalog). quiet(arg) on the main loop once nothing uses it;
 * it still lives, and instance_retire comes next. */
void instance_drain(struct instance *, void (*quiet)(void *arg), void *arg);
/* No new pins may come (it is out of every catalog). Waits until quiet, stops, frees everything.
 * gone(arg) on the main loop; may be NULL. Does not give up; what it waits for is instance_story. */
void instance_retire(struct instance *, void (*gone)(void *arg), void *arg);
/* Calls of verbs (not streams) wait from now on, wherever they are asked, until release lets them go on
 * here or succeed sends them, and all later ones, to another instance. [main loop] */
void instance_hold(struct instance *);
bool instance_is_still(struct instance *);             /* held, and only those that wait are unanswered */
void instance_release(struct instance *);
void instance_succeed(struct instance *, struct instance *successor);
/* Those that exist, or whose plugin may still speak: while there is one, loops and workers must stay. [any] */
uint32_t instance_count(void);
/* "state.redis stays: 3 calls, 1 buffer, oldest 41 s" [any] */
void instance_story(const struct instance *, char *ret_text, size_t size);

static inline void instance_pin(struct instance *i)                   /* [any] */
{
    atomic_fetch_add_explicit(&i->pins, 1, memory_order_relaxed);
}
static inline void instance_unpin(struct instance *i)                 /* [any] */
{
    atomic_fetch_sub_explicit(&i->pins, 1, memory_order_release);
}

struct trb_origin *instance_origin(const struct instance *, const struct loop *);    /* for a caller there */
/* Told instead of the log when a component loses its product (err) and when it is back (NULL). Before other
 * threads exist; the hook is called on any. */
void instance_on_health(void (*hook)(struct instance *, const struct trb_error *));
void instance_misbehaved(struct instance *, const char *how);         /* logs, counts [any] */

#endif
