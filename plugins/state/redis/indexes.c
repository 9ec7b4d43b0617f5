/* indexes: queryIndexes, read, and made at the server: FT.CREATE name ON JSON SCHEMA $.data.path AS varN TYPE.
 * Without stop words: a text may be "or". */
#include "store.h"
#include <base/check.h>
#include <base/json.h>
#include <base/mem.h>
#include <base/slice.h>

#define MOST_KEYS 1024u                 /* of one index; the server takes as many */
#define CREATE_HEAD 7u
#define CREATE_KEY 5u

struct indexes {
    struct arena *arena;
    struct index *at;
    uint32_t count;
};

/* ---------------------------------------------------------------------------------------- reading */
static trb_code misread(struct trb_error *err, const char *what)
{
    return trb_error(err, TRB_INVALID, "BAD_OPTION",
                     "queryIndexes: %s; it takes [{\"name\":\"people\",\"indexes\":[{\"key\":\"person.org\",\"type\":"
                     "\"TEXT\"}]}], type TEXT or NUMERIC", what);
}

static trb_code read_key(struct arena *a, struct json_value v, uint32_t number, struct index_key *to,
                         struct trb_error *err)
{
    struct json_value key = json_find(v, SLICE("key")), type = json_find(v, SLICE("type"));
    if (v.kind != JSON_OBJECT || key.kind != JSON_STRING || type.kind != JSON_STRING)
        return misread(err, "a key has no path or no type");
    struct trb_slice word = json_text(a, type);
    *to = (struct index_key){.path = json_name(a, key), .alias = arena_printf(a, "var%u", number),
                             .is_number = slice_is_nocase(word, SLICE("NUMERIC"))};
    if (!to->path.len)
        return misread(err, "a key has no path");
    bool is_known = to->is_number || slice_is_nocase(word, SLICE("TEXT"));
    return is_known ? TRB_OK : misread(err, "a type is neither TEXT nor NUMERIC");
}

static trb_code read_index(struct arena *a, struct json_value v, struct index *to, struct trb_error *err)
{
    struct json_value name = json_find(v, SLICE("name")), keys = json_find(v, SLICE("indexes")), key;
    if (v.kind != JSON_OBJECT || name.kind != JSON_STRING || keys.kind != JSON_ARRAY || !json_count(keys))
        return misread(err, "an index has no name or no keys");
    to->name = json_name(a, name);
    if (!to->name.len || json_count(keys) > MOST_KEYS)
        return misread(err, to->name.len ? "an index has too many keys" : "an index has no name");
    to->keys = arena_zero(a, json_count(keys) * sizeof *to->keys);
    for (struct json_cursor c = json_enter(keys); json_next(&c, &key); to->count++) {
        trb_code code = read_key(a, key, to->count, &to->keys[to->count], err);
        if (code)
            return code;
    }
    return TRB_OK;
}

static trb_code read_all(struct indexes *x, const char *json, struct trb_error *err)
{
    struct json_value list, v;
    struct json_fault fault;
    trb_code code = TRB_OK;
    if (!json_parse(slice_of(json), &list, &fault))
        return misread(err, fault.message);
    if (list.kind != JSON_ARRAY)
        return misread(err, "it is no list");
    x->at = arena_zero(x->arena, json_count(list) * sizeof *x->at + 1);
    for (struct json_cursor c = json_enter(list); !code && json_next(&c, &v); x->count++)
        code = read_index(x->arena, v, &x->at[x->count], err);
    return code;
}

trb_code indexes_parse(const char *json, struct indexes **ret_indexes, struct trb_error *err)
{
    if (!json || !*json)
        return TRB_OK;
    struct arena *arena = arena_create(8u << 20);
    struct indexes *x = arena_zero(arena, sizeof *x);
    x->arena = arena;
    trb_code code = read_all(x, json, err);
    if (code || !x->count)
        indexes_destroy(x);
    else
        *ret_indexes = x;
    return code;
}

struct indexes *indexes_destroy(struct indexes *x)
{
    if (x)
        arena_destroy(x->arena);
    return NULL;
}

const struct index *index_find(const struct indexes *x, struct trb_slice name)
{
    for (uint32_t i = 0; x && i < x->count; i++)
        if (slice_is(slice_name(x->at[i].name), name))
            return &x->at[i];
    return NULL;
}

const struct index_key *index_key_find(const struct index *x, struct trb_slice path)
{
    for (uint32_t i = 0; i < x->count; i++)
        if (slice_is(slice_name(x->keys[i].path), path))
            return &x->keys[i];
    return NULL;
}

/* ----------------------------------------------------------------------------------------- making */
struct making {                         /* one index after the other */
    struct store *store;
    void (*then)(struct store *, const struct trb_error *);
    uint32_t at;
    bool has_dropped, keeps;            /* keeps: one that is there stays */
};

static void create(struct making *);

static void making_end(struct making *m, const struct trb_error *err)
{
    struct store *s = m->store;
    void (*then)(struct store *, const struct trb_error *) = m->then;
    mem_free(m);
    if (then)
        then(s, err);
    else if (err)
        trb_log(s->host, s->origin, TRB_LOG_WARN, "%s", err->message);
}

static void making_fail(struct making *m, const struct resp *reply, const struct trb_error *err)
{
    struct trb_error own = {0}, full = {0};
    if (!err)
        redis_reply_error(reply, &own);
    err = err ? err : &own;
    struct trb_slice name = slice_cut(slice_name(m->store->indexes->at[m->at].name), 100);
    trb_error(&full, err->code, err->reason, "queryIndexes: the index '%.*s' cannot be made: %s", SLICE_ARG(name), err->message);
    full.retryable = err->retryable;
    making_end(m, &full);
}

static void on_dropped(struct redis_wish *w, const struct resp *reply, const struct trb_error *err)
{
    struct making *m = w->call;
    if (err)
        making_fail(m, reply, err);
    else
        create(m);
}

static void drop(struct making *m)
{
    struct redis_wish w = {.answered = on_dropped, .self = m->store, .call = m, .stays = 1};
    m->has_dropped = true;
    redis_ask(m->store->redis, SLICE(""), &w,
              (struct trb_data[]){redis_text("FT.DROPINDEX"), redis_name(m->store->indexes->at[m->at].name)}, 2);
}

static void next(struct making *m)
{
    m->has_dropped = false;
    if (++m->at < m->store->indexes->count)
        create(m);
    else
        making_end(m, NULL);
}

/* Another loop, or another sidecar, may have made it again meanwhile. */
static void on_created(struct redis_wish *w, const struct resp *reply, const struct trb_error *err)
{
    struct making *m = w->call;
    bool exists = resp_is(reply, RESP_ERROR) && slice_contains(reply->text, SLICE("already exists"));
    if (resp_is(reply, RESP_STATUS) || (exists && (m->has_dropped || m->keeps)))
        next(m);
    else if (exists)
        drop(m);
    else
        making_fail(m, reply, err);
}

static void create(struct making *m)
{
    const struct index *x = &m->store->indexes->at[m->at];
    struct arena *a = arena_create(1u << 20);
    uint32_t count = CREATE_HEAD + CREATE_KEY * x->count, n = 0;
    struct trb_data *words = arena_alloc(a, count * sizeof *words);
    words[n++] = redis_text("FT.CREATE");
    words[n++] = redis_name(x->name);
    words[n++] = redis_text("ON");
    words[n++] = redis_text("JSON");
    words[n++] = redis_text("STOPWORDS");
    words[n++] = redis_text("0");
    words[n++] = redis_text("SCHEMA");
    for (const struct index_key *k = x->keys; k < x->keys + x->count; k++) {
        words[n++] = redis_name(arena_printf(a, "$.data.%s", k->path.at));
        words[n++] = redis_text("AS");
        words[n++] = redis_name(k->alias);
        words[n++] = redis_text(k->is_number ? "NUMERIC" : "TEXT");
        words[n++] = redis_text("SORTABLE");
    }
    struct redis_wish w = {.answered = on_created, .self = m->store, .call = m, .stays = 1};
    redis_ask(m->store->redis, SLICE(""), &w, words, n);
    arena_destroy(a);
}

static void make(struct store *s, void (*then)(struct store *, const struct trb_error *), bool keeps)
{
    struct making *m = mem_zero(sizeof *m);
    *m = (struct making){.store = s, .then = then, .keeps = keeps};
    create(m);
}

void indexes_make(struct store *s, void (*then)(struct store *, const struct trb_error *))
{
    if (s->indexes && s->has_json)
        make(s, then, false);
    else
        then(s, NULL);
}

void indexes_remake(void *store)
{
    struct store *s = store;
    if (s->indexes && s->has_json)
        make(s, NULL, true);
}
