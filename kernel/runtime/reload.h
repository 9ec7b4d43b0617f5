/* reload: what changes in the resource folders while the runtime runs, found and applied. [main loop]
 *
 *     a burst in a folder, or every minute ──► read all folders ──► what is different from what is loaded
 *            ──► removals, then updates, then additions: one at a time, each through to its end
 *
 * With --reload=dapr a component is closed before its successor starts, and a change of a Configuration, an
 * HTTPEndpoint or a Resiliency builds the runtime anew. With --reload=safe the successor comes up beside the
 * old one, which stays if that fails, and nothing is built anew. */
#ifndef RUNTIME_RELOAD_H
#define RUNTIME_RELOAD_H

#include <base/map.h>
#include <config/changes.h>
#include <config/resolve.h>
#include <loop/loop.h>
#include <stdbool.h>

struct entry;
struct runtime;

#define RELOAD_SCOPE "dapr.runtime.hotreload"

#define RELOAD_EVENT 1u                    /* something has happened, or somebody asks: every kind */
#define RELOAD_RECONCILE 2u                /* the minute: kinds that build the runtime anew are left alone */

struct reload {
    struct changes *changes;               /* NULL: nothing is watched */
    struct watch watch;
    struct timer reconcile, again, patience, look;     /* look: for a folder that has gone */
    struct job job;
    bool is_open, is_busy;
    uint32_t wanted;                       /* RELOAD_…: as soon as this one is through; 0: none */
    struct change_list list;               /* with references; applied up to next */
    uint32_t next, room;
    struct map owed;                       /* components that are not as their document wants them to be */
    struct map skipped;                    /* of these: there was an actor state store already */
    bool is_slot_awaited;                  /* one has been skipped since the slot was free last */

    struct change now;                     /* the one under way */
    struct entry *old;                     /* being closed */
    struct resolution *resolution;
    uint8_t before[32];
    void (*closed)(struct runtime *);
};

/* Before the folders are read, so that nothing is missed. "failed to create watcher: …" */
trb_code reload_watch(struct runtime *, struct trb_error *err);
/* Everything is in service: what has been noticed meanwhile, and from now on, is applied. */
void reload_open(struct runtime *);
void reload_scan(struct runtime *, uint32_t why);
void reload_stop(struct runtime *);        /* the runtime is leaving: nothing new begins */
void reload_fini(struct runtime *);

/* --- the pieces of it ----------------------------------------------------------------------- */
/* All that is different, with references; a component's old is what its entry has. */
void reload_compare(struct runtime *, const struct resource_set *fresh, uint32_t why);
void reload_append(struct runtime *, uint32_t what, struct resource *old, struct resource *new_);
/* Apply reload.now; reload_done when through. */
void reload_component(struct runtime *);
void reload_document(struct runtime *);
void reload_done(struct runtime *);
void reload_try_again(struct runtime *);   /* somebody else is at it: soon, instead of now */
bool reload_will_add(const struct runtime *, struct trb_slice name);           /* once the old one is closed */
struct entry *reload_actor_store(struct runtime *, struct trb_slice but);      /* NULL: none but that one */

#endif
