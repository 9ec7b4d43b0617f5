/* store: state.redis as its files share it. One hash per key: data, version, and first-write if marked; or a JSON
 * document of these, for what says that it is JSON, where the server has RedisJSON. */
#ifndef STATE_REDIS_STORE_H
#define STATE_REDIS_STORE_H

#include <base/arena.h>
#include <base/text.h>
#include <redis/redis.h>
#include <trilby/state.h>

struct indexes;                         /* of queryIndexes */

/* What runs inside Redis. */
#define SCRIPT_SET 0u
#define SCRIPT_REMOVE 1u
#define SCRIPT_SET_JSON 2u
#define SCRIPTS 3u

struct store {
    struct redis_config config;
    const char *query_indexes, *processing_timeout, *redeliver_interval;
    int64_t default_ttl_s, max_len_approx;

    const struct trb_host *host;
    const struct trb_origin *origin;
    struct redis *redis;
    struct indexes *indexes;
    char sha[SCRIPTS][44];              /* empty: the server keeps no scripts for us */
    bool has_json;                      /* the server has RedisJSON */
    int64_t replicas;                   /* seen at start: how many a strong write waits for */
    uint32_t owed;                      /* start: answers still to come */
    struct trb_call *starting;
};

/* --- answers: of one call, or of one item of a bulk ------------------------------------------------ */
#define ALONE UINT32_MAX                /* wish.index: the call is the question's own */
struct bulk {
    struct store *store;
    struct trb_call *call;
    uint32_t owed;
};
struct redis_wish wish_alone(struct store *, struct trb_call *, const void *question);
struct redis_wish wish_item(struct bulk *, uint32_t index, const void *question);
struct bulk *bulk_create(struct store *, struct trb_call *, uint32_t count);   /* NULL: answered, nothing to do */
void wish_done(struct redis_wish *, const void *answer, size_t size);
void wish_fail(struct redis_wish *, const struct trb_error *);
void wish_fail_reply(struct redis_wish *, const struct resp *reply, const struct trb_error *err);
struct store *store_of(const struct redis_wish *);
/* A read whose connection broke may be asked again. */
bool wish_may_repeat(struct redis_wish *, const struct trb_error *err);

/* --- one item ------------------------------------------------------------------------------------ */
void get_send(struct redis_wish *);
void set_send(struct redis_wish *);
void remove_send(struct redis_wish *);

trb_verb store_get, store_set, store_remove, store_bulk_get, store_bulk_set, store_bulk_remove, store_transact,
    store_keys_like, store_query;

/* --- scripts ------------------------------------------------------------------------------------- */
extern const char *const scripts[SCRIPTS];
#define SCRIPT_WORDS 8
/* What a set says to its script; text: the whole script instead of its name. */
struct set_words {
    struct trb_data words[SCRIPT_WORDS];
    char etag[REDIS_NUMBER], ttl[REDIS_NUMBER];
};
trb_code set_words_fill(const struct store *, const struct trb_state_set *, bool text, struct set_words *,
                        struct trb_error *err);
bool says_json(const struct store *, const struct trb_pairs *metadata);      /* and the server knows documents */
uint32_t set_script(const struct store *, const struct trb_state_set *);     /* SCRIPT_SET or SCRIPT_SET_JSON */
#define REMOVE_WORDS 5
void remove_words_fill(const struct store *, const struct trb_state_delete *, bool text,
                       struct trb_data words[REMOVE_WORDS]);
bool remove_is_plain(const struct trb_state_delete *);      /* without etag: DEL */
bool is_refusal(const struct resp *);                       /* our scripts' own: the version is another */

/* --- indexes.c: what queries may name ------------------------------------------------------------- */
struct index_key {
    struct trb_name path, alias;        /* "person.org", "var0" */
    bool is_number;
};
struct index {
    struct trb_name name;
    struct index_key *keys;
    uint32_t count;
};
trb_code indexes_parse(const char *json, struct indexes **ret_indexes, struct trb_error *err);
struct indexes *indexes_destroy(struct indexes *);              /* NULL is welcome; returns NULL */
const struct index *index_find(const struct indexes *, struct trb_slice name);
const struct index_key *index_key_find(const struct index *, struct trb_slice path);
/* Makes them at the server, again where they are; then goes on, err NULL: they are there. */
void indexes_make(struct store *, void (*then)(struct store *, const struct trb_error *err));
void indexes_remake(void *store);       /* after a reconnect: those that are gone */

/* --- query.c ---------------------------------------------------------------------------------------- */
#define QUERY_PAGE 10000u               /* for a query without a limit */
struct search {
    const struct index *index;
    struct text filter;                 /* in RediSearch's language */
    struct trb_name sort;               /* the alias; absent: none */
    bool is_descending;
    uint64_t offset, limit;
};
trb_code search_make(struct arena *, const struct index *, struct trb_slice query, struct search *ret_search,
                     struct trb_error *err);

#endif
