/* store: state.redis as its files share it. One hash per key: data, version, and first-write if marked. */
#ifndef STATE_REDIS_STORE_H
#define STATE_REDIS_STORE_H

#include <redis/redis.h>
#include <trilby/state.h>

struct store {
    struct redis_config config;
    const char *query_indexes, *processing_timeout, *redeliver_interval;
    int64_t default_ttl_s, max_len_approx;

    const struct trb_host *host;
    const struct trb_origin *origin;
    struct redis *redis;
    char set_sha[44], remove_sha[44];   /* empty: the server keeps no scripts for us */
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
    store_keys_like;

/* --- scripts ------------------------------------------------------------------------------------- */
extern const char script_set[], script_remove[];
#define SCRIPT_WORDS 8
/* What a set says to its script; text: the whole script instead of its name. */
struct set_words {
    struct trb_data words[SCRIPT_WORDS];
    char etag[REDIS_NUMBER], ttl[REDIS_NUMBER];
};
trb_code set_words_fill(const struct store *, const struct trb_state_set *, bool text, struct set_words *,
                        struct trb_error *err);
#define REMOVE_WORDS 5
void remove_words_fill(const struct store *, const struct trb_state_delete *, bool text,
                       struct trb_data words[REMOVE_WORDS]);
bool remove_is_plain(const struct trb_state_delete *);      /* without etag: DEL */
bool is_refusal(const struct resp *);                       /* our scripts' own: the version is another */

#endif
