/* document: how an item lies in its document. */
#include "store.h"
#include <base/clock.h>
#include <base/slice.h>

/* ---------------------------------------------------------------------------------------- the value */
bool document_is_odd(const struct trb_data *d)
{
    return !slice_is_utf8(slice_from(d->at ? d->at : "", d->len));
}

static void append_bytes(bson_t *to, const struct trb_data *d, bool as_binary, struct form *ret_form)
{
    const char *at = d->at ? d->at : "";
    *ret_form = (struct form){.is_exact = true, .needs_literal = d->len && at[0] == '$'};
    if (as_binary)
        BSON_APPEND_BINARY(to, "value", BSON_SUBTYPE_BINARY, (const uint8_t *)at, (uint32_t)d->len);
    else
        bson_append_utf8(to, "value", -1, at, (int)d->len);
}

/* JSON as what it is; bytes, and JSON that BSON cannot hold, as a string of them. */
static void append_value(bson_t *to, const struct trb_state_operation *op, bool as_binary, struct form *ret_form)
{
    struct json_value v;
    struct json_fault fault;
    bson_t held = BSON_INITIALIZER;
    bson_iter_t iter;
    struct trb_slice text = slice_from(op->value.at ? op->value.at : "", op->value.len);
    if (TRB_HAS(op, is_json) && json_parse(text, &v, &fault) && form_append(&held, "value", v, ret_form) &&
        bson_iter_init_find(&iter, &held, "value"))
        bson_append_iter(to, "value", -1, &iter);
    else
        append_bytes(to, &op->value, as_binary, ret_form);
    bson_destroy(&held);
}

/* A pipeline takes a text that begins with $ for a path: {$literal: …} says it is none. */
static void append_wrapped(bson_t *to, const char *key, const bson_t *from, bool needs_literal)
{
    bson_iter_t iter;
    bson_t literal;
    bson_iter_init_find(&iter, from, key);
    if (!needs_literal) {
        bson_append_iter(to, key, -1, &iter);
        return;
    }
    BSON_APPEND_DOCUMENT_BEGIN(to, key, &literal);
    bson_append_iter(&literal, "$literal", -1, &iter);
    bson_append_document_end(to, &literal);
}

static void append_exact(bson_t *to, const struct trb_state_operation *op, const char *etag)
{
    bson_t exact;
    BSON_APPEND_DOCUMENT_BEGIN(to, "_exact", &exact);
    BSON_APPEND_UTF8(&exact, "_etag", etag);
    bson_append_utf8(&exact, "json", -1, op->value.at, (int)op->value.len);
    bson_append_document_end(to, &exact);
}

static bool lives_on(const struct trb_state_operation *op)
{
    return !op->has_ttl || op->ttl_s <= 0;
}

/* -------------------------------------------------------------------------------------- the update */
static void append_id(bson_t *to, struct trb_name key)
{
    bson_t held = BSON_INITIALIZER;
    bson_append_utf8(&held, "_id", -1, key.at, (int)key.len);
    append_wrapped(to, "_id", &held, key.len && key.at[0] == '$');
    bson_destroy(&held);
}

static void append_now_plus(bson_t *to, int64_t ms)
{
    bson_t add, terms;
    BSON_APPEND_DOCUMENT_BEGIN(to, "_ttl", &add);
    BSON_APPEND_ARRAY_BEGIN(&add, "$add", &terms);
    BSON_APPEND_UTF8(&terms, "0", "$$NOW");
    if (ms <= INT32_MAX)
        BSON_APPEND_INT32(&terms, "1", (int32_t)ms);
    else
        BSON_APPEND_INT64(&terms, "1", ms);
    bson_append_array_end(&add, &terms);
    bson_append_document_end(to, &add);
}

static void make_pipeline(const struct trb_state_operation *op, const char *etag, bool as_binary, bson_t *to)
{
    bson_t stage, set, held = BSON_INITIALIZER;
    struct form form = {0};
    append_value(&held, op, as_binary, &form);
    BSON_APPEND_DOCUMENT_BEGIN(to, "0", &stage);
    BSON_APPEND_DOCUMENT_BEGIN(&stage, "$set", &set);
    append_id(&set, op->key);
    append_wrapped(&set, "value", &held, form.needs_literal);
    BSON_APPEND_UTF8(&set, "_etag", etag);
    if (!form.is_exact)
        append_exact(&set, op, etag);
    bson_append_document_end(&stage, &set);
    bson_append_document_end(to, &stage);
    BSON_APPEND_DOCUMENT_BEGIN(to, "1", &stage);
    BSON_APPEND_DOCUMENT_BEGIN(&stage, "$addFields", &set);
    if (lives_on(op))
        BSON_APPEND_NULL(&set, "_ttl");
    else
        append_now_plus(&set, op->ttl_s * 1000);
    if (form.is_exact)
        BSON_APPEND_UTF8(&set, "_exact", "$$REMOVE");
    bson_append_document_end(&stage, &set);
    bson_append_document_end(to, &stage);
    bson_destroy(&held);
}

static void make_plain(const struct trb_state_operation *op, const char *etag, bool as_binary, bson_t *to)
{
    bson_t set, unset;
    struct form form = {0};
    BSON_APPEND_DOCUMENT_BEGIN(to, "$set", &set);
    append_value(&set, op, as_binary, &form);
    BSON_APPEND_UTF8(&set, "_etag", etag);
    if (lives_on(op))
        BSON_APPEND_NULL(&set, "_ttl");
    else
        BSON_APPEND_DATE_TIME(&set, "_ttl", clock_wall_ns() / (int64_t)CLOCK_MS + op->ttl_s * 1000);
    if (!form.is_exact)
        append_exact(&set, op, etag);
    bson_append_document_end(to, &set);
    if (form.is_exact) {
        BSON_APPEND_DOCUMENT_BEGIN(to, "$unset", &unset);
        BSON_APPEND_UTF8(&unset, "_exact", "");
        bson_append_document_end(to, &unset);
    }
}

void document_update(const struct store *s, const struct trb_state_operation *op, const char *etag, bool as_binary,
                     bson_t *ret_update)
{
    if (s->is_plain)
        make_plain(op, etag, as_binary, ret_update);
    else
        make_pipeline(op, etag, as_binary, ret_update);
}

/* ------------------------------------------------------------------------------------------ reading */
/* {$expr: {$or: [{$eq: [{$ifNull: ["$_ttl", null]}, null]}, {$gte: ["$_ttl", "$$NOW"]}]}}: by the server's clock. */
static void alive_by_server(bson_t *filter)
{
    bson_t *expression = BCON_NEW("$or", "[", "{", "$eq", "[", "{", "$ifNull", "[", BCON_UTF8("$_ttl"), BCON_NULL, "]", "}",
                                  BCON_NULL, "]", "}", "{", "$gte", "[", BCON_UTF8("$_ttl"), BCON_UTF8("$$NOW"), "]", "}", "]");
    BSON_APPEND_DOCUMENT(filter, "$expr", expression);
    bson_destroy(expression);
}

static void alive_by_us(bson_t *filter)
{
    bson_t *any = BCON_NEW("0", "{", "_ttl", BCON_NULL, "}", "1", "{", "_ttl", "{", "$gte",
                           BCON_DATE_TIME(clock_wall_ns() / (int64_t)CLOCK_MS), "}", "}");
    BSON_APPEND_ARRAY(filter, "$or", any);
    bson_destroy(any);
}

void document_alive(const struct store *s, bson_t *filter)
{
    if (s->is_plain)
        alive_by_us(filter);
    else
        alive_by_server(filter);
}

static bool find_text(const bson_t *doc, const char *path, struct trb_slice *ret)
{
    bson_iter_t iter, found;
    uint32_t len;
    if (!bson_iter_init(&iter, doc) || !bson_iter_find_descendant(&iter, path, &found) || !BSON_ITER_HOLDS_UTF8(&found))
        return false;
    const char *at = bson_iter_utf8(&found, &len);
    *ret = slice_from(at, len);
    return true;
}

static trb_code copy_value(struct store *s, struct trb_slice bytes, struct trb_data *ret, struct trb_error *err)
{
    char *room;
    ret->owner = s->host->buf_new(s->origin, bytes.len, &room);
    if (!ret->owner)
        return trb_error(err, TRB_EXHAUSTED, "NO_MEMORY", "there is no buffer for a value of %zu bytes", bytes.len);
    if (bytes.len)
        memcpy(room, bytes.at, bytes.len);
    ret->at = room;
    ret->len = bytes.len;
    return TRB_OK;
}

static trb_code take_value(struct store *s, const bson_t *doc, struct reading *to, struct trb_error *err)
{
    struct trb_slice text, etag;
    bson_iter_t iter;
    if (!bson_iter_init_find(&iter, doc, "value"))
        return copy_value(s, SLICE(""), &to->answer.value, err);
    if (BSON_ITER_HOLDS_BINARY(&iter)) {
        const uint8_t *bytes;
        uint32_t len;
        bson_iter_binary(&iter, NULL, &len, &bytes);
        return copy_value(s, slice_from((const char *)bytes, len), &to->answer.value, err);
    }
    bool is_kept = find_text(doc, "_exact._etag", &etag) && slice_is(etag, to->answer.etag) && find_text(doc, "_exact.json", &text);
    if (is_kept || find_text(doc, "value", &text))
        return copy_value(s, text, &to->answer.value, err);
    struct text json = {0};
    form_json(&iter, &json);
    trb_code code = copy_value(s, text_slice(&json), &to->answer.value, err);
    text_fini(&json);
    return code;
}

trb_code document_read(struct store *s, const bson_t *doc, struct reading *to, struct trb_error *err)
{
    bson_iter_t iter;
    to->answer = (struct trb_state_item){.size = sizeof to->answer};
    struct trb_slice etag = SLICE("");
    find_text(doc, "_etag", &etag);
    snprintf(to->etag, sizeof to->etag, "%.*s", SLICE_ARG(etag));
    to->answer.etag = slice_of(to->etag);
    if (bson_iter_init_find(&iter, doc, "_ttl") && BSON_ITER_HOLDS_DATE_TIME(&iter)) {
        size_t len = clock_rfc3339(bson_iter_date_time(&iter) * (int64_t)CLOCK_MS, to->expiry);
        to->pair = (struct trb_pair){NAME("ttlExpireTime"), {to->expiry, len}};
        to->answer.metadata = (struct trb_pairs){&to->pair, 1, sizeof to->pair};
    }
    return take_value(s, doc, to, err);
}
