/* keys: KEYS_LIKE by one range of keys without values. Pages see the same revision, in the order of creation; the
 * token is <revision>:<creation of the last key>, and :<how many of that creation were told> when it made several. */
#include "store.h"
#include <base/like.h>
#include <base/mem.h>
#include <base/slice.h>
#include <stdlib.h>

struct place {
    int64_t revision, created;
    uint64_t told;                              /* of those created together */
};

struct found {
    struct trb_slice name;                      /* in the answer */
    int64_t created;
};

struct search {
    struct store *store;
    struct trb_call *call;
    const struct trb_state_keys_like *question;
    struct place from;
    struct found *keys;
    uint32_t count, room;
};

static bool read_place(struct trb_slice token, struct place *ret)
{
    uint64_t revision = 0, created = 0, told = 0;
    struct trb_slice first = slice_split(&token, ':'), second = token.at ? slice_split(&token, ':') : token;
    bool is_good = slice_to_u64(first, &revision) && slice_to_u64(second, &created) && revision <= INT64_MAX &&
                   created <= INT64_MAX && (!token.at || slice_to_u64(token, &told));
    /* Without the third number the whole creation has been told. */
    *ret = (struct place){(int64_t)revision, (int64_t)created, token.at ? told : UINT64_MAX};
    return is_good;
}

static int by_creation(const void *a, const void *b)
{
    const struct found *x = a, *y = b;
    if (x->created != y->created)
        return x->created < y->created ? -1 : 1;
    int order = memcmp(x->name.at, y->name.at, x->name.len < y->name.len ? x->name.len : y->name.len);
    return order ? order : x->name.len < y->name.len ? -1 : x->name.len > y->name.len;
}

static void add(struct search *f, const struct etcd_item *item)
{
    size_t head = strlen(f->store->path) + 1;
    struct trb_slice name = slice_skip(item->key, head);
    if (item->key.len < head || !slice_is_like(name, slice_name(f->question->pattern)))
        return;
    if (f->count == f->room) {
        f->room = f->room ? f->room * 2 : 64;
        f->keys = mem_grow(f->keys, f->room * sizeof *f->keys);
    }
    f->keys[f->count++] = (struct found){name, item->create_revision};
}

/* How many have been told on earlier pages. */
static uint32_t skip(const struct search *f)
{
    uint32_t i = 0;
    while (i < f->count && f->keys[i].created == f->from.created && i < f->from.told)
        i++;
    return i;
}

static void tell_token(struct search *f, uint32_t number, uint32_t end, int64_t revision)
{
    char token[80];
    int64_t created = f->keys[end - 1].created;
    uint32_t first = end;
    while (first && f->keys[first - 1].created == created)
        first--;
    int len = snprintf(token, sizeof token, "%lld:%lld", (long long)revision, (long long)created);
    if (f->keys[end].created == created)
        len += snprintf(token + len, sizeof token - (size_t)len, ":%u", end - first);
    struct trb_state_key last = {.size = sizeof last, .key = NAME(""), .token = slice_from(token, (size_t)len)};
    f->store->host->item(f->call, number, &last, sizeof last, NULL);
}

static void tell(struct search *f, int64_t revision)
{
    uint32_t begin, end, page = f->question->page_size, number = 0;
    if (f->count)
        qsort(f->keys, f->count, sizeof *f->keys, by_creation);
    begin = skip(f);
    end = page && page < f->count - begin ? begin + page : f->count;
    for (uint32_t i = begin; i < end; i++) {
        char *name = mem_text(f->keys[i].name.at, f->keys[i].name.len);
        struct trb_state_key k = {.size = sizeof k, .key = {name, f->keys[i].name.len}};
        f->store->host->item(f->call, number++, &k, sizeof k, NULL);
        mem_free(name);
    }
    if (end < f->count)
        tell_token(f, number, end, revision);
    trb_done(f->call);
}

static void search_end(struct search *f)
{
    mem_free(f->keys);
    mem_free(f);
}

static void search_send(struct search *f);

static void on_keys(struct grpc_wish *w, struct trb_slice answer, const struct trb_error *err)
{
    struct search *f = w->call;
    struct wire_reader items;
    struct etcd_item item;
    struct trb_error own = {0};
    int64_t revision;
    if (err && err->code == TRB_RANGE && f->from.revision) {
        f->from.revision = 0;                   /* compacted meanwhile: the page is read as things are now */
        search_send(f);
        return;
    }
    bool is_good = !err && etcd_read_range(answer, &revision, &items);
    while (is_good && etcd_next_item(&items, &item))
        add(f, &item);
    if (!err && (!is_good || items.broken))
        error_bad_answer(&own);
    if (err || own.code)
        f->store->host->fail(f->call, err ? err : &own);
    else
        tell(f, f->from.revision ? f->from.revision : revision);
    search_end(f);
}

static void search_send(struct search *f)
{
    struct grpc_wish w = {.answered = on_keys, .self = f->store, .call = f};
    struct text message = {0};
    char *head = mem_alloc(f->question->pattern.len + 1);
    struct trb_name begin = {head, like_head(slice_name(f->question->pattern), head)};
    grpc_message_begin(&message);
    etcd_put_range_keys(&message, store_key(f->store, begin), f->from.revision, f->from.created);
    mem_free(head);
    store_ask(f->store, f->call, &w, path_range, &message);
}

void store_keys_like(void *self, struct trb_call *call, const void *question)
{
    const struct trb_state_keys_like *q = question;
    struct place from = {0};
    if (!q->pattern.len) {
        trb_fail(call, TRB_INVALID, "BAD_PATTERN", "the pattern is empty");
        return;
    }
    if (q->token.len && !read_place(q->token, &from)) {
        trb_fail(call, TRB_INVALID, "BAD_TOKEN", "the token '%.*s' is not one that this store gave",
                 SLICE_ARG(slice_cut(q->token, 100)));
        return;
    }
    struct search *f = mem_zero(sizeof *f);
    *f = (struct search){.store = self, .call = call, .question = q, .from = from};
    search_send(f);
}
