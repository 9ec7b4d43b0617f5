/* flags_table: flags.def as rows, and how one value is read. Private to flags*.c. */
#ifndef CONFIG_FLAGS_TABLE_H
#define CONFIG_FLAGS_TABLE_H

#include <config/flags.h>

#define FLAG_IS_TEXT 0u
#define FLAG_IS_BOOL 1u
#define FLAG_IS_TRISTATE 2u
#define FLAG_IS_INT 3u
#define FLAG_IS_UINT 4u
#define FLAG_IS_DURATION 5u
#define FLAG_IS_LIST 6u

#define FLAG_NOW 0u
#define FLAG_LATER 1u
#define FLAG_NEVER 2u

struct flag_row {
    const char *name, *fallback, *help;
    uint32_t type, effect;
    size_t member, given;                      /* offsets in struct flags */
};

extern const struct flag_row flag_rows[];
extern const uint32_t flag_row_count;

static inline bool *flag_given(const struct flags *flags, const struct flag_row *row)
{
    return (bool *)((char *)flags + row->given);
}

/* Puts the value where the row says; a list grows. false: why holds a sentence without its context,
 * e.g. strconv.ParseInt: parsing "x": invalid syntax */
bool flag_read(struct flags *, const struct flag_row *, struct trb_slice value, struct text *why);
bool flag_list_read(struct flags *, struct flag_list *, struct trb_slice value, struct text *why);
/* The list's next item, in the flags' arena. */
void flag_list_add(struct flags *, struct flag_list *, struct trb_slice item);
/* Decimal with a sign, as ports are read. false: why is strconv.Atoi: parsing "x": invalid syntax */
bool flag_atoi(struct trb_slice text, int64_t *ret_value, struct text *why);

#endif
