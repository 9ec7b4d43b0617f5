/* write: set and remove, alone, in bulks and in transactions. */
#include "store.h"
#include <base/codec.h>
#include <base/json.h>
#include <base/mem.h>
#include <base/slice.h>

#define MOST_TTL_S 2147483647
#define MOST_BYTES (700u << 20)         /* the server's 1 GB for a value, which may be base64 */
#define NO_ROW_STATE "22012"            /* of a checked statement: its row is not there */

static struct trb_state_operation from_set(const struct trb_state_set *q)
{
    struct json_value ignored;
    struct json_fault fault;
    struct trb_state_operation op = {.size = sizeof op, .kind = TRB_STATE_UPSERT, .key = q->key, .value = q->value,
                                     .etag = q->etag, .concurrency = q->concurrency, .has_ttl = q->has_ttl, .ttl_s = q->ttl_s};
    op.is_json = TRB_KNOWS(q, is_json) ? q->is_json : json_parse(slice_from(q->value.at, q->value.len), &ignored, &fault);
    return op;
}

static struct trb_state_operation from_delete(const struct trb_state_delete *q)
{
    return (struct trb_state_operation){.size = sizeof(struct trb_state_operation), .kind = TRB_STATE_REMOVE, .key = q->key,
                                        .etag = q->etag};
}

/* ----------------------------------------------------------------------------------------- checking */
static trb_code check(const struct store *s, const struct trb_state_operation *op, struct trb_error *err)
{
    char ignored[ETAG_TEXT];
    if (op->kind == TRB_STATE_UPSERT && op->has_ttl && (op->ttl_s < -1 || op->ttl_s > MOST_TTL_S))
        return trb_error(err, TRB_INVALID, "BAD_TTL", "error parsing TTL: incorrect value for metadata 'ttlInSeconds': "
                         "%lld is not between -1 and %d", (long long)op->ttl_s, MOST_TTL_S);
    if (op->kind == TRB_STATE_UPSERT && op->value.len > MOST_BYTES)
        return trb_error(err, TRB_INVALID, "TOO_LARGE", "the value has more than the %u bytes that are kept", MOST_BYTES);
    return op->etag.len ? etag_check(s, slice_name(op->etag), ignored, err) : TRB_OK;
}

static void no_row(const struct trb_state_operation *op, struct trb_error *err)
{
    if (op->etag.len)
        etag_mismatch(err, "");
    else
        trb_error(err, TRB_INTERNAL, "FIRST_WRITE", "no item was updated");
}

/* ------------------------------------------------------------------------------------------- saying */
static uint32_t statement_of(const struct trb_state_operation *op)
{
    if (op->kind == TRB_STATE_REMOVE)
        return op->etag.len ? REMOVE_ETAG : REMOVE;
    return op->etag.len ? SET_ETAG : op->concurrency == TRB_STATE_FIRST_WRITE ? SET_FIRST : SET;
}

static uint32_t checked_of(uint32_t statement)
{
    return statement == SET_FIRST     ? SET_FIRST_CHECKED
           : statement == SET_ETAG    ? SET_ETAG_CHECKED
           : statement == REMOVE_ETAG ? REMOVE_ETAG_CHECKED : statement;
}

static void say_remove(struct store *s, const struct trb_state_operation *op, uint32_t statement, struct pg_batch *b)
{
    struct pg_param params[2] = {pg_text(slice_name(op->key))};
    char etag[ETAG_TEXT];
    struct trb_error ignored = {0};
    if (op->etag.len && !etag_check(s, slice_name(op->etag), etag, &ignored))
        params[1] = pg_text(slice_of(etag));
    pg_say(b, &s->statements[statement], params, op->etag.len ? 2 : 1);
}

/* Bytes that are no JSON become base64 in a JSON string, where the table holds JSON. */
static char *base64_string(const struct trb_data *d, struct pg_param *to)
{
    struct trb_slice bytes = slice_from(d->at ? d->at : "", d->len);
    char *text = mem_alloc(base64_encoded_len(bytes.len, true) + 3);
    size_t len = base64_encode(bytes, true, text + 1);
    text[0] = text[len + 1] = '"';
    *to = pg_text(slice_from(text, len + 2));
    return text;
}

static void say_set(struct store *s, const struct trb_state_operation *op, uint32_t statement, struct pg_batch *b)
{
    struct pg_param params[5] = {pg_text(slice_name(op->key))};
    char etag[ETAG_TEXT], ttl[24], *text = NULL;
    struct trb_error ignored = {0};
    uint32_t count = 3;
    if (!s->version->has_binary)
        params[1] = (struct pg_param){op->value.at ? op->value.at : "", op->value.len, PG_BYTES};
    else if (op->is_json)
        params[1] = pg_text(slice_from(op->value.at ? op->value.at : "", op->value.len));
    else
        text = base64_string(&op->value, &params[1]);
    snprintf(ttl, sizeof ttl, "%lld", (long long)op->ttl_s);
    params[2] = op->has_ttl && op->ttl_s > 0 ? pg_text(slice_of(ttl)) : pg_null();
    if (s->version->has_binary)
        params[count++] = pg_text(op->is_json ? SLICE("f") : SLICE("t"));
    if (op->etag.len && !etag_check(s, slice_name(op->etag), etag, &ignored))
        params[count++] = pg_text(slice_of(etag));
    pg_say(b, &s->statements[statement], params, count);
    mem_free(text);
}

static void say_operation(struct store *s, const struct trb_state_operation *op, bool is_checked, struct pg_batch *b)
{
    uint32_t statement = is_checked ? checked_of(statement_of(op)) : statement_of(op);
    if (op->kind == TRB_STATE_REMOVE)
        say_remove(s, op, statement, b);
    else
        say_set(s, op, statement, b);
}

/* -------------------------------------------------------------------------------------- one at a time */
static void finish(struct pg_wish *w, const struct trb_state_operation *op, const struct pg_answer *a, const struct trb_error *err)
{
    struct trb_error own = {0};
    uint32_t statement = statement_of(op);
    bool must_match = statement == SET_FIRST || statement == SET_ETAG || statement == REMOVE_ETAG;
    if (!err && must_match && !pg_affected(a))
        no_row(op, &own);
    if (err || own.code)
        wish_fail(w, err ? err : &own);
    else
        wish_done(w, NULL, 0);
}

static void say_set_wish(struct pg_wish *w, struct pg_batch *b)
{
    struct trb_state_operation op = from_set(w->question);
    say_operation(store_of(w), &op, false, b);
}

static void on_set(struct pg_wish *w, const struct pg_answer *a, const struct trb_error *err)
{
    struct trb_state_operation op = from_set(w->question);
    finish(w, &op, a, err);
}

static void say_remove_wish(struct pg_wish *w, struct pg_batch *b)
{
    struct trb_state_operation op = from_delete(w->question);
    say_operation(store_of(w), &op, false, b);
}

static void on_removed(struct pg_wish *w, const struct pg_answer *a, const struct trb_error *err)
{
    struct trb_state_operation op = from_delete(w->question);
    finish(w, &op, a, err);
}

static void send_if_good(struct pg_wish *w, const struct trb_state_operation *op)
{
    struct trb_error err = {0};
    if (check(store_of(w), op, &err))
        wish_fail(w, &err);
    else
        pg_ask(store_of(w)->pg, w);
}

static void set_send(struct pg_wish *w)
{
    struct trb_state_operation op = from_set(w->question);
    w->say = say_set_wish;
    w->answered = on_set;
    send_if_good(w, &op);
}

static void remove_send(struct pg_wish *w)
{
    struct trb_state_operation op = from_delete(w->question);
    w->say = say_remove_wish;
    w->answered = on_removed;
    send_if_good(w, &op);
}

void store_set(void *self, struct trb_call *call, const void *question)
{
    struct pg_wish w = wish_alone(self, call, question);
    set_send(&w);
}

void store_remove(void *self, struct trb_call *call, const void *question)
{
    struct pg_wish w = wish_alone(self, call, question);
    remove_send(&w);
}

void store_bulk_set(void *self, struct trb_call *call, const void *question)
{
    bulk_send(self, call, &((const struct trb_state_bulk_set *)question)->items, set_send);
}

void store_bulk_remove(void *self, struct trb_call *call, const void *question)
{
    bulk_send(self, call, &((const struct trb_state_bulk_delete *)question)->items, remove_send);
}

/* ------------------------------------------------------------------------------------- all or nothing */
static struct trb_state_operation operation_at(const struct trb_state_transact *q, uint32_t i)
{
    const struct trb_state_operation *op = trb_list_at(&q->operations, i);
    struct json_value ignored;
    struct json_fault fault;
    struct trb_state_operation copy = {0};
    memcpy(&copy, op, op->size < sizeof copy ? op->size : sizeof copy);
    if (!TRB_KNOWS(op, is_json))
        copy.is_json = json_parse(slice_from(copy.value.at, copy.value.len), &ignored, &fault);
    return copy;
}

static void say_all(struct pg_wish *w, struct pg_batch *b)
{
    const struct trb_state_transact *q = w->question;
    for (uint32_t i = 0; i < q->operations.count; i++) {
        struct trb_state_operation op = operation_at(q, i);
        say_operation(store_of(w), &op, true, b);
    }
}

static void on_all(struct pg_wish *w, const struct pg_answer *a, const struct trb_error *err)
{
    const struct trb_state_transact *q = w->question;
    struct trb_error own = {0};
    if (!err) {
        wish_done(w, NULL, 0);
        return;
    }
    uint32_t failed = pg_failed_at(a);
    own = *err;
    if (!strcmp(pg_state(a), NO_ROW_STATE) && failed < q->operations.count) {
        struct trb_state_operation op = operation_at(q, failed);
        no_row(&op, &own);
    }
    if (*pg_state(a) && failed < q->operations.count)
        own.item = (int32_t)failed;
    wish_fail(w, &own);
}

void store_transact(void *self, struct trb_call *call, const void *question)
{
    struct store *s = self;
    const struct trb_state_transact *q = question;
    struct trb_error err = {0};
    if (!q->operations.count) {
        trb_done(call);
        return;
    }
    for (uint32_t i = 0; i < q->operations.count; i++) {
        struct trb_state_operation op = operation_at(q, i);
        if (!check(s, &op, &err))
            continue;
        err.item = (int32_t)i;
        call->host->fail(call, &err);
        return;
    }
    struct pg_wish w = wish_alone(s, call, question);
    w.say = say_all;
    w.answered = on_all;
    pg_ask(s->pg, &w);
}
