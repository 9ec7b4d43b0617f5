/* router: a tree of path segments, built once from the blocks' tables, walked without allocating. */
#include <base/check.h>
#include <base/mem.h>
#include <base/slice.h>
#include <request/router.h>
#include <stdatomic.h>
#include <string.h>

#define ROUTER_MAGIC 0x524f5554u
#define ROUTER_BUDGET (16u << 20)

struct leaf {
    struct leaf *next;
    const struct trb_route *route;
    struct request_owner *owner;
    struct trb_slice methods;                       /* absent: all */
    struct trb_slice params[REQUEST_PARAMS];        /* their names, in order */
    uint32_t param_count;
};

struct node {
    struct trb_slice segment;
    struct node *next, *first;                      /* siblings; static children */
    struct node *param;                             /* {x} */
    struct leaf *leaves, *tails;                    /* here; {x...} from here */
};

struct router {
    uint32_t magic;
    _Atomic uint32_t refs;
    struct arena *arena;
    struct node root;
    struct leaf *fallback;
    struct request_owner **owners;
    uint32_t owner_count;
};

/* ------------------------------------------------------------------------------- the API lists */

/* "v1" is "v1.0", "v1alpha1" is "v1.0-alpha1". */
static bool is_version(struct trb_slice rule, struct trb_slice version)
{
    struct trb_slice stem = SLICE("v1.0");
    if (!slice_starts(rule, SLICE("v1")) || !slice_starts(version, stem))
        return false;
    rule = slice_skip(rule, 2);
    version = slice_skip(version, stem.len);
    return slice_is(rule, version.len ? slice_skip(version, 1) : version);
}

/* The older spelling: the rule's version and name are how the path begins. */
static bool begins_with(struct trb_slice path, const struct api_rule *rule)
{
    if (!slice_starts(path, rule->version))
        return false;
    path = slice_skip(path, rule->version.len);
    return path.len && path.at[0] == '/' && slice_starts(slice_skip(path, 1), rule->name);
}

static bool is_listed(const struct api_rule *rules, uint32_t count, struct trb_slice group, struct trb_slice path)
{
    struct trb_slice rest = path, version = slice_split(&rest, '/');
    for (uint32_t i = 0; i < count; i++)
        if (rules[i].version.len && (begins_with(path, &rules[i]) ||
                                     (slice_is(rules[i].name, group) && is_version(rules[i].version, version))))
            return true;
    return false;
}

static bool is_allowed(const struct router_setup *setup, struct trb_slice group, struct trb_slice path)
{
    if (is_listed(setup->denied, setup->denied_count, group, path))
        return false;
    return !setup->allowed_count || is_listed(setup->allowed, setup->allowed_count, group, path);
}

/* --------------------------------------------------------------------------------- building */

static bool is_wanted(const struct router_setup *setup, const struct trb_route *route)
{
    if (setup->is_public)
        return route->flags & TRB_ROUTE_PUBLIC;
    if (setup->is_peer || route->flags & TRB_ROUTE_PEER)
        return setup->is_peer && route->flags & TRB_ROUTE_PEER;
    if (route->flags & TRB_ROUTE_HEALTH || !route->group)
        return true;
    return is_allowed(setup, slice_of(route->group), slice_of(route->path && route->path[0] ? route->path : "v1.0"));
}

static struct node *node_create(struct router *r, struct trb_slice segment)
{
    struct node *node = arena_zero(r->arena, sizeof *node);
    node->segment = segment;
    return node;
}

static struct node *child(struct router *r, struct node *parent, struct trb_slice segment)
{
    struct node **link = &parent->first;
    for (; *link; link = &(*link)->next)
        if (slice_is((*link)->segment, segment))
            return *link;
    return *link = node_create(r, segment);
}

static void add_param(struct leaf *leaf, struct trb_slice name)
{
    check(leaf->param_count < REQUEST_PARAMS);
    leaf->params[leaf->param_count++] = name;
}

static void hang(struct leaf **list, struct leaf *leaf)
{
    while (*list)
        list = &(*list)->next;
    *list = leaf;
}

static bool is_param(struct trb_slice segment)
{
    return segment.len > 2 && segment.at[0] == '{' && segment.at[segment.len - 1] == '}';
}

/* Down the path, making what is missing; the leaf goes to the end of its list, so the first wins. */
static void add_path(struct router *r, struct leaf *leaf)
{
    struct node *node = &r->root;
    struct trb_slice path = slice_of(leaf->route->path);
    if (path.len && path.at[0] == '/')
        path = slice_skip(path, 1);
    while (path.at) {
        struct trb_slice segment = slice_split(&path, '/');
        if (!is_param(segment)) {
            node = child(r, node, segment);
            continue;
        }
        struct trb_slice name = slice_from(segment.at + 1, segment.len - 2);
        if (slice_ends(name, SLICE("..."))) {
            add_param(leaf, slice_cut(name, name.len - 3));
            hang(&node->tails, leaf);
            return;
        }
        add_param(leaf, name);
        if (!node->param)
            node->param = node_create(r, segment);
        node = node->param;
    }
    hang(&node->leaves, leaf);
}

static void add_route(struct router *r, const struct router_setup *setup, const struct trb_route *route,
                      struct request_owner *owner)
{
    struct leaf *leaf = arena_zero(r->arena, sizeof *leaf);
    leaf->route = route;
    leaf->owner = owner;
    if (strcmp(route->methods, "*") != 0)
        leaf->methods = slice_of(route->methods);
    if (route->flags & TRB_ROUTE_FALLBACK && !setup->is_public && !r->fallback) {
        r->fallback = arena_zero(r->arena, sizeof *leaf);
        *r->fallback = *leaf;
    }
    if (route->path && route->path[0])
        add_path(r, leaf);
}

static void add_source(struct router *r, const struct router_setup *setup, const struct router_source *source)
{
    const struct trb_block *block = source->block;
    r->owners[r->owner_count++] = source->owner;
    if (source->owner && source->owner->pin)
        source->owner->pin(source->owner);
    for (uint32_t i = 0; i < block->route_count; i++) {
        const void *at = (const char *)block->routes + (size_t)i * block->route_size;
        if (is_wanted(setup, at))
            add_route(r, setup, at, source->owner);
    }
}

struct router *router_create(const struct router_setup *setup)
{
    struct router *r = mem_zero(sizeof *r);
    r->magic = ROUTER_MAGIC;
    r->refs = 1;
    r->arena = arena_create(ROUTER_BUDGET);
    r->owners = arena_zero(r->arena, (setup->source_count + 1) * sizeof(void *));
    for (uint32_t i = 0; i < setup->source_count; i++)
        add_source(r, setup, &setup->sources[i]);
    return r;
}

struct router *router_ref(struct router *r)
{
    if (r)
        atomic_fetch_add_explicit(&r->refs, 1, memory_order_relaxed);
    return r;
}

struct router *router_unref(struct router *r)
{
    if (!r || atomic_fetch_sub_explicit(&r->refs, 1, memory_order_acq_rel) != 1)
        return NULL;
    for (uint32_t i = 0; i < r->owner_count; i++)
        if (r->owners[i] && r->owners[i]->unpin)
            r->owners[i]->unpin(r->owners[i]);
    arena_destroy(r->arena);
    mem_free(r);
    return NULL;
}

/* --------------------------------------------------------------------------------- matching */

struct walk {
    struct trb_slice method;
    struct trb_slice values[REQUEST_PARAMS];
    struct route_match *match;
};

static bool has_method(struct trb_slice methods, struct trb_slice method)
{
    while (methods.at)
        if (slice_is(slice_split(&methods, ' '), method))
            return true;
    return false;
}

static void note_allowed(struct route_match *match, struct trb_slice methods)
{
    size_t len = match->allowed_len + (match->allowed_len ? 1 : 0);
    match->kind = ROUTE_METHOD;
    if (len + methods.len > sizeof match->allowed)
        return;
    if (match->allowed_len)
        match->allowed[match->allowed_len] = ' ';
    memcpy(match->allowed + len, methods.at, methods.len);
    match->allowed_len = (uint32_t)(len + methods.len);
}

static const struct leaf *choose(struct walk *w, const struct leaf *leaf)
{
    for (; leaf; leaf = leaf->next) {
        if (!leaf->methods.at || has_method(leaf->methods, w->method))
            return leaf;
        note_allowed(w->match, leaf->methods);
    }
    return NULL;
}

/* Static before parameter before rest; a dead end goes back to the next of these. */
static const struct leaf *descend(struct walk *w, const struct node *node, struct trb_slice rest, uint32_t count)
{
    const struct leaf *leaf = NULL;
    struct trb_slice whole = rest;
    if (!rest.at)
        return choose(w, node->leaves);
    struct trb_slice segment = slice_split(&rest, '/');
    for (const struct node *c = node->first; c && !leaf; c = c->next)
        if (c->segment.len == segment.len && !memcmp(c->segment.at, segment.at, segment.len))
            leaf = descend(w, c, rest, count);
    if (!leaf && node->param && segment.len) {
        w->values[count] = segment;
        leaf = descend(w, node->param, rest, count + 1);
    }
    if (!leaf && node->tails && whole.len) {
        leaf = choose(w, node->tails);
        if (leaf)
            w->values[count] = whole;
    }
    return leaf;
}

static void take(struct walk *w, const struct leaf *leaf, uint32_t kind)
{
    struct route_match *match = w->match;
    match->kind = kind;
    match->route = leaf->route;
    match->owner = leaf->owner;
    match->param_count = kind == ROUTE_FOUND ? leaf->param_count : 0;
    for (uint32_t i = 0; i < match->param_count; i++)
        match->params[i] = (struct route_param){.name = leaf->params[i].at,
                                                .name_len = (uint32_t)leaf->params[i].len,
                                                .raw = w->values[i]};
}

void router_match(const struct router *r, struct trb_slice method, struct trb_slice path,
                  struct route_match *ret_match)
{
    struct walk w = {.method = method, .match = ret_match};
    struct trb_slice rest = slice_skip(path, 1);
    ret_match->kind = ROUTE_NONE;
    ret_match->route = NULL;
    ret_match->owner = NULL;
    ret_match->param_count = ret_match->allowed_len = 0;
    if (!r)
        return;
    const struct leaf *leaf = descend(&w, &r->root, rest, 0);
    if (!leaf && rest.len && rest.at[rest.len - 1] == '/')
        leaf = descend(&w, &r->root, slice_cut(rest, rest.len - 1), 0);
    if (leaf)
        take(&w, leaf, ROUTE_FOUND);
    else if (r->fallback)
        take(&w, r->fallback, ROUTE_FALLBACK);
}
