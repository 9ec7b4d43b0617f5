/* query_fuzz: any bytes as a query of a state store: what is accepted is a tree as its header says. */
#include <query/query.h>
#include <base/slice.h>
#include <stdlib.h>

static void look(const struct query_node *n, unsigned depth)
{
    if (!n->op || n->op > QUERY_OR || depth > QUERY_MAX_DEPTH)
        abort();
    if (n->op >= QUERY_AND ? n->node_count < 2 : !n->key.len || !n->value_count || (n->op != QUERY_IN && n->value_count != 1))
        abort();
    for (uint32_t i = 0; i < n->value_count; i++)
        if (n->values[i].kind == JSON_ARRAY || n->values[i].kind == JSON_OBJECT)
            abort();
    for (uint32_t i = 0; i < n->node_count; i++)
        look(&n->nodes[i], depth + 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_create(1 << 24);
    struct query q = {0};
    struct trb_error err = {0};
    trb_code code = query_parse(arena, (struct trb_slice){(const char *)data, size}, &q, &err);
    if (code ? !err.message[0] : err.message[0] != 0)
        abort();
    if (!code && q.filter)
        look(q.filter, 0);
    arena_destroy(arena);
    return 0;
}
