/* form: what names and data of clients become on disk; pure. components.md 2.14 */
#ifndef LOCALSTORAGE_FORM_H
#define LOCALSTORAGE_FORM_H

#include <base/text.h>
#include <stdbool.h>

#define NAME_MAX_BYTES 4000u

/* The name below the root: '.', '..' and double slashes resolved by their letters, none of which leads out.
 * "": the root itself. false: no path can be called that. */
bool form_path(struct trb_slice name, struct text *ret_path);

/* The bytes of a file: a JSON string without its quotes, and what is base64 then (or was given so), decoded; all
 * else as it stands. */
void form_data(struct trb_slice data, bool decodes_base64, struct text *ret_bytes);

#endif
