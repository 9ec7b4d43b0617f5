/* codec: base64, hex, percent-escapes, random texts, quantities. */
#include <base/check.h>
#include <base/codec.h>
#include <base/slice.h>
#include <errno.h>
#include <math.h>
#include <string.h>
#include <sys/random.h>

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

size_t base64_encoded_len(size_t len, bool pad)
{
    return pad ? (len + 2) / 3 * 4 : len / 3 * 4 + (len % 3 * 8 + 5) / 6;
}

size_t base64_encode(struct trb_slice from, bool pad, char *ret_text)
{
    const uint8_t *at = (const uint8_t *)from.at;
    char *to = ret_text;
    size_t left = from.len;
    for (; left >= 3; left -= 3, at += 3) {
        uint32_t v = (uint32_t)at[0] << 16 | (uint32_t)at[1] << 8 | at[2];
        *to++ = alphabet[v >> 18];
        *to++ = alphabet[v >> 12 & 63];
        *to++ = alphabet[v >> 6 & 63];
        *to++ = alphabet[v & 63];
    }
    if (!left)
        return (size_t)(to - ret_text);
    uint32_t v = (uint32_t)at[0] << 16 | (left == 2 ? (uint32_t)at[1] << 8 : 0);
    *to++ = alphabet[v >> 18];
    *to++ = alphabet[v >> 12 & 63];
    if (left == 2)
        *to++ = alphabet[v >> 6 & 63];
    while (pad && (to - ret_text) % 4)
        *to++ = '=';
    return (size_t)(to - ret_text);
}

/* One more than what a character of the alphabet means; 0: it is none. */
static const uint8_t base64_values[256] = {
    ['A'] = 1,  ['B'] = 2,  ['C'] = 3,  ['D'] = 4,  ['E'] = 5,  ['F'] = 6,  ['G'] = 7,  ['H'] = 8,
    ['I'] = 9,  ['J'] = 10, ['K'] = 11, ['L'] = 12, ['M'] = 13, ['N'] = 14, ['O'] = 15, ['P'] = 16,
    ['Q'] = 17, ['R'] = 18, ['S'] = 19, ['T'] = 20, ['U'] = 21, ['V'] = 22, ['W'] = 23, ['X'] = 24,
    ['Y'] = 25, ['Z'] = 26, ['a'] = 27, ['b'] = 28, ['c'] = 29, ['d'] = 30, ['e'] = 31, ['f'] = 32,
    ['g'] = 33, ['h'] = 34, ['i'] = 35, ['j'] = 36, ['k'] = 37, ['l'] = 38, ['m'] = 39, ['n'] = 40,
    ['o'] = 41, ['p'] = 42, ['q'] = 43, ['r'] = 44, ['s'] = 45, ['t'] = 46, ['u'] = 47, ['v'] = 48,
    ['w'] = 49, ['x'] = 50, ['y'] = 51, ['z'] = 52, ['0'] = 53, ['1'] = 54, ['2'] = 55, ['3'] = 56,
    ['4'] = 57, ['5'] = 58, ['6'] = 59, ['7'] = 60, ['8'] = 61, ['9'] = 62, ['+'] = 63, ['/'] = 64,
};

static inline int base64_value(uint8_t c)
{
    return base64_values[c] - 1;
}

static bool bad_at(size_t offset, size_t *ret_bad)
{
    if (ret_bad)
        *ret_bad = offset;
    return false;
}

/* What follows i characters of alphabet: nothing, or exactly the padding that completes a group. */
static bool check_padding(struct trb_slice from, size_t i, bool lenient, size_t *ret_bad)
{
    size_t group = i % 4;
    if (i == from.len)
        return group == 0 || (lenient && group != 1) || bad_at(i - group, ret_bad);
    if (from.at[i] != '=' || group < 2)
        return bad_at(i, ret_bad);
    size_t end = i - group + 4;
    for (; i < end; i++) {
        if (i >= from.len)
            return bad_at(from.len, ret_bad);
        if (from.at[i] != '=')
            return bad_at(i, ret_bad);
    }
    return end == from.len || bad_at(end, ret_bad);
}

bool base64_decode(struct trb_slice from, bool lenient_pad, char *ret_bytes, size_t *ret_len,
                   size_t *ret_bad)
{
    const uint8_t *at = (const uint8_t *)from.at;
    uint32_t v = 0;
    size_t i = 0, len = 0;
    for (; i + 4 <= from.len; i += 4) {
        int a = base64_value(at[i]), b = base64_value(at[i + 1]);
        int c = base64_value(at[i + 2]), d = base64_value(at[i + 3]);
        if ((a | b | c | d) < 0)
            break;
        v = (uint32_t)(a << 18 | b << 12 | c << 6 | d);
        ret_bytes[len++] = (char)(v >> 16);
        ret_bytes[len++] = (char)(v >> 8);
        ret_bytes[len++] = (char)v;
    }
    for (int c; i < from.len && (c = base64_value(at[i])) >= 0; i++)    /* three at the most */
        v = v << 6 | (uint32_t)c;
    if (!check_padding(from, i, lenient_pad, ret_bad))
        return false;
    if (i % 4 == 2)
        ret_bytes[len++] = (char)(v >> 4);
    if (i % 4 == 3) {
        ret_bytes[len++] = (char)(v >> 10);
        ret_bytes[len++] = (char)(v >> 2);
    }
    *ret_len = len;
    return true;
}

size_t hex_encode(struct trb_slice from, char *ret_text)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < from.len; i++) {
        ret_text[2 * i] = digits[(uint8_t)from.at[i] >> 4];
        ret_text[2 * i + 1] = digits[(uint8_t)from.at[i] & 15];
    }
    return from.len * 2;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static int hex_pair(const char *at)
{
    int high = hex_digit(at[0]), low = hex_digit(at[1]);
    return high < 0 || low < 0 ? -1 : high << 4 | low;
}

bool hex_decode(struct trb_slice from, char *ret_bytes)
{
    if (from.len % 2)
        return false;
    for (size_t i = 0; i < from.len; i += 2) {
        int byte = hex_pair(from.at + i);
        if (byte < 0)
            return false;
        ret_bytes[i / 2] = (char)byte;
    }
    return true;
}

bool percent_decode(struct trb_slice from, bool plus, char *ret, size_t *ret_len)
{
    size_t len = 0;
    for (size_t i = 0; i < from.len; i++) {
        int byte = (uint8_t)from.at[i];
        if (byte == '%') {
            if (from.len - i < 3 || (byte = hex_pair(from.at + i + 1)) < 0)
                return false;
            i += 2;
        } else if (byte == '+' && plus) {
            byte = ' ';
        }
        ret[len++] = (char)byte;
    }
    *ret_len = len;
    return true;
}

void random_bytes(void *ret, size_t len)
{
    for (char *at = ret; len;) {
        ssize_t n = getrandom(at, len, 0);
        check(n > 0 || errno == EINTR);
        at += n > 0 ? n : 0;
        len -= n > 0 ? (size_t)n : 0;
    }
}

void uuid_v4(char ret_text[UUID_TEXT])
{
    /* Enough for sixteen identifiers, so that the kernel is not asked for each of them. */
    static _Thread_local struct {
        uint8_t bytes[256];
        size_t left;
    } pool;
    uint8_t id[16];
    if (pool.left < sizeof id) {
        random_bytes(pool.bytes, sizeof pool.bytes);
        pool.left = sizeof pool.bytes;
    }
    pool.left -= sizeof id;
    memcpy(id, pool.bytes + pool.left, sizeof id);
    id[6] = (uint8_t)((id[6] & 0x0f) | 0x40);
    id[8] = (uint8_t)((id[8] & 0x3f) | 0x80);
    static const uint8_t groups[] = {4, 2, 2, 2, 6};
    for (size_t i = 0, at = 0; i < sizeof groups; at += groups[i++]) {
        ret_text += hex_encode((struct trb_slice){(char *)id + at, groups[i]}, ret_text);
        *ret_text++ = '-';
    }
    ret_text[-1] = 0;
}

/* ---------------------------------------------------------------------------------- quantities */
static bool suffix_scale(struct trb_slice suffix, long double *ret_scale)
{
    static const char decimal[] = "numkMGTPE";
    static const int powers[] = {-9, -6, -3, 3, 6, 9, 12, 15, 18};
    static const char binary[] = "KMGTPE";
    const char *at;
    int64_t exponent;
    *ret_scale = 1;
    if (!suffix.len)
        return true;
    if (suffix.len == 2 && suffix.at[1] == 'i' && suffix.at[0] && (at = strchr(binary, suffix.at[0])))
        *ret_scale = exp2l(10.0L * (long double)(at - binary + 1));
    else if (suffix.len == 1 && suffix.at[0] && (at = strchr(decimal, suffix.at[0])))
        *ret_scale = powl(10, powers[at - decimal]);
    else if ((suffix.at[0] | 0x20) == 'e' && slice_to_i64(slice_skip(suffix, 1), &exponent) &&
             exponent >= -40 && exponent <= 40)
        *ret_scale = powl(10, (long double)exponent);
    else
        return false;
    return true;
}

/* Fractions round up, away from zero, as the reference does. */
bool quantity_parse(struct trb_slice s, int64_t *ret_value)
{
    bool negative = s.len && s.at[0] == '-', seen_point = false;
    long double value = 0, unit = 1, scale;
    size_t digits = 0;
    if (s.len && (s.at[0] == '-' || s.at[0] == '+'))
        s = slice_skip(s, 1);
    for (; s.len && ((s.at[0] >= '0' && s.at[0] <= '9') || (s.at[0] == '.' && !seen_point));
         s = slice_skip(s, 1)) {
        if (s.at[0] == '.') {
            seen_point = true;
            continue;
        }
        digits++;
        value = value * 10 + (s.at[0] - '0');
        unit *= seen_point ? 10 : 1;
    }
    if (!digits || digits > 40 || !suffix_scale(s, &scale))
        return false;
    value = ceill(value / unit * scale - 1e-9L);
    if (value > (long double)INT64_MAX)
        value = (long double)INT64_MAX;
    *ret_value = negative ? -(int64_t)value : (int64_t)value;
    return true;
}
