/* component: a resource of kind Component, and how its properties get their values. What a type
 * means is known to plugins only; the few words here are those of the runtime itself. */
#ifndef CONFIG_COMPONENT_H
#define CONFIG_COMPONENT_H

#include <config/resource.h>

struct component {
    struct resource head;                              /* properties: spec.metadata, as written */
    struct trb_name type, version;                     /* as written; version may be empty, never absent */
    struct trb_name block;                             /* "state": the type up to its first dot, lower case */
    struct trb_name plugin;                            /* "state.redis": the type in lower case */
    bool ignore_errors;
    bool is_namespaced;                                /* a value contains {namespace}: topics get a prefix */
    uint64_t init_timeout_ns;                          /* 5 s unless said */

    /* After resource_resolve: names once (the last one wins), keys as written. */
    struct trb_pairs resolved;
    const char *const *places;                         /* "file:line" per pair of resolved */
};

static inline struct component *component_of(struct resource *r)
{
    return r && r->kind == RESOURCE_COMPONENT ? (struct component *)(void *)r : NULL;
}

/* A raw property by its name without regard to letter case; NULL: none. */
const struct property *component_property(const struct component *, struct trb_slice name);
/* The same after resource_resolve; absent: none. */
struct trb_name component_value(const struct component *, struct trb_slice name);
bool component_is_actor_store(const struct component *);   /* actorStateStore is truthy */
/* bindings: is this half wanted by "direction"? Without one both are. */
bool component_has_direction(const struct component *, const char *direction);

#endif
