/* slice: questions about borrowed bytes. */
#include <base/slice.h>

bool slice_is_secret(struct trb_slice given, struct trb_slice secret)
{
    volatile unsigned char differs = given.len != secret.len;
    for (size_t i = 0; i < given.len; i++)
        differs |= (unsigned char)(given.at[i] ^ secret.at[secret.len ? i % secret.len : 0]);
    return given.at && secret.len && !differs;
}

static char lower(char c)
{
    return (char)(c >= 'A' && c <= 'Z' ? c | 0x20 : c);
}

bool slice_is_nocase_at(const char *a, const char *b, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (a[i] != b[i] && lower(a[i]) != lower(b[i]))
            return false;
    return true;
}

bool slice_starts_nocase(struct trb_slice s, struct trb_slice with)
{
    return s.len >= with.len && slice_is_nocase(slice_cut(s, with.len), with);
}

bool slice_contains(struct trb_slice s, struct trb_slice part)
{
    return !part.len || (s.len && memmem(s.at, s.len, part.at, part.len) != NULL);
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

struct trb_slice slice_trim(struct trb_slice s)
{
    while (s.len && is_blank(s.at[0]))
        s = slice_skip(s, 1);
    while (s.len && is_blank(s.at[s.len - 1]))
        s.len--;
    return s;
}

struct trb_slice slice_split(struct trb_slice *s, char sep)
{
    const char *found = s->len ? memchr(s->at, sep, s->len) : NULL;
    struct trb_slice part = *s;
    if (found) {
        part.len = (size_t)(found - s->at);
        *s = slice_skip(*s, part.len + 1);
    } else {
        *s = (struct trb_slice){NULL, 0};
    }
    return part;
}

bool slice_to_u64(struct trb_slice s, uint64_t *ret_value)
{
    uint64_t value = 0;
    if (!s.len)
        return false;
    for (size_t i = 0; i < s.len; i++) {
        if (s.at[i] < '0' || s.at[i] > '9' || __builtin_mul_overflow(value, 10u, &value) ||
            __builtin_add_overflow(value, (uint64_t)(s.at[i] - '0'), &value))
            return false;
    }
    *ret_value = value;
    return true;
}

bool slice_to_i64(struct trb_slice s, int64_t *ret_value)
{
    bool negative = s.len && s.at[0] == '-';
    uint64_t value;
    if (s.len && (s.at[0] == '-' || s.at[0] == '+'))
        s = slice_skip(s, 1);
    if (!slice_to_u64(s, &value) || value > (uint64_t)INT64_MAX + negative)
        return false;
    *ret_value = negative ? (int64_t)(0 - value) : (int64_t)value;
    return true;
}

struct trb_slice slice_decimal(uint64_t value, char room[20])
{
    char *at = room + 20;
    do
        *--at = (char)('0' + value % 10);
    while (value /= 10);
    return slice_from(at, (size_t)(room + 20 - at));
}

bool slice_is_truthy(struct trb_slice s)
{
    static const struct trb_slice words[] = {{"1", 1}, {"t", 1}, {"true", 4}, {"y", 1}, {"yes", 3}, {"on", 2}};
    s = slice_trim(s);
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (slice_is_nocase(s, words[i]))
            return true;
    return false;
}

static size_t utf8_len(const uint8_t *at, size_t left)
{
    uint8_t c = at[0];
    size_t n = c < 0x80 ? 1 : c >= 0xc2 && c < 0xe0 ? 2 : c >= 0xe0 && c < 0xf0 ? 3 : c >= 0xf0 && c < 0xf5 ? 4 : 0;
    if (!n || n > left)
        return 0;
    for (size_t i = 1; i < n; i++)
        if ((at[i] & 0xc0) != 0x80)
            return 0;
    if ((c == 0xe0 && at[1] < 0xa0) || (c == 0xed && at[1] > 0x9f) || (c == 0xf0 && at[1] < 0x90) ||
        (c == 0xf4 && at[1] > 0x8f))
        return 0;
    return n;
}

bool slice_is_utf8(struct trb_slice s)
{
    const uint8_t *at = (const uint8_t *)s.at;
    for (size_t i = 0, n; i < s.len; i += n)
        if (!(n = utf8_len(at + i, s.len - i)))
            return false;
    return true;
}
