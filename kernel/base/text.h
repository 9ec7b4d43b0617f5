/* text: a growing text of ours, for answers, logs and metrics. Not for what a peer sizes without a
 * limit. The buffer always ends in NUL once anything was added. */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include <stdarg.h>
#include <stdbool.h>
#include <trilby/types.h>

struct text {
    char *at;
    size_t len, room;
};

void text_fini(struct text *);
void text_clear(struct text *);                                       /* keeps the memory */
void text_add(struct text *, struct trb_slice);
void text_adds(struct text *, const char *);
void text_addc(struct text *, char);
void text_addf(struct text *, const char *format, ...) TRB_PRINTF(2, 3);
void text_vaddf(struct text *, const char *format, va_list);
char *text_grow(struct text *, size_t len);                           /* text_room's, where there is none yet */
struct trb_buf *text_to_buf(struct text *);                           /* given; t is empty again */

/* Where len bytes and a NUL may be written, then wrote. */
static inline char *text_room(struct text *t, size_t len)
{
    return t->room - t->len > len ? t->at + t->len : text_grow(t, len);
}

static inline void text_wrote(struct text *t, size_t len)
{
    t->len += len;
    t->at[t->len] = 0;
}

static inline struct trb_slice text_slice(const struct text *t)
{
    return (struct trb_slice){t->at ? t->at : "", t->len};
}

/* "…" with JSON escapes. html: also < > & U+2028 U+2029 as \u003c …; broken UTF-8 becomes U+FFFD. */
void text_add_json(struct text *, struct trb_slice, bool html);
void text_add_json_pairs(struct text *, const struct trb_pairs *);  /* {"key":"value",…}, for html */
/* "…" as Go's %q prints it. */
void text_add_quoted(struct text *, struct trb_slice);
/* %XX for everything but letters, digits and the characters in keep. */
void text_add_escaped(struct text *, struct trb_slice, const char *keep);

#endif
