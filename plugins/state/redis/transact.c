/* transact: MULTI, one command per operation, EXEC, in one piece. Nobody comes between; but Redis rolls
 * nothing back: what stood before a refused operation stays done. */
#include "store.h"
#include <base/mem.h>
#include <base/slice.h>

struct transaction {
    struct store *store;
    struct trb_call *call;
    const struct trb_state_transact *question;
    struct trb_error fault;             /* the first that was told before EXEC */
    bool knows[SCRIPTS];                /* the whole script has been sent inside */
    uint32_t tries;
};

#define MAX_TRIES 3u

static void begin(struct transaction *t);

static void on_queued(struct redis_wish *w, const struct resp *reply, const struct trb_error *err)
{
    struct transaction *t = w->call;
    if (!t->fault.code && err)
        t->fault = *err;
    else if (!t->fault.code && resp_is(reply, RESP_ERROR))
        redis_reply_error(reply, &t->fault);
}

static const struct resp *first_error(const struct resp *results)
{
    const struct resp *one = resp_first(results);
    for (uint32_t i = 0; i < results->count; i++, one = resp_next(one))
        if (resp_is(one, RESP_ERROR))
            return one;
    return NULL;
}

/* A node of a cluster refused a command and so the whole: nothing was done, and now the map is newer. */
static bool has_moved(struct transaction *t, const struct resp *reply)
{
    return resp_error_is(reply, "EXECABORT") && !strncmp(t->fault.message, "MOVED ", 6) && ++t->tries < MAX_TRIES;
}

static void on_executed(struct redis_wish *w, const struct resp *reply, const struct trb_error *err)
{
    struct transaction *t = w->call;
    const struct resp *error = resp_is(reply, RESP_ARRAY) ? first_error(reply) : NULL;
    if (has_moved(t, reply)) {
        begin(t);
        return;
    }
    if (resp_is(reply, RESP_ARRAY) && !error)
        trb_done(t->call);
    else if (error || !t->fault.code)
        redis_fail(t->call, error ? error : reply, err);
    else
        t->store->host->fail(t->call, &t->fault);
    mem_free(t);
}

static void fail(struct transaction *t)
{
    t->store->host->fail(t->call, &t->fault);
    mem_free(t);
}

static void send(struct transaction *t, struct trb_slice key, const struct trb_data *words, uint32_t count)
{
    struct redis_wish w = {.answered = on_queued, .self = t->store, .call = t, .stays = 1};
    redis_ask(t->store->redis, key, &w, words, count);
}

static struct trb_state_set as_set(const struct trb_state_operation *o)
{
    return (struct trb_state_set){.size = sizeof(struct trb_state_set), .key = o->key, .value = o->value, .etag = o->etag,
                                  .metadata = o->metadata, .is_json = o->is_json,
                                  .concurrency = o->concurrency == TRB_STATE_LAST_WRITE ? o->concurrency : 0,
                                  .has_ttl = o->has_ttl, .ttl_s = o->ttl_s};
}

static void send_operation(struct transaction *t, struct trb_slice key, const struct trb_state_operation *o)
{
    if (o->kind == TRB_STATE_REMOVE) {
        struct trb_state_delete q = {.size = sizeof q, .key = o->key, .etag = o->etag};
        struct trb_data words[REMOVE_WORDS] = {redis_text("DEL"), redis_name(o->key)};
        bool is_plain = remove_is_plain(&q);
        if (!is_plain)
            remove_words_fill(t->store, &q, !t->knows[SCRIPT_REMOVE], words);
        t->knows[SCRIPT_REMOVE] = t->knows[SCRIPT_REMOVE] || !is_plain;
        send(t, key, words, is_plain ? 2 : REMOVE_WORDS);
        return;
    }
    struct trb_state_set q = as_set(o);
    struct set_words words;
    struct trb_error unused;            /* checked before MULTI */
    uint32_t script = set_script(t->store, &q);
    if (set_words_fill(t->store, &q, !t->knows[script], &words, &unused))
        return;
    t->knows[script] = true;
    send(t, key, words.words, SCRIPT_WORDS);
}

/* What does not fit through the connection is told at once: without it the others must not be done. */
static void begin(struct transaction *t)
{
    const struct trb_list *all = &t->question->operations;
    struct trb_slice key = slice_name(((const struct trb_state_operation *)trb_list_at(all, 0))->key);
    t->fault = (struct trb_error){0};
    memset(t->knows, 0, sizeof t->knows);
    send(t, key, (struct trb_data[]){redis_text("MULTI")}, 1);
    if (t->fault.code) {
        fail(t);
        return;
    }
    for (uint32_t i = 0; i < all->count && !t->fault.code; i++)
        send_operation(t, key, trb_list_at(all, i));
    struct redis_wish w = {.answered = on_executed, .self = t->store, .call = t, .stays = 1};
    redis_ask(t->store->redis, key, &w, (struct trb_data[]){redis_text(t->fault.code ? "DISCARD" : "EXEC")}, 1);
}

static trb_code check_all(const struct store *s, const struct trb_state_transact *q, struct trb_error *err)
{
    struct set_words unused;
    for (uint32_t i = 0; i < q->operations.count; i++) {
        const struct trb_state_operation *o = trb_list_at(&q->operations, i);
        struct trb_state_set set = as_set(o);
        trb_code code = o->kind == TRB_STATE_REMOVE ? TRB_OK : set_words_fill(s, &set, false, &unused, err);
        if (code)
            return code;
    }
    return TRB_OK;
}

void store_transact(void *self, struct trb_call *call, const void *question)
{
    struct store *s = self;
    const struct trb_state_transact *q = question;
    struct trb_error err = {0};
    if (check_all(s, q, &err)) {
        s->host->fail(call, &err);
        return;
    }
    if (!q->operations.count) {
        trb_done(call);
        return;
    }
    struct transaction *t = mem_zero(sizeof *t);
    t->store = s;
    t->call = call;
    t->question = q;
    begin(t);
}
