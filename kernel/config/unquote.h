/* unquote: what a quoted literal of the Go language holds: "…", `…`, and '…' around one character.
 * Values that come from secret stores and from the environment are read this way. */
#ifndef CONFIG_UNQUOTE_H
#define CONFIG_UNQUOTE_H

#include <base/text.h>
#include <stdbool.h>

/* false: not a literal, and nothing was added. */
bool unquote(struct trb_slice literal, struct text *ret_text);

#endif
