/* utf8: reading and writing single code points, strictly: no surrogates, nothing overlong. [any] */
#ifndef BASE_UTF8_H
#define BASE_UTF8_H

#include <stdbool.h>
#include <trilby/types.h>

/* The first code point of a text that is not empty; returns its bytes, 0: broken. */
size_t utf8_read(struct trb_slice s, uint32_t *ret_rune);
size_t utf8_write(uint32_t rune, char ret_bytes[4]);                  /* surrogates become U+FFFD */
bool utf8_is_print(uint32_t rune);                                    /* near to Go's IsPrint */

#endif
