/* json_fuzz: any bytes: checking, walking, unescaping and rewriting stay inside the text; the check tells the shape that
 * walking finds; what was compacted is accepted again and stays as it is. */
#include <base/json.h>
#include <base/slice.h>
#include <stdlib.h>

static void walk(struct arena *arena, struct json_value v, int depth)
{
    struct json_cursor c;
    struct json_value inner;
    struct trb_slice key;
    if (v.kind == JSON_STRING)
        json_name(arena, v);
    if ((v.kind != JSON_ARRAY && v.kind != JSON_OBJECT) || depth > 40)
        return;
    for (c = json_enter(v); v.kind == JSON_ARRAY && json_next(&c, &inner);)
        walk(arena, inner, depth + 1);
    for (c = json_enter(v); v.kind == JSON_OBJECT && json_member(&c, &key, &inner);)
        walk(arena, inner, depth + 1);
    if (v.kind == JSON_OBJECT)
        json_find_nocase(v, SLICE("key"));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct trb_slice input = {(const char *)data, size};
    struct json_value v, again;
    struct json_fault fault;
    struct text once = {0}, twice = {0}, sorted = {0};
    struct json_shape shape;
    if (!json_parse_shape(input, &v, &shape, &fault)) {
        if (fault.offset > size || !fault.message[0])
            abort();
        return 0;
    }
    struct arena *arena = arena_create(64 << 20);
    walk(arena, v, 0);
    json_compact(v, &once);
    if (shape.count != json_count(v) || shape.is_compact != json_is_compact(v) || shape.is_compact != (once.len == v.raw.len))
        abort();
    struct json_cursor elements = json_enter(v);
    if (v.kind == JSON_ARRAY && shape.count == 1 && (!json_next(&elements, &again) || !slice_is(again.raw, json_only(v).raw)))
        abort();
    if (!json_parse(text_slice(&once), &again, NULL))
        abort();
    json_compact(again, &twice);
    if (!slice_is(text_slice(&once), text_slice(&twice)))
        abort();
    json_canonical(v, &sorted);
    if (!json_parse(text_slice(&sorted), &again, NULL))
        abort();
    arena_destroy(arena);
    text_fini(&once);
    text_fini(&twice);
    text_fini(&sorted);
    return 0;
}
