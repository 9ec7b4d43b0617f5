/* answer: one way to answer a call and an item of a bulk; rows as items; etags in and out. */
#include "store.h"
#include <base/mem.h>
#include <base/slice.h>

struct pg_wish wish_alone(struct store *s, struct trb_call *call, const void *question)
{
    return (struct pg_wish){.self = s, .call = call, .question = question, .index = ALONE};
}

struct store *store_of(const struct pg_wish *w)
{
    return w->self;
}

static void settle(struct pg_wish *w, const void *answer, size_t size, const struct trb_error *err)
{
    struct bulk *b = w->call;
    const struct trb_host *host = store_of(w)->host;
    if (answer || err)
        host->item(b->call, w->index, answer, size, err);
    else
        host->item(b->call, w->index, NULL, 0, NULL);
    if (--b->owed)
        return;
    host->done(b->call, NULL, 0);
    mem_free(b);
}

void wish_done(struct pg_wish *w, const void *answer, size_t size)
{
    if (w->index == ALONE)
        store_of(w)->host->done(w->call, answer, size);
    else
        settle(w, answer, size, NULL);
}

void wish_fail(struct pg_wish *w, const struct trb_error *err)
{
    if (w->index == ALONE)
        store_of(w)->host->fail(w->call, err);
    else
        settle(w, NULL, 0, err);
}

void bulk_send(struct store *s, struct trb_call *call, const struct trb_list *items, void (*send)(struct pg_wish *))
{
    uint32_t count = items->count;
    if (!count) {
        trb_done(call);
        return;
    }
    struct bulk *b = mem_alloc(sizeof *b);
    *b = (struct bulk){.store = s, .call = call, .owed = count};
    for (uint32_t i = 0; i < count; i++) {
        struct pg_wish w = {.self = s, .call = b, .question = trb_list_at(items, i), .index = i};
        send(&w);
    }
}

/* -------------------------------------------------------------------------------------------- rows */
void row_read(struct row_item *r, const struct pg_answer *a, uint32_t row, uint32_t column)
{
    struct trb_slice value = pg_cell(a, row, column), expiry = pg_cell(a, row, column + 2);
    r->item = (struct trb_state_item){.size = sizeof r->item, .value = {value.at ? value.at : "", value.len, NULL},
                                      .etag = pg_cell(a, row, column + 1)};
    if (!expiry.at)
        return;
    r->expiry = (struct trb_pair){NAME("ttlExpireTime"), {expiry.at, expiry.len}};
    r->item.metadata = (struct trb_pairs){&r->expiry, 1, sizeof r->expiry};
}

/* ------------------------------------------------------------------------------------------- etags */
void etag_mismatch(struct trb_error *err, const char *detail)
{
    trb_error(err, TRB_ABORTED, "ETAG_MISMATCH", "%s", detail);
    err->kind = TRB_STATE_ETAG_MISMATCH;
}

static bool is_digits(struct trb_slice s)
{
    for (size_t i = 0; i < s.len; i++)
        if (s.at[i] < '0' || s.at[i] > '9')
            return false;
    return s.len > 0;
}

static trb_code check_number(struct trb_slice etag, char *room, struct trb_error *err)
{
    uint64_t number;
    if (slice_to_u64(etag, &number) && number <= UINT32_MAX) {
        snprintf(room, ETAG_TEXT, "%u", (uint32_t)number);
        return TRB_OK;
    }
    trb_error(err, TRB_INVALID, "BAD_ETAG", "strconv.ParseUint: parsing \"%.*s\": %s", (int)(etag.len < 200 ? etag.len : 200),
              etag.at, is_digits(etag) ? "value out of range" : "invalid syntax");
    err->kind = TRB_STATE_ETAG_INVALID;
    return err->code;
}

/* The forms that UUIDs are written in: plain, without dashes, in braces, as a URN. */
static trb_code check_uuid(struct trb_slice etag, char *room, struct trb_error *err)
{
    struct trb_slice plain = etag.len == 45 && slice_starts_nocase(etag, SLICE("urn:uuid:")) ? slice_skip(etag, 9) : etag;
    char sentence[64];
    if (plain.len == 38 && plain.at[0] == '{' && plain.at[37] == '}')
        plain = slice_from(plain.at + 1, 36);
    if (plain.len != 36 && plain.len != 32) {
        snprintf(sentence, sizeof sentence, "invalid UUID length: %zu", etag.len);
        etag_mismatch(err, sentence);
        return err->code;
    }
    for (size_t i = 0; i < plain.len; i++) {
        bool is_dash = plain.len == 36 && (i == 8 || i == 13 || i == 18 || i == 23);
        if (is_dash ? plain.at[i] != '-' : !memchr("0123456789abcdefABCDEF", plain.at[i], 22)) {
            etag_mismatch(err, "invalid UUID format");
            return err->code;
        }
    }
    memcpy(room, plain.at, plain.len);
    room[plain.len] = 0;
    return TRB_OK;
}

trb_code etag_check(const struct store *s, struct trb_slice etag, char room[ETAG_TEXT], struct trb_error *err)
{
    return s->version->has_binary ? check_number(etag, room, err) : check_uuid(etag, room, err);
}
