/* item: rows and notifications as items. */
#include "settings.h"
#include <base/json.h>
#include <base/slice.h>
#include <stdlib.h>

bool key_is_good(struct trb_slice key)
{
    for (size_t i = 0; i < key.len; i++) {
        char c = key.at[i];
        bool is_word = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!is_word && c != '.' && c != '/' && c != '_')
            return false;
    }
    return key.len > 0;
}

/* Of an object of texts; anything else says nothing. */
static struct trb_pairs read_metadata(struct arena *arena, struct json_value v)
{
    struct trb_pairs pairs = {.stride = sizeof(struct trb_pair)};
    struct trb_slice key;
    struct json_value value;
    if (v.kind != JSON_OBJECT || !json_count(v))
        return pairs;
    struct trb_pair *all = arena_alloc(arena, json_count(v) * sizeof *all);
    for (struct json_cursor c = json_enter(v); json_member(&c, &key, &value);)
        if (value.kind == JSON_STRING)
            all[pairs.count++] = (struct trb_pair){json_name(arena, (struct json_value){JSON_STRING, key}), json_name(arena, value)};
    pairs.at = all;
    return pairs;
}

static struct trb_configuration_item row_read(const struct pg_answer *a, uint32_t row, struct arena *arena)
{
    struct json_value v;
    struct json_fault fault;
    struct trb_slice key = pg_cell(a, row, 0), value = pg_cell(a, row, 1), version = pg_cell(a, row, 2), metadata = pg_cell(a, row, 3);
    struct trb_configuration_item item = {.size = sizeof item, .key = {key.at ? key.at : "", key.len},
                                          .value = value.at ? value : SLICE(""), .version = version};
    if (metadata.at && json_parse(metadata, &v, &fault))
        item.metadata = read_metadata(arena, v);
    return item;
}

/* What is no number is below every number. */
static double rank_of(const struct trb_configuration_item *item)
{
    char room[64], *end;
    if (!item->version.len || item->version.len >= sizeof room)
        return -1;
    memcpy(room, item->version.at, item->version.len);
    room[item->version.len] = 0;
    double rank = strtod(room, &end);
    return *end ? -1 : rank;
}

static int by_key_and_rank(const void *a, const void *b)
{
    const struct trb_configuration_item *x = a, *y = b;
    size_t least = x->key.len < y->key.len ? x->key.len : y->key.len;
    int order = memcmp(x->key.at, y->key.at, least);
    if (order || x->key.len != y->key.len)
        return order ? order : x->key.len < y->key.len ? -1 : 1;
    return rank_of(x) > rank_of(y) ? -1 : rank_of(x) < rank_of(y);
}

uint32_t rows_read(const struct pg_answer *a, struct arena *arena, struct trb_configuration_item **ret_items)
{
    uint32_t rows = pg_rows(a), kept = 0;
    struct trb_configuration_item *items = arena_alloc(arena, rows * sizeof *items + 1);
    for (uint32_t i = 0; i < rows; i++)
        items[i] = row_read(a, i, arena);
    if (rows)
        qsort(items, rows, sizeof *items, by_key_and_rank);
    for (uint32_t i = 0; i < rows; i++)
        if (!kept || !slice_is(slice_name(items[kept - 1].key), slice_name(items[i].key)))
            items[kept++] = items[i];
    *ret_items = items;
    return kept;
}

bool notification_read(struct arena *arena, struct trb_slice payload, struct trb_configuration_item *ret)
{
    struct json_value v;
    struct json_fault fault;
    if (!json_parse(payload, &v, &fault) || v.kind != JSON_OBJECT)
        return false;
    struct json_value data = json_find(v, SLICE("data"));
    if (data.kind != JSON_OBJECT)
        return false;
    struct json_value key = json_find(data, SLICE("key")), value = json_find(data, SLICE("value")),
                      version = json_find(data, SLICE("version"));
    if (key.kind != JSON_STRING || (value.kind != JSON_STRING && value.kind > JSON_NULL) ||
        (version.kind != JSON_STRING && version.kind > JSON_NULL))
        return false;
    *ret = (struct trb_configuration_item){.size = sizeof *ret, .key = json_name(arena, key),
                                           .value = value.kind == JSON_STRING ? json_text(arena, value) : SLICE(""),
                                           .metadata = read_metadata(arena, json_find(data, SLICE("metadata")))};
    if (version.kind == JSON_STRING)
        ret->version = json_text(arena, version);
    return true;
}
