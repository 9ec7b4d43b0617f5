/* state_block: what the steps of the state block share. */
#include "state_block.h"
#include <base/codec.h>
#include <base/text.h>

/* ------------------------------------------------------------------------------ stores and keys */
/* Over HTTP most verbs say which app asked; over gRPC none does. */
static struct trb_next refuse_store(struct trb_request *rq, const struct trb_error_row *row, bool names_app,
                                    struct trb_name message)
{
    bool with_metadata = names_app && rq->door != TRB_DOOR_GRPC;
    struct trb_pair *app = trb_alloc(rq, sizeof *app);
    *app = (struct trb_pair){NAME("appID"), rq->kernel->info->app_id};
    struct trb_refusal r = {.size = sizeof r, .row = row, .message = slice_name(message),
                            .has_metadata = with_metadata,
                            .metadata = {app, with_metadata ? 1 : 0, sizeof *app}};
    return rq->kernel->refuse(rq, &r);
}

struct trb_instance *store_find(struct trb_request *rq, struct trb_name name, bool names_app, struct trb_next *ret_refusal)
{
    struct trb_instance *store = rq->kernel->find(rq, "state", slice_name(name));
    if (store)
        return store;
    bool none = !rq->kernel->count(rq->kernel, "state");
    *ret_refusal = refuse_store(rq, none ? &NOT_CONFIGURED : &NOT_FOUND, names_app,
                                trb_printf(rq, "state store %s is %s", name.at, none ? "not configured" : "not found"));
    return NULL;
}

static struct trb_next refuse_key(struct trb_request *rq, struct trb_instance *store, struct trb_slice key,
                                  bool in_transaction)
{
    struct trb_name plain = trb_printf(rq, "input key/keyPrefix '%.*s' can't contain '||'", SLICE_ARG(key));
    bool is_grpc = rq->door == TRB_DOOR_GRPC;
    struct trb_name said = is_grpc ? plain : trb_printf(rq, "api error: code = InvalidArgument desc = %s", plain.at);
    struct trb_refusal r = {
        .size = sizeof r, .row = &ILLEGAL_KEY, .message = slice_name(said), .has_violation = 1,
        .violation_without_field = in_transaction && !is_grpc, .field = key, .field_description = slice_name(said),
        .has_resource = 1, .resource_type = SLICE("state"),
        .resource_name = slice_name(rq->kernel->instance_name(store))};
    return rq->kernel->refuse(rq, &r);
}

bool key_make(struct trb_request *rq, struct trb_instance *store, struct trb_slice key, bool in_transaction,
              struct trb_name *ret_full, struct trb_next *ret_refusal)
{
    const struct store *s = rq->kernel->instance_data(store);
    if (slice_contains(key, SLICE("||"))) {
        *ret_refusal = refuse_key(rq, store, key, in_transaction);
        return false;
    }
    char *at = trb_alloc(rq, s->prefix.len + key.len + 1);
    memcpy(at, s->prefix.at, s->prefix.len);
    if (key.len)
        memcpy(at + s->prefix.len, key.at, key.len);
    *ret_full = (struct trb_name){at, s->prefix.len + key.len};
    return true;
}

struct trb_slice key_user(struct trb_slice full)
{
    for (size_t i = 0; i + 1 < full.len; i++)
        if (full.at[i] == '|' && full.at[i + 1] == '|')
            return slice_skip(full, i + 2);
    return full;
}

/* -------------------------------------------------------------------------------------- options */
bool concurrency_parse(struct trb_slice word, uint32_t *ret)
{
    *ret = slice_is(word, SLICE("first-write")) ? TRB_STATE_FIRST_WRITE
           : slice_is(word, SLICE("last-write")) ? TRB_STATE_LAST_WRITE : 0;
    return *ret || !word.len;
}

bool consistency_parse(struct trb_slice word, uint32_t *ret)
{
    *ret = slice_is(word, SLICE("strong")) ? TRB_STATE_STRONG
           : slice_is(word, SLICE("eventual")) ? TRB_STATE_EVENTUAL : 0;
    return *ret || !word.len;
}

#define COUNTS_ALIKE(ours, wire) _Static_assert((uint32_t)COMMON_STATE_OPTIONS_##wire == TRB_STATE_##ours, #wire)
COUNTS_ALIKE(FIRST_WRITE, CONCURRENCY_FIRST_WRITE);
COUNTS_ALIKE(LAST_WRITE, CONCURRENCY_LAST_WRITE);
COUNTS_ALIKE(EVENTUAL, CONSISTENCY_EVENTUAL);
COUNTS_ALIKE(STRONG, CONSISTENCY_STRONG);

uint32_t option_of(int32_t number)
{
    return number == 1 || number == 2 ? (uint32_t)number : 0;
}

const char *ttl_parse(struct trb_request *rq, struct trb_pairs metadata, uint32_t *ret_has, int64_t *ret_ttl_s)
{
    for (uint32_t i = 0; i < metadata.count; i++) {
        const struct trb_pair *p = trb_pair_at(&metadata, i);
        if (!slice_is(slice_name(p->key), SLICE("ttlInSeconds")) || !p->value.len)
            continue;
        int64_t ttl;
        if (!slice_to_i64(slice_name(p->value), &ttl))
            return trb_printf(rq, "error parsing TTL: incorrect value for metadata 'ttlInSeconds': strconv.ParseInt: "
                              "parsing \"%s\": invalid syntax", p->value.at).at;
        if (ttl > INT32_MAX || ttl < -1)
            return trb_printf(rq, "error parsing TTL: incorrect value for metadata 'ttlInSeconds': %s is not between "
                              "-1 and %d", p->value.at, INT32_MAX).at;
        *ret_has = 1;
        *ret_ttl_s = ttl;
    }
    return NULL;
}

/* ------------------------------------------------------------------------------------- values */
bool value_open(struct trb_request *rq, struct trb_instance *store, struct trb_data stored, struct trb_data *ret_value,
                const char **ret_fault)
{
    const struct store *s = rq->kernel->instance_data(store);
    *ret_value = stored;
    return !s->encryption || encryption_open(s->encryption, rq, stored, ret_value, ret_fault);
}

bool value_seal(struct trb_request *rq, struct trb_instance *store, struct trb_data *value)
{
    const struct store *s = rq->kernel->instance_data(store);
    if (s->encryption)
        *value = encryption_seal(s->encryption, rq, *value, rq->door == TRB_DOOR_HTTP);
    return s->encryption;
}

struct trb_data text_take(struct trb_request *rq, struct text *t)
{
    char *at = trb_alloc(rq, t->len + 1);
    struct trb_data all = {at, t->len, NULL};
    if (t->len)
        memcpy(at, t->at, t->len);
    text_fini(t);
    return all;
}
