/* json_scan: the byte loops that checking, walking and writing share. Private to json*.c and text.c. */
#ifndef BASE_JSON_SCAN_H
#define BASE_JSON_SCAN_H

#include <base/json.h>
#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

static inline const char *scan_blanks(const char *at, const char *end)
{
    if (at < end && (uint8_t)*at > ' ')
        return at;
    while (at < end && (*at == ' ' || *at == '\n' || *at == '\r' || *at == '\t'))
        at++;
    return at;
}

#define SCAN_ONES 0x0101010101010101ull
#define SCAN_HIGHS 0x8080808080808080ull

/* Bytes whose high bit is set in the result: quotes, backslashes, control characters, not ASCII.
 * A borrow may mark further bytes above the first marked one, never below it. */
static inline uint64_t scan_marks(uint64_t word)
{
    uint64_t quotes = (word ^ SCAN_ONES * '"') - SCAN_ONES;
    uint64_t slashes = (word ^ SCAN_ONES * '\\') - SCAN_ONES;
    return (quotes | slashes | (word - SCAN_ONES * 0x20) | word) & SCAN_HIGHS;
}

#ifdef __SSE2__
typedef __m128i scan_block;             /* sixteen bytes; of a question: all bits of those it is true of */

static inline scan_block scan_load(const char *at)
{
    return _mm_loadu_si128((const __m128i *)(const void *)at);
}
static inline scan_block scan_is(scan_block b, char c)
{
    return _mm_cmpeq_epi8(b, _mm_set1_epi8(c));
}
static inline scan_block scan_is_either(scan_block b, char c, char d)
{
    return _mm_or_si128(scan_is(b, c), scan_is(b, d));
}
static inline scan_block scan_with_bit(scan_block b, char bit)
{
    return _mm_or_si128(b, _mm_set1_epi8(bit));
}
static inline scan_block scan_below(scan_block b, char c)               /* 0x80 and above are negative */
{
    return _mm_cmplt_epi8(b, _mm_set1_epi8(c));
}
/* Moves at to the first byte that the question is true of, or to where fewer than sixteen are left. */
#define SCAN_BLOCKS(at, end, b, question)                                                          \
    for (; (end) - (at) >= 16; (at) += 16) {                                                       \
        scan_block b = scan_load(at);                                                              \
        unsigned bits = (unsigned)_mm_movemask_epi8(question);                                     \
        if (bits)                                                                                  \
            return (at) + __builtin_ctz(bits);                                                     \
    }
#else
#define SCAN_BLOCKS(at, end, b, question)
#endif

/* To the next quote or backslash. */
static inline const char *scan_quote(const char *at, const char *end)
{
    SCAN_BLOCKS(at, end, b, scan_is_either(b, '"', '\\'))
    while (at < end && *at != '"' && *at != '\\')
        at++;
    return at;
}

/* To the next quote, bracket or brace: of [ and {, ] and } one bit tells. */
static inline const char *scan_bracket(const char *at, const char *end)
{
    SCAN_BLOCKS(at, end, b, _mm_or_si128(scan_is(b, '"'), scan_is_either(scan_with_bit(b, 0x20), '{', '}')))
    while (at < end && *at != '"' && (*at | 0x20) != '{' && (*at | 0x20) != '}')
        at++;
    return at;
}

/* To the next quote or blank, where no other control characters are. */
static inline const char *scan_quote_or_blank(const char *at, const char *end)
{
    SCAN_BLOCKS(at, end, b, _mm_or_si128(scan_is(b, '"'), scan_below(b, '!')))
    while (at < end && *at != '"' && (uint8_t)*at > ' ')
        at++;
    return at;
}

/* To the first byte of a string that is not plain ASCII text. */
static inline const char *scan_plain(const char *at, const char *end)
{
    SCAN_BLOCKS(at, end, b, _mm_or_si128(scan_is_either(b, '"', '\\'), scan_below(b, 0x20)))
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    for (uint64_t word, marks; end - at >= 8; at += 8) {
        memcpy(&word, at, 8);
        marks = scan_marks(word);
        if (marks)
            return at + (__builtin_ctzll(marks) >> 3);
    }
#endif
    while (at < end && (uint8_t)*at >= 0x20 && (uint8_t)*at < 0x80 && *at != '"' && *at != '\\')
        at++;
    return at;
}

/* As above, and < > & end it too. */
static inline const char *scan_html_plain(const char *at, const char *end)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    for (uint64_t word, angles, amps, marks; end - at >= 8; at += 8) {
        memcpy(&word, at, 8);
        angles = ((word | SCAN_ONES * 2) ^ SCAN_ONES * '>') - SCAN_ONES;      /* < and > differ in one bit */
        amps = (word ^ SCAN_ONES * '&') - SCAN_ONES;
        marks = scan_marks(word) | ((angles | amps) & SCAN_HIGHS);
        if (marks)
            return at + (__builtin_ctzll(marks) >> 3);
    }
#endif
    while (at < end && (uint8_t)*at >= 0x20 && (uint8_t)*at < 0x80 && *at != '"' && *at != '\\' && *at != '<' && *at != '>' &&
           *at != '&')
        at++;
    return at;
}

static inline uint32_t scan_kind(char first)
{
    switch (first) {
    case '{': return JSON_OBJECT;
    case '[': return JSON_ARRAY;
    case '"': return JSON_STRING;
    case 't': return JSON_TRUE;
    case 'f': return JSON_FALSE;
    case 'n': return JSON_NULL;
    default: return JSON_NUMBER;
    }
}

#endif
