/* trilby/options.h: options declared once. From this table the host validates, fills the members of
 * the instance before start runs, redacts, prints help and makes the reference page. Append only. */
#ifndef TRILBY_OPTIONS_H
#define TRILBY_OPTIONS_H

#include <trilby/types.h>

#ifdef __cplusplus
extern "C" {
#endif

#define TRB_OPTION_STRING 1u   /* const char *; NULL when absent and without fallback */
#define TRB_OPTION_BOOL 2u     /* uint32_t: 0 or 1 */
#define TRB_OPTION_INT 3u      /* int64_t, between min and max */
#define TRB_OPTION_BYTES 4u    /* uint64_t: 64KiB, 4Mi, 1000 */
#define TRB_OPTION_DURATION 5u /* int64_t nanoseconds: 5s, 500ms; a bare number counts in bare_unit_ns */
#define TRB_OPTION_CHOICE 6u   /* uint32_t: index into choices ("a|b|c", letter case ignored) */
#define TRB_OPTION_NUMBER 7u   /* double */
#define TRB_OPTION_OPEN 8u     /* accepts any name that begins with this one; read through setup.properties */

/* One option: a row of a constant table, which the macros below write. */
struct trb_option {
    const char *name;     /* as Dapr spells it; matched without regard to letter case */
    const char *aliases;  /* other spellings, separated by '|', or NULL */
    const char *doc;      /* one sentence */
    const char *example;  /* or NULL */
    const char *fallback; /* the default as text, or NULL */
    const char *choices;  /* for CHOICE */
    uint32_t type, offset, member_size;       /* TRB_OPTION_…; where in self, and how many bytes */
    uint32_t required, sensitive, deprecated; /* 1: must be said; is never shown; is warned of when said */
    int64_t min, max;     /* max 0: none */
    int64_t bare_unit_ns; /* 0: a bare number is seconds */
    uint32_t empty_is_absent; /* 1: "" counts as not said */
};

/* The member's type is checked at compile time: a wrong one does not compile. */
#define TRB_OPTION_(kind, want, self, member_, name_, ...)                                         \
    {                                                                                              \
        .name = (name_), .type = (kind),                                                           \
        .offset = (uint32_t)(offsetof(self, member_) +                                             \
                             0 * sizeof(char[_Generic(((self *)0)->member_, want : 1)])),          \
        .member_size = sizeof(((self *)0)->member_), __VA_ARGS__                                   \
    }
/* A member const char *: the text, alive as long as the instance; NULL without a fallback. */
#define TRB_STRING(self, member, name, ...) \
    TRB_OPTION_(TRB_OPTION_STRING, const char *, self, member, name, __VA_ARGS__)
/* A member uint32_t: 0 or 1. */
#define TRB_BOOL(self, member, name, ...) \
    TRB_OPTION_(TRB_OPTION_BOOL, uint32_t, self, member, name, __VA_ARGS__)
/* A member int64_t between .min and .max. */
#define TRB_INT(self, member, name, ...) \
    TRB_OPTION_(TRB_OPTION_INT, int64_t, self, member, name, __VA_ARGS__)
/* A member uint64_t: a size in bytes, said as 64KiB, 4Mi or 1000. */
#define TRB_BYTES(self, member, name, ...) \
    TRB_OPTION_(TRB_OPTION_BYTES, uint64_t, self, member, name, __VA_ARGS__)
/* A member int64_t: nanoseconds, said as 5s, 500ms, or as a bare number of .bare_unit_ns. */
#define TRB_DURATION(self, member, name, ...) \
    TRB_OPTION_(TRB_OPTION_DURATION, int64_t, self, member, name, __VA_ARGS__)
/* A member uint32_t: the index of one of .choices, "a|b|c". */
#define TRB_CHOICE(self, member, name, ...) \
    TRB_OPTION_(TRB_OPTION_CHOICE, uint32_t, self, member, name, __VA_ARGS__)
/* A member double. */
#define TRB_NUMBER(self, member, name, ...) \
    TRB_OPTION_(TRB_OPTION_NUMBER, double, self, member, name, __VA_ARGS__)
/* No member: any name that begins with this one is accepted, and read through setup->properties. */
#define TRB_OPEN(name_, ...) {.name = (name_), .type = TRB_OPTION_OPEN, __VA_ARGS__}

/* Fills self_size, options, option_count and option_size of a trb_component. */
#define TRB_SELF(self, table)                                                                      \
    .self_size = sizeof(self), .options = (table), .option_count = sizeof(table) / sizeof((table)[0]), \
    .option_size = sizeof(struct trb_option)

#ifdef __cplusplus
}
#endif
#endif
