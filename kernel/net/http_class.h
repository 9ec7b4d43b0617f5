/* http_class: what a byte may be, by table. Private to this folder. */
#ifndef NET_HTTP_CLASS_H
#define NET_HTTP_CLASS_H

#include <stdbool.h>
#include <stdint.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#define CLASS_TOKEN 1u              /* methods and header names */
#define CLASS_VALUE 2u              /* header values: visible, blank, tab, above ASCII */
#define CLASS_TARGET 4u             /* request targets: visible, above ASCII */
#define CLASS_HOST 8u               /* a host with its port, also in brackets */

extern const uint8_t http_class[256];

static inline bool http_is(char c, uint8_t class)
{
    return (http_class[(uint8_t)c] & class) != 0;
}

/* To the first byte of a value that may not be in one. */
static inline const char *http_value_end(const char *at, const char *end)
{
#ifdef __SSE2__
    for (; end - at >= 16; at += 16) {
        __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)at);
        __m128i controls = _mm_cmpeq_epi8(_mm_min_epu8(bytes, _mm_set1_epi8(0x1f)), bytes);
        __m128i tabs = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\t')), deletes = _mm_cmpeq_epi8(bytes, _mm_set1_epi8(0x7f));
        unsigned bad = (unsigned)_mm_movemask_epi8(_mm_or_si128(_mm_andnot_si128(tabs, controls), deletes));
        if (bad)
            return at + __builtin_ctz(bad);
    }
#endif
    while (at < end && http_is(*at, CLASS_VALUE))
        at++;
    return at;
}

/* -1: not a hexadecimal digit. */
static inline int http_hex(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    char low = (char)(c | 0x20);
    return low >= 'a' && low <= 'f' ? low - 'a' + 10 : -1;
}

#endif
