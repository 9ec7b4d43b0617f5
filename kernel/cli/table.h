/* table.h: cells into aligned columns. A column that is empty in every row is left out.
 * Not about what is shown: that stands with the commands. */
#ifndef TRILBY_CLI_TABLE_H
#define TRILBY_CLI_TABLE_H

#include "cli/text.h"

struct table {
    const char *const *titles;                      /* ends with NULL */
    struct words cells;                             /* row after row */
};

void table_add(struct table *t, const char *cell);  /* the next one; control characters become blanks */
void table_show(const struct table *t, struct text *page);
void table_fini(struct table *t);

#endif
