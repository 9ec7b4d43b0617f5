/* reply: strict: a line ends in CRLF, a number is digits, a length has a limit. */
#include "reply.h"
#include <base/check.h>
#include <base/slice.h>

bool key_is_legal(struct trb_slice key)
{
    if (!key.len || key.len > REPLY_MAX_KEY)
        return false;
    for (size_t i = 0; i < key.len; i++)
        if ((unsigned char)key.at[i] <= ' ' || key.at[i] == 0x7f)
            return false;
    return true;
}

static int64_t read_line(struct trb_slice bytes, struct trb_slice *ret_line, size_t *ret_need)
{
    struct trb_slice window = slice_cut(bytes, REPLY_MAX_LINE);
    const char *end = window.len ? memchr(window.at, '\n', window.len) : NULL;
    *ret_need = bytes.len + 1;
    if (!end)
        return bytes.len < REPLY_MAX_LINE ? REPLY_MORE : REPLY_BROKEN;
    if (end == bytes.at || end[-1] != '\r')
        return REPLY_BROKEN;
    *ret_line = slice_cut(bytes, (size_t)(end - bytes.at) - 1);
    return (int64_t)ret_line->len + 2;
}

/* VALUE <key> <flags> <bytes>, and, when it was asked for, a number more. */
static bool read_value_line(struct trb_slice words, struct trb_slice *ret_key, uint64_t *ret_len)
{
    uint64_t flags, unique;
    *ret_key = slice_split(&words, ' ');
    struct trb_slice second = words.at ? slice_split(&words, ' ') : words;
    struct trb_slice third = words.at ? slice_split(&words, ' ') : words;
    return key_is_legal(*ret_key) && slice_to_u64(second, &flags) && flags <= UINT32_MAX && slice_to_u64(third, ret_len) &&
           *ret_len <= REPLY_MAX_VALUE && (!words.at || slice_to_u64(words, &unique));
}

static int64_t read_value(struct trb_slice bytes, size_t at, struct reply *r, size_t *ret_need)
{
    uint64_t len;
    if (!read_value_line(slice_skip(r->line, sizeof "VALUE " - 1), &r->key, &len))
        return REPLY_BROKEN;
    size_t end = at + (size_t)len;
    *ret_need = end + 2;
    if (bytes.len < end + 2)
        return REPLY_MORE;
    r->value = slice_from(bytes.at + at, (size_t)len);
    return bytes.at[end] == '\r' && bytes.at[end + 1] == '\n' ? (int64_t)end + 2 : REPLY_BROKEN;
}

static const struct word {
    const char *text;
    uint32_t kind;
    bool goes_on;                               /* more of the line may follow, after a blank */
} words[] = {
    {"VALUE", REPLY_VALUE, true}, {"END", REPLY_END, false}, {"STORED", REPLY_STORED, false},
    {"NOT_STORED", REPLY_NOT_STORED, false}, {"DELETED", REPLY_DELETED, false}, {"NOT_FOUND", REPLY_NOT_FOUND, false},
    {"VERSION", REPLY_VERSION, true}, {"SERVER_ERROR", REPLY_SERVER_ERROR, true},
    {"CLIENT_ERROR", REPLY_CLIENT_ERROR, true}, {"ERROR", REPLY_CLIENT_ERROR, true}};

static const struct word *find_word(struct trb_slice line)
{
    for (size_t i = 0; i < countof(words); i++) {
        struct trb_slice word = slice_of(words[i].text);
        if (slice_is(line, word) ||
            (words[i].goes_on && slice_starts(line, word) && line.at[word.len] == ' '))
            return &words[i];
    }
    return NULL;
}

int64_t reply_read(struct trb_slice bytes, struct reply *ret_reply, size_t *ret_need)
{
    struct reply r = {0};
    int64_t len = read_line(bytes, &r.line, ret_need);
    if (len <= 0)
        return len;
    const struct word *word = find_word(r.line);
    if (!word)
        return REPLY_BROKEN;
    r.kind = word->kind;
    if (r.kind == REPLY_VALUE)
        len = read_value(bytes, (size_t)len, &r, ret_need);
    if (len > 0)
        *ret_reply = r;
    return len;
}
