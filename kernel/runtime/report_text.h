/* report_text: the pieces of a report. Private to report*.c. */
#ifndef RUNTIME_REPORT_TEXT_H
#define RUNTIME_REPORT_TEXT_H

#include <base/slice.h>
#include <base/text.h>
#include <plugin/pins.h>

/* Before each element of an array or object: a comma, but before the first. */
static inline void report_next(struct text *t, bool *is_later)
{
    text_adds(t, *is_later ? "," : "");
    *is_later = true;
}

static inline void report_member(struct text *t, const char *name, const char *value)     /* "name":"value" */
{
    text_addf(t, "\"%s\":", name);
    text_add_json(t, slice_of(value ? value : ""), false);
}

/* "pins":{"calls":3,"buffers":1,"other":0,"oldestMs":41000} */
void report_pins(struct text *, const struct pins *);
void report_leaving(struct text *, uint64_t since_ns);     /* "leavingMs":1200; since 0: 0 */
/* The whole of one component, without its braces; entry: what the list shows. */
struct entry;
void report_entry(struct text *, const struct entry *);

#endif
