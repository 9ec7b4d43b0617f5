/* state_driver: the state block's verbs for tests, spelled the way a test reads. */
#ifndef TEST_STATE_DRIVER_H
#define TEST_STATE_DRIVER_H

#include <base/error.h>
#include <base/mem.h>
#include <base/slice.h>
#include <base/text.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "../driver.h"

#define TRB_DEF <trilby/state.def>
#define TRB_OPS struct trb_state_ops
#include <trilby/verbs_layout.h>

static const struct trb_block block = {
    .size = sizeof block, .abi = TRB_BLOCK_ABI, .name = "state", .verbs = trb_verbs_, .mandatory = "get set remove",
    .verb_count = sizeof trb_verbs_ / sizeof trb_verbs_[0], .verb_size = sizeof trb_verbs_[0]};

static struct instance *store;

static const struct trb_verb_info *verb(const char *name)
{
    for (uint32_t n = 0; n < block.verb_count; n++)
        if (!strcmp(block.verbs[n].name, name))
            return &block.verbs[n];
    abort();
}

static struct asked ask(const char *name, const void *question)
{
    struct asked a = {.instance = store, .verb = verb(name), .question = question};
    driver_ask(&a);
    return a;
}

static struct trb_data data_of(const char *text)
{
    return (struct trb_data){text, text ? strlen(text) : 0, NULL};
}

/* 0, or the code; *ret_err, if given, is the failure. */
static trb_code outcome(struct asked *a, struct trb_error *ret_err)
{
    const struct trb_error *err = call_failure(a->call);
    trb_code code = err ? err->code : TRB_OK;
    if (err && ret_err)
        *ret_err = *err;
    driver_release(a);
    return code;
}

static trb_code set_as(struct trb_state_set q, struct trb_error *ret_err)
{
    q.size = sizeof q;
    struct asked a = ask("set", &q);
    return outcome(&a, ret_err);
}

static trb_code set(const char *key, const char *value)
{
    return set_as((struct trb_state_set){.key = name_of(key), .value = data_of(value)}, NULL);
}

static trb_code drop(const char *key, const char *etag)
{
    struct trb_state_delete q = {.size = sizeof q, .key = name_of(key), .etag = name_of(etag)};
    struct asked a = ask("remove", &q);
    return outcome(&a, NULL);
}

struct held {
    trb_code code;
    bool is_there;
    char value[256], etag[64], expiry[64];
    size_t len;
};

static struct held held_from(const struct trb_state_item *item)
{
    struct held h = {.is_there = item->value.at != NULL, .len = item->value.len};
    struct trb_name expiry = trb_pair_get(&item->metadata, "ttlExpireTime");
    if (h.is_there && h.len)
        memcpy(h.value, item->value.at, h.len < sizeof h.value - 1 ? h.len : sizeof h.value - 1);
    snprintf(h.etag, sizeof h.etag, "%.*s", (int)item->etag.len, item->etag.at ? item->etag.at : "");
    snprintf(h.expiry, sizeof h.expiry, "%.*s", (int)expiry.len, expiry.at ? expiry.at : "");
    return h;
}

static struct held get(const char *key)
{
    struct trb_state_get q = {.size = sizeof q, .key = name_of(key)};
    struct asked a = ask("get", &q);
    struct held h = {.code = call_failure(a.call) ? call_failure(a.call)->code : TRB_OK};
    if (!h.code)
        h = held_from(call_answer(a.call));
    driver_release(&a);
    return h;
}

static inline struct trb_state_operation upsert(const char *key, const char *value, const char *etag)
{
    return (struct trb_state_operation){.size = sizeof(struct trb_state_operation), .kind = TRB_STATE_UPSERT,
                                        .key = name_of(key), .value = data_of(value), .etag = name_of(etag)};
}

static inline struct trb_state_operation removal(const char *key, const char *etag)
{
    return (struct trb_state_operation){.size = sizeof(struct trb_state_operation), .kind = TRB_STATE_REMOVE,
                                        .key = name_of(key), .etag = name_of(etag)};
}

static inline trb_code transact(const struct trb_state_operation *all, uint32_t count, struct trb_error *ret_err)
{
    struct trb_state_transact q = {.size = sizeof q, .operations = {all, count, sizeof *all}};
    struct asked a = ask("transact", &q);
    return outcome(&a, ret_err);
}

/* "a b c >token": the keys that match, and where to go on. */
static inline void keys(struct text *to, const char *pattern, uint32_t page, const char *token)
{
    struct trb_state_keys_like q = {.size = sizeof q, .pattern = name_of(pattern), .page_size = page,
                                    .token = slice_of(token)};
    struct asked a = ask("keys_like", &q);
    text_clear(to);
    text_adds(to, call_failure(a.call) ? "failed" : "");
    for (uint32_t n = 0; n < call_item_count(a.call); n++) {
        const struct trb_state_key *k = call_item_at(a.call, n)->answer;
        text_addf(to, "%s%s%.*s", n ? " " : "", k->key.len ? "" : ">", SLICE_ARG(k->key.len ? slice_name(k->key) : k->token));
    }
    driver_release(&a);
}

#endif
