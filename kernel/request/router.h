/* router: which block's route takes a method and a path. Immutable once built, counted; swapped whole.
 *
 * Static segments beat parameters, matched on the escaped path; {x} is one segment, {x...} the rest
 * (never empty). Facts: http-api.md 2.2, 2.3, 2.7. Matching allocates nothing. [any] but the build. */
#ifndef REQUEST_ROUTER_H
#define REQUEST_ROUTER_H

#include <base/arena.h>
#include <request/request.h>
#include <stdbool.h>
#include <trilby/block.h>

struct router;

struct router_source {                  /* the routes of one block */
    const struct trb_block *block;
    struct request_owner *owner;
};

struct api_rule {                       /* spec.api entries with protocol http (or empty); copied */
    struct trb_slice name, version;
};

struct router_setup {
    const struct router_source *sources;
    uint32_t source_count;
    const struct api_rule *allowed, *denied;
    uint32_t allowed_count, denied_count;
    bool is_public;                     /* only TRB_ROUTE_PUBLIC, no fallback, no lists */
    bool is_peer;                       /* only TRB_ROUTE_PEER, no lists */
};

/* Pins every owner while it lives. Two routes for the same method and path: the first source wins. */
struct router *router_create(const struct router_setup *);      /* one reference */
struct router *router_ref(struct router *);
struct router *router_unref(struct router *);                   /* NULL is welcome; returns NULL */

#define ROUTE_NONE 0u                   /* unknown path, no fallback: 404 */
#define ROUTE_FOUND 1u
#define ROUTE_FALLBACK 2u
#define ROUTE_METHOD 3u                 /* known path, another method, no fallback: 405 */

struct route_match {
    uint32_t kind;
    const struct trb_route *route;
    struct request_owner *owner;
    uint32_t param_count;
    struct route_param params[REQUEST_PARAMS];
    uint32_t allowed_len;
    char allowed[60];                   /* ROUTE_METHOD: "GET PUT" */
};

/* path: cleaned (path_clean), with its leading slash. A trailing slash is dropped when the slashed form
 * has no route. */
void router_match(const struct router *, struct trb_slice method, struct trb_slice path,
                  struct route_match *ret_match);

/* Repeated slashes and dot segments resolved on the escaped path; a trailing slash stays. The same
 * slice when there is nothing to do. */
struct trb_slice path_clean(struct arena *, struct trb_slice path);

#endif
