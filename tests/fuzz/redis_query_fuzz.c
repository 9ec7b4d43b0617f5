/* redis_query_fuzz: any bytes as a query of state.redis: what is accepted has its brackets and quotes in pairs, so that
 * no value of the query got out of its place. */
#include "plugins/state/redis/query.c"
#include <stdint.h>
#include <stdlib.h>

static struct index_key keys[] = {{{"t", 1}, {"var0", 4}, false}, {{"n", 1}, {"var1", 4}, true}};
static const struct index made = {{"i", 1}, keys, 2};

const struct index *index_find(const struct indexes *all, struct trb_slice name)
{
    return NULL;
}

const struct index_key *index_key_find(const struct index *x, struct trb_slice path)
{
    return slice_is(path, SLICE("t")) ? &keys[0] : slice_is(path, SLICE("n")) ? &keys[1] : NULL;
}

static void look(struct trb_slice filter)
{
    int depth = 0;
    bool is_quoted = false, is_range = false;
    for (size_t i = 0; i < filter.len; i++) {
        char c = filter.at[i];
        if (c == '\\' && ++i)
            continue;
        is_quoted ^= c == '"';
        is_range = (is_range || c == '[') && c != ']';
        depth += is_quoted || is_range ? 0 : (c == '(') - (c == ')');
        if (depth < 0 || (is_quoted && strchr("()[]@|", c) && c))
            abort();
    }
    if (depth || is_quoted || is_range)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_create(1 << 24);
    struct search search = {0};
    struct trb_error err = {0};
    trb_code code = search_make(arena, &made, (struct trb_slice){(const char *)data, size}, &search, &err);
    if (code ? !err.message[0] : !search.filter.len)
        abort();
    if (!code)
        look(text_slice(&search.filter));
    text_fini(&search.filter);
    arena_destroy(arena);
    return 0;
}
