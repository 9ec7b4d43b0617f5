/* get: a hash of data and version; or a JSON document of these; or a plain string that somebody else wrote, which
 * has no version. Where the request says JSON the document is looked for first, else the hash. */
#include "store.h"
#include <base/json.h>
#include <base/slice.h>

static void finish(struct redis_wish *w, struct trb_slice value, struct trb_slice etag)
{
    struct trb_state_item item = {.size = sizeof item, .value = {value.at, value.len, NULL}, .etag = etag};
    wish_done(w, &item, sizeof item);
}

static void fail(struct redis_wish *w, const char *why)
{
    const struct trb_state_get *q = w->question;
    struct trb_error err = {0};
    trb_error(&err, TRB_INTERNAL, "BAD_RECORD", "the key %.*s %s", (int)(q->key.len < 200 ? q->key.len : 200), q->key.at, why);
    wish_fail(w, &err);
}

static void on_text(struct redis_wish *w, const struct resp *reply, const struct trb_error *err)
{
    if (resp_is(reply, RESP_STRING))
        finish(w, reply->text, (struct trb_slice){0});
    else if (resp_is(reply, RESP_NULL))
        finish(w, (struct trb_slice){0}, (struct trb_slice){0});
    else if (resp_error_is(reply, "WRONGTYPE"))
        fail(w, "is neither a hash nor a string");
    else if (wish_may_repeat(w, err))
        get_send(w);
    else
        wish_fail_reply(w, reply, err);
}

static void ask_text(struct redis_wish *w)
{
    const struct trb_state_get *q = w->question;
    struct trb_data words[] = {redis_text("GET"), redis_name(q->key)};
    w->answered = on_text;
    redis_ask(store_of(w)->redis, slice_name(q->key), w, words, 2);
}

/* ----------------------------------------------------------------------------------- a document */
static void ask_hash(struct redis_wish *);

static bool is_document_first(const struct redis_wish *w)
{
    return says_json(store_of(w), &((const struct trb_state_get *)w->question)->metadata);
}

static void read_document(struct redis_wish *w, struct trb_slice text)
{
    struct json_value v;
    struct json_fault fault;
    if (!json_parse(text, &v, &fault))
        v = (struct json_value){0};
    struct json_value data = json_find(v, SLICE("data")), version = json_find(v, SLICE("version"));
    if (data.raw.at && version.kind == JSON_NUMBER)
        finish(w, data.raw, version.raw);
    else
        fail(w, data.raw.at ? "has no member version" : "has no member data");
}

/* A key that is none goes to those who read it otherwise: the hash first, which comes here last. */
static void on_document(struct redis_wish *w, const struct resp *reply, const struct trb_error *err)
{
    if (resp_is(reply, RESP_STRING))
        read_document(w, reply->text);
    else if (resp_is(reply, RESP_NULL))
        finish(w, (struct trb_slice){0}, (struct trb_slice){0});
    else if (wish_may_repeat(w, err))
        get_send(w);
    else if (err)
        wish_fail_reply(w, reply, err);
    else if (is_document_first(w))
        ask_hash(w);
    else
        ask_text(w);
}

static void ask_document(struct redis_wish *w)
{
    const struct trb_state_get *q = w->question;
    struct trb_data words[] = {redis_text("JSON.GET"), redis_name(q->key), redis_text(".")};
    w->answered = on_document;
    redis_ask(store_of(w)->redis, slice_name(q->key), w, words, 3);
}

/* --------------------------------------------------------------------------------------- a hash */
static void read_hash(struct redis_wish *w, const struct resp *hash)
{
    struct trb_slice data = {0}, version = {0};
    const struct resp *name = resp_first(hash);
    for (uint32_t i = 0; i + 1 < hash->count; i += 2, name = resp_next(resp_next(name))) {
        if (slice_is(name->text, SLICE("data")))
            data = resp_next(name)->text;
        else if (slice_is(name->text, SLICE("version")))
            version = resp_next(name)->text;
    }
    if (data.at && version.at)
        finish(w, data, version);
    else if (!hash->count)
        finish(w, (struct trb_slice){0}, (struct trb_slice){0});
    else
        fail(w, data.at ? "has no field version" : "has no field data");
}

static void on_hash(struct redis_wish *w, const struct resp *reply, const struct trb_error *err)
{
    if (resp_is(reply, RESP_ARRAY))
        read_hash(w, reply);
    else if (resp_error_is(reply, "WRONGTYPE") && store_of(w)->has_json && !is_document_first(w))
        ask_document(w);
    else if (resp_error_is(reply, "WRONGTYPE"))
        ask_text(w);
    else if (wish_may_repeat(w, err))
        get_send(w);
    else
        wish_fail_reply(w, reply, err);
}

static void ask_hash(struct redis_wish *w)
{
    const struct trb_state_get *q = w->question;
    struct trb_data words[] = {redis_text("HGETALL"), redis_name(q->key)};
    w->answered = on_hash;
    redis_ask(store_of(w)->redis, slice_name(q->key), w, words, 2);
}

void get_send(struct redis_wish *w)
{
    if (is_document_first(w))
        ask_document(w);
    else
        ask_hash(w);
}

void store_get(void *self, struct trb_call *call, const void *question)
{
    struct redis_wish w = wish_alone(self, call, question);
    get_send(&w);
}
