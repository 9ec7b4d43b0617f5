/* changes: notices that something in the resource folders has changed, and says what is different
 * between two loaded sets. Reads no YAML itself and owns no loop: one descriptor is offered. */
#ifndef CONFIG_CHANGES_H
#define CONFIG_CHANGES_H

#include <config/resource.h>
#include <stdbool.h>
#include <stdint.h>
#include <trilby/types.h>

#define CHANGES_QUIET_NS 5000000ull                    /* a burst ends after that much silence */

struct changes;

/* "failed to create watcher: failed to add target DIR: no such file or directory" */
trb_code changes_watch(const struct trb_name *folders, uint32_t count, struct changes **ret_changes,
                       struct trb_error *err);
struct changes *changes_destroy(struct changes *);     /* NULL is welcome; returns NULL */
int changes_fd(const struct changes *);                /* readable: call changes_read */
/* A path leads to another folder than the one that is watched, behind a link or a mount: no event tells of that. */
bool changes_have_moved(const struct changes *);
/* true: a burst is over, load again. false: wait on. Files of the burst are told one by one to file,
 * which may be NULL. A failed watch (a folder went away) is ret_lost. */
bool changes_read(struct changes *, void (*file)(void *arg, const char *path), void *arg, bool *ret_lost);

#define CHANGE_REMOVED 0u
#define CHANGE_UPDATED 1u
#define CHANGE_ADDED 2u

struct change {
    uint32_t what;
    struct resource *old, *new_;                       /* borrowed from the sets; NULL where there is none */
};

struct change_list {
    struct change *at;                                 /* all removals, then updates, then additions */
    uint32_t count;
};

/* By name within a kind. NULL for a set: empty. */
struct change_list changes_between(const struct resource_set *old, const struct resource_set *new_,
                                   uint32_t kind);
void change_list_fini(struct change_list *);

#endif
