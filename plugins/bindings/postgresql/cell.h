/* cell: a value of PostgreSQL, in the server's text form, as JSON. Pure. */
#ifndef CELL_H
#define CELL_H

#include <base/text.h>
#include <stdbool.h>

/* type: the type's number at the server. text absent: null. What has no JSON of its own is a string. */
void cell_add(struct text *to, uint32_t type, struct trb_slice text);

#endif
