/* json_scan: the byte loops that checking, walking and writing share. Private to json*.c and text.c. */
#ifndef BASE_JSON_SCAN_H
#define BASE_JSON_SCAN_H

#include <base/json.h>
#include <string.h>

static inline const char *scan_blanks(const char *at, const char *end)
{
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

/* To the first byte of a string that is not plain ASCII text. */
static inline const char *scan_plain(const char *at, const char *end)
{
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
