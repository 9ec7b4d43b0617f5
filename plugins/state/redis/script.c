/* script: what runs inside Redis, because reading a version and writing must be one step. */
#include "store.h"
#include <base/json.h>
#include <base/slice.h>

#define REFUSED_SET "ERR failed to set key "
#define REFUSED_REMOVE "ERR failed to delete key "

/* ARGV: etag or 0, value, 0 to leave the first-write mark else 1, seconds to live or empty. */
static const char set[] =
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
static const char remove_[] =
    "local held = redis.pcall('HGET', KEYS[1], 'version')\n"
    "if type(held) == 'table' then\n"
    "  held = redis.pcall('JSON.GET', KEYS[1], '$.version')\n"
    "  held = type(held) == 'string' and string.match(held, '^%[(%d+)%]$')\n"
    "end\n"
    "if held and held ~= '' and held ~= ARGV[1] then\n"
    "  return redis.error_reply('" REFUSED_REMOVE "' .. KEYS[1])\n"
    "end\n"
    "return redis.call('DEL', KEYS[1])\n";

/* As script_set, for a JSON document: the mark stays in it, and so does the time to live. */
static const char set_json[] =
    "local held = redis.pcall('JSON.GET', KEYS[1], '$.version')\n"
    "local version = type(held) == 'string' and string.match(held, '^%[(%d+)%]$')\n"
    "local mark = false\n"
    "if version then\n"
    "  mark = redis.call('JSON.GET', KEYS[1], '$[\"first-write\"]') ~= '[]'\n"
    "elseif held then\n"
    "  redis.call('DEL', KEYS[1])\n"
    "end\n"
    "if version and version ~= ARGV[1] and (ARGV[1] ~= '0' or mark) then\n"
    "  return redis.error_reply('" REFUSED_SET "' .. KEYS[1])\n"
    "end\n"
    "local left = redis.call('PTTL', KEYS[1])\n"
    "version = (tonumber(version) or 0) + 1\n"
    "local first = (mark or ARGV[3] == '0') and ',\"first-write\":0}' or '}'\n"
    "redis.call('JSON.SET', KEYS[1], '$',\n"
    "  '{\"data\":' .. ARGV[2] .. ',\"version\":' .. string.format('%d', version) .. first)\n"
    "local ttl = tonumber(ARGV[4])\n"
    "if ttl and ttl > 0 then redis.call('EXPIRE', KEYS[1], ARGV[4])\n"
    "elseif ttl then redis.call('PERSIST', KEYS[1])\n"
    "elseif left > 0 then redis.call('PEXPIRE', KEYS[1], left) end\n"
    "return version\n";

const char *const scripts[SCRIPTS] = {[SCRIPT_SET] = set, [SCRIPT_REMOVE] = remove_, [SCRIPT_SET_JSON] = set_json};

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

static void script_words(const struct store *s, uint32_t script, bool text, struct trb_data words[2])
{
    text = text || !s->sha[script][0];
    words[0] = redis_text(text ? "EVAL" : "EVALSHA");
    words[1] = redis_text(text ? scripts[script] : s->sha[script]);
}

bool says_json(const struct store *s, const struct trb_pairs *metadata)
{
    return s->has_json && slice_is(slice_name(trb_pair_get(metadata, "contentType")), SLICE("application/json"));
}

/* Bytes that only say they are JSON stay bytes. */
uint32_t set_script(const struct store *s, const struct trb_state_set *q)
{
    struct json_value v;
    struct json_fault fault;
    return says_json(s, &q->metadata) && (q->is_json || json_parse(slice_from(q->value.at, q->value.len), &v, &fault)) ? SCRIPT_SET_JSON
                                                                                                      : SCRIPT_SET;
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
    script_words(s, set_script(s, q), text, to->words);
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
    script_words(s, SCRIPT_REMOVE, text, words);
    words[2] = redis_text("1");
    words[3] = redis_name(q->key);
    words[4] = redis_name(q->etag);
}
