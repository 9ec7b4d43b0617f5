/* cluster: which node has which slot, and commands that follow a slot that moves. */
#include <base/check.h>
#include <base/mem.h>
#include <base/slice.h>
#include <redis/cluster.h>

#define MAX_NODES 1024u
#define MAX_MOVES 5u

struct node {
    struct redis_cluster *cluster;
    struct redis_address address;
    struct redis_link *link;            /* NULL: not needed at present */
    bool is_up, owns;
};

struct redis_cluster {
    uint32_t magic;
    struct redis_cluster_setup setup;
    struct node **nodes;                /* the first ones are redisHost's */
    uint32_t count, seeds_down;
    uint16_t slots[REDIS_SLOTS];        /* index of the node + 1; 0: not known */
    bool is_known, is_asking, is_dead;
    uint32_t depth;
};
#define CLUSTER_MAGIC 0x434c5553u

static void refresh(struct redis_cluster *c);

/* -------------------------------------------------------------------------------------- nodes */
static void on_up(void *arg)
{
    struct node *n = arg;
    n->is_up = true;
    if (!n->cluster->is_known)
        refresh(n->cluster);
    else
        n->cluster->setup.up(n->cluster->setup.arg);
}

static void on_down(void *arg, const struct trb_error *err, bool was_up)
{
    struct node *n = arg;
    struct redis_cluster *c = n->cluster;
    n->is_up = false;
    if (was_up)
        return;
    if (!c->is_known && ++c->seeds_down < c->setup.link.config->address_count)
        return;
    bool was_known = c->is_known;
    if (was_known)
        refresh(c);
    if (!was_known || n->owns)
        c->setup.down(c->setup.arg, err);
}

static struct redis_link *link_of(struct node *n)
{
    if (!n->link) {
        struct redis_link_setup s = n->cluster->setup.link;
        s.address = n->address;
        s.database = 0;
        s.arg = n;
        s.up = on_up;
        s.down = on_down;
        n->link = redis_link_create(&s);
    }
    return n->link;
}

static uint32_t find_node(struct redis_cluster *c, const struct redis_address *where)
{
    for (uint32_t i = 0; i < c->count; i++)
        if (c->nodes[i]->address.port == where->port && !strcmp(c->nodes[i]->address.host, where->host))
            return i;
    if (c->count == MAX_NODES)
        return 0;
    struct node *n = mem_zero(sizeof *n);
    n->cluster = c;
    n->address = *where;
    c->nodes = mem_grow(c->nodes, (c->count + 1) * sizeof *c->nodes);
    c->nodes[c->count] = n;
    return c->count++;
}

static struct node *node_for(struct redis_cluster *c, uint32_t slot)
{
    if (c->slots[slot])
        return c->nodes[c->slots[slot] - 1];
    for (uint32_t i = 0; i < c->count; i++)
        if (c->nodes[i]->is_up)
            return c->nodes[i];
    return c->nodes[0];
}

/* ---------------------------------------------------------------------------------------- the map */
static bool read_place(const struct resp *master, const struct redis_address *asked, struct redis_address *to)
{
    const struct resp *host = resp_at(master, 0), *port = resp_at(master, 1);
    if (!host || !resp_is(port, RESP_INTEGER) || port->integer <= 0 || port->integer > 65535 ||
        host->text.len >= sizeof to->host)
        return false;
    *to = *asked;                       /* an empty name is the one we asked */
    if (host->text.len) {
        memcpy(to->host, host->text.at, host->text.len);
        to->host[host->text.len] = 0;
    }
    to->port = (uint32_t)port->integer;
    return true;
}

static void read_range(struct redis_cluster *c, const struct resp *range, const struct redis_address *asked)
{
    const struct resp *from = resp_at(range, 0), *to = resp_at(range, 1);
    struct redis_address where;
    if (!resp_is(from, RESP_INTEGER) || !resp_is(to, RESP_INTEGER) || from->integer < 0 || to->integer >= REDIS_SLOTS ||
        !read_place(resp_at(range, 2), asked, &where))
        return;
    uint32_t n = find_node(c, &where);
    c->nodes[n]->owns = true;
    for (int64_t slot = from->integer; slot <= to->integer; slot++)
        c->slots[slot] = (uint16_t)(n + 1);
}

static void read_map(struct redis_cluster *c, const struct resp *map, const struct redis_address *asked, bool is_first)
{
    memset(c->slots, 0, sizeof c->slots);
    for (uint32_t i = 0; i < c->count; i++)
        c->nodes[i]->owns = false;
    const struct resp *range = resp_first(map);
    for (uint32_t i = 0; i < map->count; i++, range = resp_next(range))
        read_range(c, range, asked);
    for (uint32_t i = 0; i < c->count; i++)
        if (c->nodes[i]->owns) {
            link_of(c->nodes[i]);
        } else if (is_first || !c->nodes[i]->is_up) {
            struct redis_link *link = c->nodes[i]->link;
            c->nodes[i]->link = NULL;
            c->nodes[i]->is_up = false;
            redis_link_destroy(link);
        }
}

/* What a link says while it is being closed reaches a cluster that may be gone: depth keeps it. */
static void leave(struct redis_cluster *c)
{
    if (--c->depth || !c->is_dead)
        return;
    for (uint32_t i = 0; i < c->count; i++)
        mem_free(c->nodes[i]);
    mem_free(c->nodes);
    c->magic = 0;
    mem_free(c);
}

static void refuse_start(struct redis_cluster *c, const struct resp *reply)
{
    struct trb_error err = {0};
    struct trb_slice said = resp_is(reply, RESP_ERROR) ? slice_cut(reply->text, 200) : SLICE("it owns no slots");
    trb_error(&err, TRB_UNAVAILABLE, "NO_CLUSTER", "redis %s: no map of a cluster: %.*s",
              c->nodes[0]->address.host, SLICE_ARG(said));
    c->setup.down(c->setup.arg, &err);
}

static void on_map(struct redis_wish *w, const struct resp *reply, const struct trb_error *err)
{
    struct redis_cluster *c = w->self;
    struct node *n = w->call;
    struct redis_address asked = n->address;
    c->is_asking = false;
    if (err || c->is_dead)
        return;
    bool is_map = resp_is(reply, RESP_ARRAY) && reply->count;
    if (!is_map && c->is_known)
        return;
    if (!is_map) {
        refuse_start(c, reply);
        return;
    }
    bool was_known = c->is_known;
    c->is_known = true;
    c->depth++;
    read_map(c, reply, &asked, !was_known);
    if (!was_known)
        c->setup.up(c->setup.arg);
    leave(c);
}

static void refresh(struct redis_cluster *c)
{
    if (c->is_asking)
        return;
    for (uint32_t i = 0; i < c->count; i++) {
        if (!c->nodes[i]->is_up)
            continue;
        struct redis_wish w = {.answered = on_map, .self = c, .call = c->nodes[i]};
        c->is_asking = true;
        redis_link_ask(c->nodes[i]->link, &w, (struct trb_data[]){redis_text("CLUSTER"), redis_text("SLOTS")}, 2);
        return;
    }
    for (uint32_t i = 0; i < c->setup.link.config->address_count; i++)
        link_of(c->nodes[i]);
}

/* ------------------------------------------------------------------------------------ redirection */
/* "MOVED 3999 127.0.0.1:6381" or "ASK …"; an empty host is the node that said so. */
static bool read_redirect(const struct resp *reply, uint32_t *ret_slot, struct redis_address *ret_where)
{
    struct trb_slice rest = reply->text;
    uint64_t slot, port;
    slice_split(&rest, ' ');
    if (!rest.at || !slice_to_u64(slice_split(&rest, ' '), &slot) || slot >= REDIS_SLOTS || !rest.at)
        return false;
    const char *colon = memrchr(rest.at, ':', rest.len);
    if (!colon || colon == rest.at || (size_t)(colon - rest.at) >= sizeof ret_where->host ||
        !slice_to_u64(slice_skip(rest, (size_t)(colon - rest.at) + 1), &port) || !port || port > 65535)
        return false;
    memcpy(ret_where->host, rest.at, (size_t)(colon - rest.at));
    ret_where->host[colon - rest.at] = 0;
    ret_where->port = (uint32_t)port;
    *ret_slot = (uint32_t)slot;
    return true;
}

bool redis_cluster_moved(struct redis_cluster *c, const struct resp *reply)
{
    uint32_t slot;
    struct redis_address where;
    if (!resp_error_is(reply, "MOVED") || !read_redirect(reply, &slot, &where))
        return false;
    c->slots[slot] = (uint16_t)(find_node(c, &where) + 1);
    c->nodes[c->slots[slot] - 1]->owns = true;
    refresh(c);
    return true;
}

/* A command on its way, kept so that it can be sent on. */
struct routed {
    struct redis_cluster *cluster;
    struct redis_wish wish;
    uint32_t moves;
    uint32_t count;
    struct trb_data words[];            /* and their bytes behind them */
};

static void on_routed(struct redis_wish *w, const struct resp *reply, const struct trb_error *err);

static void send_on(struct routed *r, struct node *to)
{
    struct redis_wish w = {.answered = on_routed, .self = r};
    redis_link_ask(link_of(to), &w, r->words, r->count);
}

static void on_asking(struct redis_wish *w, const struct resp *reply, const struct trb_error *err)
{
}

static bool follow(struct routed *r, const struct resp *reply)
{
    struct redis_cluster *c = r->cluster;
    uint32_t slot;
    struct redis_address where;
    if (c->is_dead || ++r->moves > MAX_MOVES)
        return false;
    if (redis_cluster_moved(c, reply)) {
        if (!read_redirect(reply, &slot, &where))
            return false;
        send_on(r, node_for(c, slot));
        return true;
    }
    if (!resp_error_is(reply, "ASK") || !read_redirect(reply, &slot, &where))
        return false;
    struct node *to = c->nodes[find_node(c, &where)];
    struct redis_wish w = {.answered = on_asking};
    redis_link_ask(link_of(to), &w, (struct trb_data[]){redis_text("ASKING")}, 1);
    send_on(r, to);
    return true;
}

static void on_routed(struct redis_wish *w, const struct resp *reply, const struct trb_error *err)
{
    struct routed *r = w->self;
    if (reply && follow(r, reply))
        return;
    r->wish.answered(&r->wish, reply, err);
    mem_free(r);
}

static struct routed *keep(struct redis_cluster *c, const struct redis_wish *wish, const struct trb_data *words, uint32_t count)
{
    size_t bytes = 0;
    for (uint32_t i = 0; i < count; i++)
        bytes += words[i].len;
    struct routed *r = mem_alloc(sizeof *r + count * sizeof *r->words + bytes);
    *r = (struct routed){.cluster = c, .wish = *wish, .count = count};
    char *at = (char *)&r->words[count];
    for (uint32_t i = 0; i < count; i++) {
        if (words[i].len)
            memcpy(at, words[i].at, words[i].len);
        r->words[i] = (struct trb_data){at, words[i].len, NULL};
        at += words[i].len;
    }
    return r;
}

/* A command that must stay with others (in a transaction) is not sent on; but the map learns. */
static void on_stayed(struct redis_wish *w, const struct resp *reply, const struct trb_error *err)
{
    struct routed *r = w->self;
    if (reply && !r->cluster->is_dead)
        redis_cluster_moved(r->cluster, reply);
    r->wish.answered(&r->wish, reply, err);
    mem_free(r);
}

void redis_cluster_ask(struct redis_cluster *c, uint32_t slot, const struct redis_wish *wish, const struct trb_data *words,
                       uint32_t count)
{
    struct routed *r = keep(c, wish, words, wish->stays ? 0 : count);
    if (!wish->stays) {
        send_on(r, node_for(c, slot));
        return;
    }
    struct redis_wish w = {.answered = on_stayed, .self = r};
    redis_link_ask(link_of(node_for(c, slot)), &w, words, count);
}

void redis_cluster_find(void *cluster, struct redis_link *asker, uint32_t slot)
{
    redis_link_found(asker, &node_for(cluster, slot)->address);
}

/* ---------------------------------------------------------------------------------- node by node */
uint32_t redis_cluster_size(const struct redis_cluster *c)
{
    uint32_t size = 0;
    for (uint32_t i = 0; i < c->count; i++)
        size += c->nodes[i]->owns;
    return size;
}

void redis_cluster_ask_node(struct redis_cluster *c, uint32_t n, const struct redis_wish *wish, const struct trb_data *words,
                            uint32_t count)
{
    struct node *to = c->nodes[0];
    for (uint32_t i = 0, owning = 0; i < c->count; i++)
        if (c->nodes[i]->owns && owning++ == n)
            to = c->nodes[i];
    redis_link_ask(link_of(to), wish, words, count);
}

struct redis_cluster *redis_cluster_create(const struct redis_cluster_setup *setup)
{
    struct redis_cluster *c = mem_zero(sizeof *c);
    c->magic = CLUSTER_MAGIC;
    c->setup = *setup;
    c->depth = 1;
    for (uint32_t i = 0; i < setup->link.config->address_count; i++)
        find_node(c, &setup->link.config->addresses[i]);
    for (uint32_t i = 0; i < c->count; i++)
        link_of(c->nodes[i]);
    return c;
}

void redis_cluster_forget(struct redis_cluster *c)
{
    for (uint32_t i = 0; c && i < c->count; i++)
        redis_link_forget(c->nodes[i]->link);
}

struct redis_cluster *redis_cluster_destroy(struct redis_cluster *c)
{
    if (!c)
        return NULL;
    check(c->magic == CLUSTER_MAGIC && !c->is_dead);
    c->is_dead = true;
    for (uint32_t i = 0; i < c->count; i++) {
        struct redis_link *link = c->nodes[i]->link;
        c->nodes[i]->link = NULL;
        redis_link_destroy(link);
    }
    leave(c);
    return NULL;
}
