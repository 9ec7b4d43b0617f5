/* slice: questions about borrowed bytes, and how text becomes one. [any] */
#ifndef BASE_SLICE_H
#define BASE_SLICE_H

#include <stdbool.h>
#include <string.h>
#include <trilby/types.h>

#define SLICE(literal) ((struct trb_slice){(literal), sizeof(literal) - 1})
#define NAME(literal) ((struct trb_name){(literal), sizeof(literal) - 1})
#define SLICE_ARG(s) (int)(s).len, (s).at ? (s).at : ""               /* for "%.*s" */

static inline struct trb_slice slice_of(const char *text)             /* NULL: absent */
{
    return (struct trb_slice){text, text ? strlen(text) : 0};
}

static inline struct trb_name name_of(const char *text)
{
    return (struct trb_name){text, text ? strlen(text) : 0};
}

static inline struct trb_slice slice_from(const char *at, size_t len)
{
    return (struct trb_slice){at, len};
}

static inline struct trb_slice slice_name(struct trb_name n)
{
    return (struct trb_slice){n.at, n.len};
}

/* b is most often a literal: its length is then known to the compiler, which compares in place. */
static inline bool slice_is(struct trb_slice a, struct trb_slice b)
{
    return a.len == b.len && (b.len == 0 || memcmp(a.at, b.at, b.len) == 0);
}

bool slice_is_nocase_at(const char *a, const char *b, size_t len);

/* Is given the secret? Takes as long wherever they differ. Nothing is never a secret. */
bool slice_is_secret(struct trb_slice given, struct trb_slice secret);

static inline bool slice_is_nocase(struct trb_slice a, struct trb_slice b)    /* ASCII letters only */
{
    return a.len == b.len && slice_is_nocase_at(a.at, b.at, a.len);
}

bool slice_starts_nocase(struct trb_slice s, struct trb_slice with);
bool slice_contains(struct trb_slice s, struct trb_slice part);
struct trb_slice slice_trim(struct trb_slice s);                      /* blanks, tabs, line ends */

static inline struct trb_slice slice_skip(struct trb_slice s, size_t n)       /* n is cut to the length */
{
    if (n > s.len)
        n = s.len;
    return (struct trb_slice){s.at ? s.at + n : NULL, s.len - n};
}

static inline struct trb_slice slice_cut(struct trb_slice s, size_t len)      /* the first len bytes */
{
    return (struct trb_slice){s.at, len < s.len ? len : s.len};
}

static inline bool slice_starts(struct trb_slice s, struct trb_slice with)
{
    return s.len >= with.len && slice_is(slice_cut(s, with.len), with);
}

static inline bool slice_ends(struct trb_slice s, struct trb_slice with)
{
    return s.len >= with.len && slice_is(slice_skip(s, s.len - with.len), with);
}

/* Splits at the first sep: returns the part before it and moves s behind it. With no sep left the
 * rest is returned and s becomes absent (at == NULL), which ends the loop:
 * while (s.at) { part = slice_split(&s, ','); … } */
struct trb_slice slice_split(struct trb_slice *s, char sep);

/* Strict decimal: digits only, whole slice, no overflow. Returns false and leaves ret alone. */
bool slice_to_u64(struct trb_slice s, uint64_t *ret_value);
bool slice_to_i64(struct trb_slice s, int64_t *ret_value);            /* with an optional sign */

struct trb_slice slice_decimal(uint64_t value, char room[20]);

/* true for 1 t true y yes on (any case); what is neither that nor 0 f false n no off is *ret_bad. */
bool slice_is_truthy(struct trb_slice s);

bool slice_is_utf8(struct trb_slice s);                               /* strict, no surrogates */

#endif
