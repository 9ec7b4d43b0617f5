/* pb_map: what remains to be done when the entries of a map have been read: each key once, no value missing. */
#include <base/map.h>
#include <base/slice.h>
#include <pb/pb_reader.h>
#include <string.h>

/* An entry that came without its value has an empty one. */
static const char *fill_values(struct reader *r, const struct pb_field *f, struct pb_list *map)
{
    const struct pb_field *value = &f->type->fields[1];
    for (uint32_t i = 0; i < map->count && value->kind == PB_MESSAGE; i++) {
        void *entry = pb_at(map, i, f->type->size);
        const char *fault = pb_pointer(value, entry) ? NULL : reader_new_message(r, value->type, pb_member(value, entry));
        if (fault)
            return fault;
    }
    return NULL;
}

/* The slot where the entry with this key is, or where it belongs. slots hold entry numbers plus one. */
static uint32_t *slot_of(uint32_t *slots, uint32_t mask, const struct pb_list *map, size_t width, struct trb_slice key)
{
    uint32_t i = (uint32_t)hash_bytes(key) & mask;
    while (slots[i] && !slice_is(key, slice_name(*(struct trb_name *)pb_at(map, slots[i] - 1, width))))
        i = (i + 1) & mask;
    return &slots[i];
}

/* The last entry of a key wins, and takes the place of the first. */
static const char *drop_doubles(struct reader *r, const struct pb_field *f, struct pb_list *map)
{
    size_t width = f->type->size;
    size_t room = 4;
    uint32_t kept = 0;
    while (room < 2 * (size_t)map->count)
        room *= 2;
    uint32_t *slots = reader_take(r, room * sizeof *slots);
    if (!slots)
        return pb_too_big;
    for (uint32_t i = 0; i < map->count; i++) {
        struct trb_name *key = pb_at(map, i, width);
        uint32_t *slot = slot_of(slots, (uint32_t)(room - 1), map, width, slice_name(*key));
        if (!*slot)
            *slot = ++kept;
        memmove(pb_at(map, *slot - 1, width), key, width);
    }
    map->count = kept;
    return NULL;
}

static const char *finish_map(struct reader *r, const struct pb_field *f, struct pb_list *map)
{
    const char *fault = map->count > 1 ? drop_doubles(r, f, map) : NULL;
    return fault ? fault : fill_values(r, f, map);
}

/* A list with new elements is finished once they are all there. */
const char *maps_finish(struct reader *r, const struct pb_type *type, const uint32_t *counts, void *to)
{
    const char *fault = NULL;
    for (uint32_t i = 0; i < type->count && !fault; i++) {
        const struct pb_field *f = &type->fields[i];
        if (f->flags & PB_MAP && counts[f->list - 1])
            fault = finish_map(r, f, pb_member(f, to));
    }
    return fault;
}
