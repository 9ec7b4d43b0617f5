/* write: set and remove. A script that the server has forgotten is sent whole, which teaches it again. */
#include "store.h"
#include <base/slice.h>

#define WAIT_MS "1000"

static void send_set(struct redis_wish *, bool text);
static void send_remove(struct redis_wish *, bool text);

/* A lost race is the client's to handle when it named a version; else it is an error of the store. */
static void refused(struct redis_wish *w, const struct resp *reply, bool has_etag, struct trb_name key)
{
    struct trb_error err = {0};
    struct trb_slice text = slice_cut(reply->text, 400);
    if (has_etag) {
        trb_error(&err, TRB_ABORTED, "ETAG_MISMATCH", "%.*s", SLICE_ARG(text));
        err.kind = TRB_STATE_ETAG_MISMATCH;
    } else {
        trb_error(&err, TRB_INTERNAL, "FIRST_WRITE", "failed to set key %.*s: it is marked first-write and needs its etag",
                  (int)(key.len < 200 ? key.len : 200), key.at);
    }
    wish_fail(w, &err);
}

static void set_failed(struct redis_wish *w, const struct resp *reply, const struct trb_error *err)
{
    const struct trb_state_set *q = w->question;
    struct trb_error own = {0}, full;
    if (!err)
        redis_reply_error(reply, &own);
    err = err ? err : &own;
    full = *err;
    trb_error(&full, err->code, err->reason, "failed to set key %.*s: %s", (int)(q->key.len < 100 ? q->key.len : 100),
              q->key.at, err->message);
    full.retryable = err->retryable;
    wish_fail(w, &full);
}

/* ---------------------------------------------------------------------- strong: replicas have it too */
static void on_replicas(struct redis_wish *w, const struct resp *reply, const struct trb_error *err)
{
    if (resp_is(reply, RESP_INTEGER))
        wish_done(w, NULL, 0);
    else
        wish_fail_reply(w, reply, err);
}

static void written(struct redis_wish *w, struct trb_name key, uint32_t consistency)
{
    struct store *s = store_of(w);
    char number[REDIS_NUMBER];
    if (consistency != TRB_STATE_STRONG || s->replicas <= 0) {
        wish_done(w, NULL, 0);
        return;
    }
    struct trb_data words[] = {redis_text("WAIT"), redis_number(number, s->replicas), redis_text(WAIT_MS)};
    w->answered = on_replicas;
    redis_ask(s->redis, slice_name(key), w, words, 3);
}

/* ------------------------------------------------------------------------------------------- set */
static void on_set(struct redis_wish *w, const struct resp *reply, const struct trb_error *err)
{
    const struct trb_state_set *q = w->question;
    if (resp_is(reply, RESP_INTEGER))
        written(w, q->key, q->consistency);
    else if (resp_error_is(reply, "NOSCRIPT"))
        send_set(w, true);
    else if (is_refusal(reply))
        refused(w, reply, q->etag.len && q->concurrency != TRB_STATE_LAST_WRITE, q->key);
    else
        set_failed(w, reply, err);
}

static void send_set(struct redis_wish *w, bool text)
{
    const struct trb_state_set *q = w->question;
    struct trb_error err = {0};
    struct set_words words;
    if (set_words_fill(store_of(w), q, text, &words, &err)) {
        wish_fail(w, &err);
        return;
    }
    w->answered = on_set;
    redis_ask(store_of(w)->redis, slice_name(q->key), w, words.words, SCRIPT_WORDS);
}

void set_send(struct redis_wish *w)
{
    send_set(w, false);
}

void store_set(void *self, struct trb_call *call, const void *question)
{
    struct redis_wish w = wish_alone(self, call, question);
    send_set(&w, false);
}

/* ---------------------------------------------------------------------------------------- remove */
static void on_removed(struct redis_wish *w, const struct resp *reply, const struct trb_error *err)
{
    const struct trb_state_delete *q = w->question;
    if (resp_is(reply, RESP_INTEGER))
        written(w, q->key, q->consistency);
    else if (resp_error_is(reply, "NOSCRIPT"))
        send_remove(w, true);
    else if (is_refusal(reply))
        refused(w, reply, true, q->key);
    else
        wish_fail_reply(w, reply, err);
}

static void send_remove(struct redis_wish *w, bool text)
{
    const struct trb_state_delete *q = w->question;
    struct trb_data words[REMOVE_WORDS] = {redis_text("DEL"), redis_name(q->key)};
    uint32_t count = 2;
    if (!remove_is_plain(q)) {
        remove_words_fill(store_of(w), q, text, words);
        count = REMOVE_WORDS;
    }
    w->answered = on_removed;
    redis_ask(store_of(w)->redis, slice_name(q->key), w, words, count);
}

void remove_send(struct redis_wish *w)
{
    send_remove(w, false);
}

void store_remove(void *self, struct trb_call *call, const void *question)
{
    struct redis_wish w = wish_alone(self, call, question);
    send_remove(&w, false);
}
