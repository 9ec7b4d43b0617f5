/* flags_list: lists in one value, by the rules of comma-separated values: "a,b" in quotes is one item. */
#include <base/slice.h>
#include <config/flags_table.h>

void flag_list_add(struct flags *flags, struct flag_list *list, struct trb_slice item)
{
    struct trb_name *at = arena_alloc(flags->arena, (list->count + 1) * sizeof *at);
    if (list->count)
        memcpy(at, list->at, list->count * sizeof *at);
    at[list->count++] = arena_name(flags->arena, item);
    list->at = at;
}

static bool refuse_item(struct text *why, size_t column, const char *what)
{
    text_addf(why, "parse error on line 1, column %zu: %s", column + 1, what);
    return false;
}

/* "…" with "" for a quote, up to a comma or the end. */
static bool read_quoted(struct trb_slice all, size_t *at, struct text *item, struct text *why)
{
    for (++*at; *at < all.len; ++*at) {
        bool is_quote = all.at[*at] == '"', is_double = is_quote && *at + 1 < all.len && all.at[*at + 1] == '"';
        if (is_quote && !is_double) {
            ++*at;
            return *at == all.len || all.at[*at] == ',' ||
                   refuse_item(why, *at - 1, "extraneous or missing \" in quoted-field");
        }
        text_addc(item, all.at[*at]);
        *at += is_double;
    }
    return refuse_item(why, *at, "extraneous or missing \" in quoted-field");
}

static bool read_plain(struct trb_slice all, size_t *at, struct text *item, struct text *why)
{
    for (; *at < all.len && all.at[*at] != ','; ++*at) {
        if (all.at[*at] == '"')
            return refuse_item(why, *at, "bare \" in non-quoted field");
        text_addc(item, all.at[*at]);
    }
    return true;
}

bool flag_list_read(struct flags *flags, struct flag_list *list, struct trb_slice value, struct text *why)
{
    bool good = true;
    struct text item = {0};
    for (size_t at = 0; good && value.len && at <= value.len; at++) {
        text_clear(&item);
        good = at < value.len && value.at[at] == '"' ? read_quoted(value, &at, &item, why)
                                                     : read_plain(value, &at, &item, why);
        if (good)
            flag_list_add(flags, list, text_slice(&item));
    }
    text_fini(&item);
    return good;
}
