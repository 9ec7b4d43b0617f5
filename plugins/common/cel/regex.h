/* regex: does a text hold a match of a pattern? The syntax is RE2's: what it does not have is refused, so that no
 * pattern means something else here; the work of one match is bounded. */
#ifndef CEL_REGEX_H
#define CEL_REGEX_H

#include <base/slice.h>
#include <stdbool.h>

/* 1, 0; -1: ret_fault says why the pattern cannot be used. */
int regex_match(struct trb_slice pattern, struct trb_slice text, char *ret_fault, size_t size);

#endif
