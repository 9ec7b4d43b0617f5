/* json: a validating reader (RFC 8259, strict UTF-8, depth limit) that yields raw slices.
 *
 * Values keep their bytes: a number is never converted, a string is unescaped only on request. The
 * text must stay readable while the cursor is used. Not a document model: that is cJSON's work. */
#ifndef BASE_JSON_H
#define BASE_JSON_H

#include <base/arena.h>
#include <base/text.h>
#include <stdbool.h>
#include <stdint.h>
#include <trilby/types.h>

#define JSON_MAX_DEPTH 512

#define JSON_NONE 0                 /* absent, or the end of an object or array */
#define JSON_NULL 1
#define JSON_FALSE 2
#define JSON_TRUE 3
#define JSON_NUMBER 4
#define JSON_STRING 5
#define JSON_ARRAY 6
#define JSON_OBJECT 7

/* One value, as it stands in the text, outer white space cut. A string keeps its quotes. */
struct json_value {
    uint32_t kind;
    struct trb_slice raw;
};

/* Where and why a text is not JSON: offset from its start; text ends in no full stop, e.g.
 * "unexpected end of JSON input", "invalid character 'x' looking for beginning of value". */
struct json_fault {
    size_t offset;
    bool at_end;                    /* the text was cut short (or empty) */
    char message[120];
};

/* The whole text is one value. Checks everything inside it. */
bool json_parse(struct trb_slice text, struct json_value *ret_value, struct json_fault *fault);

/* What the check has seen of the value by the way: json_count and json_is_compact of it. */
struct json_shape {
    uint32_t count;
    bool is_compact;
};
bool json_parse_shape(struct trb_slice text, struct json_value *ret_value, struct json_shape *ret_shape,
                      struct json_fault *fault);

/* Walking what json_parse has accepted: no further checks are needed, none fail. */
struct json_cursor {
    const char *at, *end;
};
struct json_cursor json_enter(struct json_value);                     /* of an array or object */
bool json_next(struct json_cursor *, struct json_value *ret_value);   /* array: false at the end */
bool json_member(struct json_cursor *, struct trb_slice *ret_raw_key, struct json_value *ret_value);
struct json_value json_only(struct json_value array);                 /* of an array that has one element: that, unwalked */
const char *json_kind_name(struct json_value);                        /* as decoders say it: "bool", "object" */
uint32_t json_count(struct json_value);                               /* elements or members; of others 0 */

/* The last member of that name (as decoders of the field do); kind JSON_NONE when absent. */
struct json_value json_find(struct json_value object, struct trb_slice key);
/* As above, letter case of the name ignored when there is no exact match. */
struct json_value json_find_nocase(struct json_value object, struct trb_slice key);
/* The same for several names in one walk; at most 64. ret_values: one for each name. */
void json_find_each(struct json_value object, const struct trb_slice *keys, uint32_t count,
                    struct json_value *ret_values);
bool json_is_compact(struct json_value);                  /* no blanks between its tokens */

/* Unescaped text of a string value or raw key; without escapes it is a slice of the text itself. */
struct trb_slice json_text(struct arena *, struct json_value string);
struct trb_name json_name(struct arena *, struct json_value string);  /* NUL-terminated copy */
bool json_key_is(struct trb_slice raw_key, struct trb_slice plain);

/* White space between tokens removed, every token as it stands. */
void json_compact(struct json_value, struct text *);
/* As above, and members sorted by name, strings re-encoded with html escapes (encoder E), numbers as they stand. */
void json_canonical(struct json_value, struct text *);

#endif
