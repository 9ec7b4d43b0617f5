/* table.c: widths first, rows then.
 * Not a pager and not a terminal's master: lines are as long as they are. */
#include "cli/table.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

static size_t columns_of(const struct table *t)
{
    size_t count = 0;
    while (t->titles[count])
        count++;
    return count;
}

void table_add(struct table *t, const char *cell)
{
    char *clean = text_copy(cell);
    for (char *at = clean; *at; at++)
        if (iscntrl((unsigned char)*at))
            *at = ' ';
    words_add(&t->cells, clean);
    free(clean);
}

/* Characters, not bytes: a continuation of UTF-8 takes no room. */
static size_t width(const char *text)
{
    size_t count = 0;
    for (; *text; text++)
        count += (*text & 0xC0) != 0x80;
    return count;
}

/* 0: every row's cell is empty. */
static size_t width_of(const struct table *t, size_t column, size_t columns)
{
    size_t widest = 0;
    for (size_t i = column; i < t->cells.count; i += columns)
        if (width(t->cells.at[i]) > widest)
            widest = width(t->cells.at[i]);
    return widest && width(t->titles[column]) > widest ? width(t->titles[column]) : widest;
}

static void show_row(const struct table *t, char *const *cells, size_t columns, struct text *page)
{
    for (size_t c = 0; c < columns; c++) {
        size_t room = width_of(t, c, columns);
        if (room)
            text_add(page, "%s%*s", cells[c], (int)(room - width(cells[c]) + 2), "");
    }
    while (page->len && page->at[page->len - 1] == ' ')
        page->len--;
    text_add(page, "\n");
}

void table_show(const struct table *t, struct text *page)
{
    size_t columns = columns_of(t);
    show_row(t, (char *const *)t->titles, columns, page);
    for (size_t i = 0; i + columns <= t->cells.count; i += columns)
        show_row(t, t->cells.at + i, columns, page);
}

void table_fini(struct table *t)
{
    words_fini(&t->cells);
}
