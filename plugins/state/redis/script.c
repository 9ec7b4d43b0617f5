/* script: what runs inside Redis, because reading a version and writing must be one step. */
#include "store.h"
#include <base/slice.h>

#define REFUSED_SET "ERR failed to set key "
#define REFUSED_REMOVE "ERR failed to delete key "

/* ARGV: etag or 0, value, 0 to leave the first-write mark else 1, seconds to live or empty. */
const char script_set[] =
    "local held = redis.pcall('HGET', KEYS[1], 'version')\n"
    "if type(held) == 'table' then\n"
    "  redis.call('DEL', KEYS[1])\n"
    "  held = false\n"
    "end\n"
    "if held and held ~= '' and held ~= ARGV[1] and\n"
    "    (ARGV[1] ~= '0' or redis.call('HEXISTS', KEYS[1], 'first-write') == 1) then\n"
    "  return redis.error_reply('" REFUSED_SET "' .. KEYS[1])\n"
    "end\n"
    "redis.call('HSET', KEYS[1], 'data', ARGV[2])\n"
    "if ARGV[3] == '0' then redis.call('HSET', KEYS[1], 'first-write', 0) end\n"
    "local version = redis.call('HINCRBY', KEYS[1], 'version', 1)\n"
    "local ttl = tonumber(ARGV[4])\n"
    "if ttl and ttl > 0 then redis.call('EXPIRE', KEYS[1], ARGV[4])\n"
    "elseif ttl then redis.call('PERSIST', KEYS[1]) end\n"
    "return version\n";

/* ARGV: etag. */
const char script_remove[] =
    "local held = redis.pcall('HGET', KEYS[1], 'version')\n"
    "if held and type(held) ~= 'table' and held ~= '' and held ~= ARGV[1] then\n"
    "  return redis.error_reply('" REFUSED_REMOVE "' .. KEYS[1])\n"
    "end\n"
    "return redis.call('DEL', KEYS[1])\n";

bool is_refusal(const struct resp *reply)
{
    return resp_is(reply, RESP_ERROR) &&
           (slice_starts(reply->text, SLICE(REFUSED_SET)) || slice_starts(reply->text, SLICE(REFUSED_REMOVE)));
}

/* As a 64-bit decimal; a store that counts versions knows no other etag. */
static trb_code read_etag(const struct trb_state_set *q, int64_t *ret_etag, struct trb_error *err)
{
    *ret_etag = 0;
    if (!q->etag.len || q->concurrency == TRB_STATE_LAST_WRITE || slice_to_i64(slice_name(q->etag), ret_etag))
        return TRB_OK;
    struct trb_slice digits = slice_skip(slice_name(q->etag), strchr("+-", q->etag.at[0]) ? 1 : 0);
    bool is_number = digits.len > 0;
    for (size_t i = 0; i < digits.len; i++)
        is_number = is_number && digits.at[i] >= '0' && digits.at[i] <= '9';
    trb_error(err, TRB_INVALID, "BAD_ETAG", "strconv.Atoi: parsing \"%.*s\": %s", (int)(q->etag.len < 200 ? q->etag.len : 200),
              q->etag.at, is_number ? "value out of range" : "invalid syntax");
    err->kind = TRB_STATE_ETAG_INVALID;
    return err->code;
}

#define LONGEST_S (INT64_MAX / 1000 / 2)        /* Redis counts milliseconds from now */

static trb_code read_ttl(const struct store *s, const struct trb_state_set *q, char room[REDIS_NUMBER],
                         struct trb_data *ret_word, struct trb_error *err)
{
    int64_t ttl_s = q->has_ttl ? q->ttl_s : s->default_ttl_s;
    if (!q->has_ttl && !s->default_ttl_s) {
        *ret_word = redis_text("");
        return TRB_OK;
    }
    if (ttl_s > LONGEST_S)
        return trb_error(err, TRB_INVALID, "BAD_TTL", "ttlInSeconds: %lld is more than Redis can count", (long long)ttl_s);
    *ret_word = redis_number(room, ttl_s);
    return TRB_OK;
}

trb_code set_words_fill(const struct store *s, const struct trb_state_set *q, bool text, struct set_words *to,
                        struct trb_error *err)
{
    int64_t etag;
    trb_code code = read_etag(q, &etag, err);
    if (!code)
        code = read_ttl(s, q, to->ttl, &to->words[7], err);
    if (code)
        return code;
    text = text || !s->set_sha[0];
    to->words[0] = redis_text(text ? "EVAL" : "EVALSHA");
    to->words[1] = redis_text(text ? script_set : s->set_sha);
    to->words[2] = redis_text("1");
    to->words[3] = redis_name(q->key);
    to->words[4] = redis_number(to->etag, etag);
    to->words[5] = q->value;
    to->words[6] = redis_text(q->concurrency == TRB_STATE_FIRST_WRITE ? "0" : "1");
    return TRB_OK;
}

bool remove_is_plain(const struct trb_state_delete *q)
{
    return !q->etag.len || slice_is(slice_name(q->etag), SLICE("0"));
}

void remove_words_fill(const struct store *s, const struct trb_state_delete *q, bool text,
                       struct trb_data words[REMOVE_WORDS])
{
    text = text || !s->remove_sha[0];
    words[0] = redis_text(text ? "EVAL" : "EVALSHA");
    words[1] = redis_text(text ? script_remove : s->remove_sha);
    words[2] = redis_text("1");
    words[3] = redis_name(q->key);
    words[4] = redis_name(q->etag);
}
