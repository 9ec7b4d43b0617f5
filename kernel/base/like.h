/* like: the pattern of a store's KEYS_LIKE: % is any run, _ any one character, a backslash takes their meaning. */
#ifndef BASE_LIKE_H
#define BASE_LIKE_H

#include <stdbool.h>
#include <trilby/types.h>

bool slice_is_like(struct trb_slice text, struct trb_slice pattern);
/* The bytes that every match begins with, written to `to`, which has room for the pattern. */
size_t like_head(struct trb_slice pattern, char *to);

#endif
