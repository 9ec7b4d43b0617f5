/* http_class: what a byte may be, by table. Private to this folder. */
#ifndef NET_HTTP_CLASS_H
#define NET_HTTP_CLASS_H

#include <stdbool.h>
#include <stdint.h>

#define CLASS_TOKEN 1u              /* methods and header names */
#define CLASS_VALUE 2u              /* header values: visible, blank, tab, above ASCII */
#define CLASS_TARGET 4u             /* request targets: visible, above ASCII */
#define CLASS_HOST 8u               /* a host with its port, also in brackets */

extern const uint8_t http_class[256];

static inline bool http_is(char c, uint8_t class)
{
    return (http_class[(uint8_t)c] & class) != 0;
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
