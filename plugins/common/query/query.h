/* query: the query language of state stores, read into a tree. Pure functions; nothing is sent.
 *
 *     {"filter": {"AND": [{"EQ": {"person.org": "A"}}, {"IN": {"state": ["CA", "WA"]}}]},
 *      "sort": [{"key": "state", "order": "DESC"}], "page": {"limit": 3, "token": "3"}}
 *
 * Values keep their bytes as JSON. Slices point into the text or the arena: both outlive the query. */
#ifndef QUERY_QUERY_H
#define QUERY_QUERY_H

#include <base/arena.h>
#include <base/json.h>

/* What a node of the filter asks. */
#define QUERY_EQ 1u
#define QUERY_NEQ 2u
#define QUERY_GT 3u
#define QUERY_GTE 4u
#define QUERY_LT 5u
#define QUERY_LTE 6u
#define QUERY_IN 7u
#define QUERY_AND 8u
#define QUERY_OR 9u

#define QUERY_MAX_DEPTH 64u                     /* of AND and OR */

struct query_node {
    uint32_t op;
    struct trb_name key;                        /* up to IN: the property's path, "person.org" */
    const struct json_value *values;            /* up to LTE: one scalar; IN: one or more scalars */
    uint32_t value_count;
    const struct query_node *nodes;             /* AND, OR: two or more */
    uint32_t node_count;
};

struct query_sort {
    struct trb_name key;
    bool is_descending;
};

struct query {
    const struct query_node *filter;            /* NULL: everything */
    const struct query_sort *sorts;
    uint32_t sort_count;
    uint64_t limit;                             /* items of a page; 0: no limit */
    struct trb_name token;                      /* where to go on; len 0: from the start */
};

/* Fails with TRB_INVALID, kind TRB_STATE_BAD_QUERY, and a sentence that names the member. */
trb_code query_parse(struct arena *, struct trb_slice text, struct query *ret_query, struct trb_error *err);

const char *query_op_name(uint32_t op);         /* "EQ" */
bool query_op_is_order(uint32_t op);            /* GT, GTE, LT, LTE */
/* The next part of a path, which moves behind it: for (rest = path; rest.at;) part = query_path_next(&rest). */
struct trb_slice query_path_next(struct trb_slice *rest);
/* A scalar as text: a string unescaped, everything else as it stands. */
struct trb_slice query_value_text(struct arena *, struct json_value);

#endif
