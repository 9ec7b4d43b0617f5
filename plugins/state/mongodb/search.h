/* search: a query as MongoDB takes it. Pure. */
#ifndef STATE_MONGODB_SEARCH_H
#define STATE_MONGODB_SEARCH_H

#include <bson/bson.h>
#include <query/query.h>

void search_filter(struct arena *, const struct query *, bson_t *to);
void search_options(struct arena *, const struct query *, uint64_t skip, bson_t *to);

#endif
