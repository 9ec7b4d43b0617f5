/* wish: what a client wants of a lock store: read, checked, and its key. http-api.md 4.10, grpc-api.md 3.7 */
#include "lock_block.h"
#include <base/json.h>

/* ------------------------------------------------------------------------------- proto's JSON form */
static struct json_value member(struct json_value object, const char *camel, const char *snake)
{
    struct json_value v = json_find(object, slice_of(camel));
    return v.kind == JSON_NONE ? json_find(object, slice_of(snake)) : v;
}

static bool text_of(struct trb_request *rq, struct json_value v, struct trb_name *ret)
{
    *ret = v.kind == JSON_STRING ? string_copy(rq, v) : NAME("");
    return v.kind == JSON_STRING || v.kind == JSON_NULL || v.kind == JSON_NONE;
}

/* A whole number of 32 bits, or one in quotes. */
static bool int_of(struct json_value v, int64_t *ret)
{
    struct trb_slice digits = v.kind == JSON_STRING ? slice_from(v.raw.at + 1, v.raw.len - 2) : v.raw;
    *ret = 0;
    if (v.kind == JSON_NONE || v.kind == JSON_NULL)
        return true;
    return (v.kind == JSON_NUMBER || v.kind == JSON_STRING) && slice_to_i64(digits, ret) && *ret >= INT32_MIN &&
           *ret <= INT32_MAX;
}

static const char *members_read(struct trb_request *rq, struct json_value body, struct wish *w)
{
    if (body.kind != JSON_OBJECT)
        return trb_printf(rq, "unexpected token %.*s", (int)(body.raw.len < 64 ? body.raw.len : 64), body.raw.at).at;
    if (!text_of(rq, member(body, "resourceId", "resource_id"), &w->resource))
        return "invalid value for string field resourceId";
    if (!text_of(rq, member(body, "lockOwner", "lock_owner"), &w->owner))
        return "invalid value for string field lockOwner";
    if (!int_of(member(body, "expiryInSeconds", "expiry_in_seconds"), &w->expiry_s))
        return "invalid value for int32 field expiryInSeconds";
    return NULL;
}

bool wish_parse(struct trb_request *rq, struct wish *w, struct trb_next *ret_refusal)
{
    struct trb_data body = rq->kernel->body(rq);
    struct trb_slice text = slice_from(body.at ? body.at : "", body.len);
    struct json_value v;
    struct json_fault fault;
    w->store = rq->kernel->path(rq, "store");
    w->resource = w->owner = (struct trb_name){"", 0};
    if (!text.len)
        return true;
    const char *said = json_parse(text, &v, &fault) ? members_read(rq, v, w) : fault.message;
    if (said)
        *ret_refusal = trb_refuse(rq, &MALFORMED, "failed deserializing HTTP body: proto: %s", said);
    return !said;
}

/* ---------------------------------------------------------------------------------------- checks */
bool wish_check(struct trb_request *rq, struct wish *w, bool has_expiry, struct trb_next *ret_refusal)
{
    const struct trb_kernel *k = rq->kernel;
    w->instance = k->find(rq, "lock", slice_name(w->store));
    if (has_expiry && w->expiry_s <= 0)
        *ret_refusal = trb_refuse(rq, &MALFORMED, "ExpiryInSeconds is not positive in lock store %s", w->store.at);
    else if (!k->count(k, "lock"))
        *ret_refusal = trb_refuse(rq, &NOT_CONFIGURED, "lock store is not configured");
    else if (!w->resource.len)
        *ret_refusal = trb_refuse(rq, &MALFORMED, "ResourceId is empty in lock store %s", w->store.at);
    else if (!w->owner.len)
        *ret_refusal = trb_refuse(rq, &MALFORMED, "LockOwner is empty in lock store %s", w->store.at);
    else if (!w->instance)
        *ret_refusal = trb_refuse(rq, &NOT_FOUND, "lock store %s not found", w->store.at);
    else
        return true;
    return false;
}

bool wish_key(struct trb_request *rq, const struct wish *w, const struct trb_error_row *row, const char *front,
              struct trb_name *ret_key, struct trb_next *ret_refusal)
{
    const struct store *s = rq->kernel->instance_data(w->instance);
    if (slice_contains(slice_name(w->resource), SLICE("||"))) {
        *ret_refusal = trb_refuse(rq, row, "%s: input key/keyPrefix '%s' can't contain '||'", front, w->resource.at);
        return false;
    }
    char *at = trb_alloc(rq, s->prefix.len + w->resource.len + 1);
    memcpy(at, s->prefix.at, s->prefix.len);
    memcpy(at + s->prefix.len, w->resource.at, w->resource.len);
    *ret_key = (struct trb_name){at, s->prefix.len + w->resource.len};
    return true;
}

/* --------------------------------------------------------------------------------------- answers */
struct trb_next lock_failed(struct trb_request *rq, const struct trb_error_row *row, const char *front)
{
    return trb_refuse(rq, row, "%s: %.*s", front, SLICE_ARG(component_said(rq, rq->kernel->failure(rq))));
}

struct trb_next lock_reply_json(struct trb_request *rq, struct trb_name json)
{
    rq->kernel->set_header(rq, SLICE("Content-Type"), SLICE("application/json"));
    return trb_reply(rq, 200, (struct trb_data){json.at, json.len, NULL});
}
