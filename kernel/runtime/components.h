/* components: from a document to an instance in service, and out of it again. [main loop]
 *
 *     waiting ──► resolving ──► starting ──► live ──► leaving ──► gone
 *        │                          │
 *        └► parked (its secret      └► failed (ignored, or tried again with --on-component-failure heal)
 *           store is not there)
 *
 * They start side by side, unless one needs another's secret. */
#ifndef RUNTIME_COMPONENTS_H
#define RUNTIME_COMPONENTS_H

#include <base/list.h>
#include <base/text.h>
#include <config/component.h>
#include <config/resolve.h>
#include <loop/loop.h>
#include <plugin/instance.h>
#include <stdbool.h>

struct runtime;
struct parting;

#define ENTRY_WAITING 0u
#define ENTRY_PARKED 1u
#define ENTRY_RESOLVING 2u
#define ENTRY_STARTING 3u
#define ENTRY_LIVE 4u
#define ENTRY_FAILED 5u
#define ENTRY_LEAVING 6u

struct entry {                             /* one component, whatever has become of it */
    struct list link;
    struct runtime *rt;
    struct component *component;           /* a reference */
    uint32_t state;
    struct resolution *resolution;
    struct instance *instance;
    struct trb_instance *view;             /* in the catalog while live */
    struct plugin *plugin;                 /* a copy to start from; NULL: the newest */
    struct standin *standin;               /* serves its reason while it does not serve, or NULL */
    bool is_behind;                        /* live, and in no catalog before its turn */
    bool is_challenged;                    /* another may take its place: nobody else changes it meanwhile */
    struct timer again;                    /* heal; or leaving while it starts */
    struct parting *parting;               /* leaving while it starts */
    uint64_t pause_ns;
    struct text why;                       /* of the failure */
    /* A replacement tells its maker instead of ending the process. err NULL: it is live. */
    void (*then)(void *arg, struct entry *, const struct trb_error *err);
    void *arg;
    void (*gone)(void *arg);
    void *gone_arg;
    struct job end;
    bool is_given;                         /* by the admin listener, not by a file */
    void (*settled)(void *arg);            /* once: it is live, failed, parked or leaving; NULL: nobody asks */
    void *settled_arg;
};

struct components {
    struct list entries;                   /* in the order of the documents; leaving ones too */
    uint32_t outside;                      /* instances of no entry that still exist: stand-ins, failed starts */
    bool is_loaded, is_withdrawn;
    struct job advance;
    void (*loaded)(struct runtime *);
    void (*all_gone)(void *arg);           /* once nothing is left of all these */
    void *arg;
};

void components_init(struct components *);
/* Starts all of them; loaded is called once none of them is under way any more. */
void components_start(struct runtime *, void (*loaded)(struct runtime *));
struct entry *components_find(struct runtime *, struct trb_slice name);        /* in any state; NULL: none */
/* A new catalog of all that is live. then may be NULL. */
void components_publish(struct runtime *, void (*then)(void *arg), void *arg);
/* Takes all of them out of service and stops them. */
void components_stop(struct runtime *, void (*done)(void *arg), void *arg);

/* What has come up or failed may be what others waited for: looked at in this turn's run queue. */
void components_changed(struct runtime *);
void components_check_gone(struct runtime *);          /* an entry has gone */
void components_outside_gone(void *runtime);           /* one of those outside has gone */

/* The pieces of it, for replacing (replace.h). */
struct entry *entry_create(struct runtime *, struct component *given);         /* at the end of the list */
void entry_start(struct entry *);                      /* its secrets are there, or nobody waits for them */
void entry_settled(struct entry *);
void entry_retire(struct entry *, void (*gone)(void *arg), void *arg);         /* it is in no catalog any more */

/* resolve_context.get: asks a live secret store. */
void components_secret(void *runtime, struct trb_slice store, struct trb_slice name, struct trb_slice namespace_,
                       struct secret_ticket *);

#endif
