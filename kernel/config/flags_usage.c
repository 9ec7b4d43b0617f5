/* flags_usage: the table as people read it. */
#include <base/slice.h>
#include <config/flags_table.h>

static const char *type_word(const struct flag_row *row)
{
    static const char *const words[] = {
        [FLAG_IS_TEXT] = " string", [FLAG_IS_BOOL] = "",  [FLAG_IS_TRISTATE] = "",
        [FLAG_IS_INT] = " int",     [FLAG_IS_UINT] = " uint", [FLAG_IS_DURATION] = " duration",
        [FLAG_IS_LIST] = " strings"};
    return words[row->type];
}

static size_t left_width(const struct flag_row *row)
{
    return strlen(row->name) + strlen(type_word(row));
}

static bool has_default(const struct flag_row *row)
{
    static const char *const nothing[] = {"", "false", "0", "0s"};
    for (int i = 0; i < 4; i++)
        if (slice_is(slice_of(row->fallback), slice_of(nothing[i])))
            return false;
    return true;
}

static void add_row(struct text *t, const struct flag_row *row, size_t width)
{
    int gap = (int)(width - left_width(row));
    text_addf(t, "      --%s%s%*s   %s", row->name, type_word(row), gap, "", row->help);
    if (has_default(row))
        text_addf(t, row->type == FLAG_IS_TEXT ? " (default \"%s\")" : " (default %s)", row->fallback);
    text_adds(t, row->effect == FLAG_LATER ? " (no effect yet)\n" : "\n");
}

void flags_usage(struct text *t, const char *program)
{
    size_t width = 0;
    for (uint32_t i = 0; i < flag_row_count; i++)
        if (left_width(&flag_rows[i]) > width)
            width = left_width(&flag_rows[i]);
    text_addf(t, "Usage of %s:\n", program);
    for (uint32_t i = 0; i < flag_row_count; i++)
        if (flag_rows[i].effect != FLAG_NEVER)
            add_row(t, &flag_rows[i], width);
}
