/* pb_read: protobuf's wire format into a struct, by a table. */
#include <base/map.h>
#include <base/slice.h>
#include <pb/pb_layout.h>
#include <string.h>
#include <wire/wire.h>

static const char broken[] = "proto: cannot parse invalid wire-format data";
static const char bad_text[] = "string field contains invalid UTF-8";
static const char too_deep[] = "proto: exceeded maximum recursion depth";
static const char too_big[] = "proto: message asks for more memory than its length allows";

struct reader {
    struct pb_memory memory;
    size_t left;                    /* of the budget */
    uint32_t depth;
};

static const char *read_into(struct reader *r, const struct pb_type *type, struct trb_slice message, void *to);

static void *take(struct reader *r, size_t size)
{
    if (size > r->left)
        return NULL;
    r->left -= size;
    return r->memory.alloc(r->memory.arg, size ? size : 1);
}

/* What absence looks like: an empty string, and a stride. The rest is zero. */
static void set_absent(const struct pb_field *f, void *member)
{
    if (f->flags & PB_PAIRS)
        *(struct trb_pairs *)member = (struct trb_pairs){.stride = sizeof(struct trb_pair)};
    else if (f->kind == PB_STRING && !(f->flags & (PB_LIST | PB_PRESENT)))
        *(struct trb_name *)member = NAME("");
}

static void set_all_absent(const struct pb_type *type, void *to)
{
    for (uint32_t i = 0; i < type->count; i++)
        set_absent(&type->fields[i], pb_member(&type->fields[i], to));
}

static void clear_others(const struct pb_type *type, const struct pb_field *chosen, void *to)
{
    for (uint32_t i = 0; i < type->count; i++) {
        const struct pb_field *f = &type->fields[i];
        if (f->oneof != chosen->oneof || f == chosen)
            continue;
        memset(pb_member(f, to), 0, pb_width(f));
        if (f->has)
            *pb_has(f, to) = false;
    }
}

static const struct pb_field *find(const struct pb_type *type, uint32_t number)
{
    if (number <= type->dense)
        return &type->fields[number - 1];
    for (uint32_t i = type->dense; i < type->count; i++)
        if (type->fields[i].number == number)
            return &type->fields[i];
    return NULL;
}

static bool is_packed(const struct pb_field *f, const struct wire_field *w)
{
    return f->flags & PB_LIST && w->type == WIRE_BYTES && pb_wire_type(f->kind) != WIRE_BYTES;
}

/* A known number with another wire type is as unknown as any other. */
static bool is_known(const struct pb_field *f, const struct wire_field *w)
{
    return f && (w->type == pb_wire_type(f->kind) || is_packed(f, w));
}

/* ------------------------------------------------------------------------------------- values */
static void read_number(uint32_t kind, uint64_t value, void *to)
{
    switch (kind) {
    case PB_BOOL: *(bool *)to = value != 0; break;
    case PB_INT32:
    case PB_UINT32:
    case PB_FLOAT: memcpy(to, &(uint32_t){(uint32_t)value}, 4); break;
    default: memcpy(to, &value, 8);
    }
}

static const char *read_string(struct reader *r, struct trb_slice bytes, struct trb_name *to)
{
    if (!slice_is_utf8(bytes))
        return bad_text;
    char *copy = take(r, bytes.len + 1);
    if (!copy)
        return too_big;
    if (bytes.len)
        memcpy(copy, bytes.at, bytes.len);
    *to = (struct trb_name){copy, bytes.len};
    return NULL;
}

/* Two encodings one after the other are one message, merged. */
static const char *append_raw(struct reader *r, struct trb_slice bytes, struct trb_slice *to)
{
    char *both = take(r, to->len + bytes.len);
    if (!both)
        return too_big;
    memcpy(both, to->at, to->len);
    memcpy(both + to->len, bytes.at, bytes.len);
    *to = slice_from(both, to->len + bytes.len);
    return NULL;
}

static const char *read_bytes(struct reader *r, const struct pb_field *f, struct trb_slice bytes, struct trb_slice *to)
{
    if (f->flags & PB_RAW && to->len)
        return append_raw(r, bytes, to);
    *to = bytes;
    return NULL;
}

static const char *new_message(struct reader *r, const struct pb_type *type, void *member)
{
    void *message = take(r, type->size);
    if (!message)
        return too_big;
    set_all_absent(type, message);
    memcpy(member, &message, sizeof message);
    return NULL;
}

/* One that came before is gone on with: parts of a message are merged. */
static const char *read_message(struct reader *r, const struct pb_field *f, struct trb_slice bytes, void *member)
{
    void *message;
    memcpy(&message, member, sizeof message);
    const char *fault = message ? NULL : new_message(r, f->type, member);
    memcpy(&message, member, sizeof message);
    return fault ? fault : read_into(r, f->type, bytes, message);
}

/* One value into its place, which is an element of a list or the member itself. */
static const char *read_value(struct reader *r, const struct pb_field *f, const struct wire_field *w, void *to)
{
    if (f->kind == PB_STRING)
        return read_string(r, w->bytes, to);
    if (f->kind == PB_BYTES)
        return read_bytes(r, f, w->bytes, to);
    if (f->kind == PB_MESSAGE && !(f->flags & PB_LIST))
        return read_message(r, f, w->bytes, to);
    if (f->kind == PB_MESSAGE) {
        set_all_absent(f->type, to);
        return read_into(r, f->type, w->bytes, to);
    }
    read_number(f->kind, w->value, to);
    return NULL;
}

/* -------------------------------------------------------------------------------------- lists */
static bool next_packed(uint32_t kind, struct trb_slice *rest, uint64_t *ret)
{
    return pb_wire_type(kind) == WIRE_VARINT ? wire_varint(rest, ret)
                                          : wire_fixed(rest, kind == PB_FLOAT ? 4 : 8, ret);
}

static bool count_packed(const struct pb_field *f, struct trb_slice rest, uint32_t *count)
{
    uint64_t value;
    for (; rest.len; ++*count)
        if (!next_packed(f->kind, &rest, &value))
            return false;
    return true;
}

static const char *count_lists(const struct pb_type *type, struct trb_slice message, uint32_t *counts)
{
    struct wire_reader in = wire_read(message);
    struct wire_field w;
    while (wire_next(&in, &w)) {
        const struct pb_field *f = find(type, w.number);
        if (!is_known(f, &w) || !f->list)
            continue;
        if (!is_packed(f, &w))
            counts[f->list - 1]++;
        else if (!count_packed(f, w.bytes, &counts[f->list - 1]))
            return broken;
    }
    return in.broken ? broken : NULL;
}

/* Room behind the elements that an earlier part of the same message may have left. */
static const char *make_room(struct reader *r, const struct pb_field *f, uint32_t more, void *member)
{
    struct pb_list *list = member;
    size_t width = pb_element(f);
    if (!more)
        return NULL;
    void *at = take(r, ((size_t)list->count + more) * width);
    if (!at)
        return too_big;
    if (list->count)
        memcpy(at, list->at, list->count * width);
    list->at = at;
    return NULL;
}

static const char *make_rooms(struct reader *r, const struct pb_type *type, const uint32_t *counts, void *to)
{
    const char *fault = NULL;
    for (uint32_t i = 0; i < type->count && !fault; i++)
        if (type->fields[i].list)
            fault = make_room(r, &type->fields[i], counts[type->fields[i].list - 1], pb_member(&type->fields[i], to));
    return fault;
}

static const char *read_packed(const struct pb_field *f, struct trb_slice rest, struct pb_list *list)
{
    size_t width = pb_element(f);
    uint64_t value;
    for (; rest.len; list->count++) {
        if (!next_packed(f->kind, &rest, &value))
            return broken;
        read_number(f->kind, value, pb_at(list, list->count, width));
    }
    return NULL;
}

static const char *read_element(struct reader *r, const struct pb_field *f, const struct wire_field *w, struct pb_list *list)
{
    if (is_packed(f, w))
        return read_packed(f, w->bytes, list);
    return read_value(r, f, w, pb_at(list, list->count++, pb_element(f)));
}

/* --------------------------------------------------------------------------------------- maps */
/* An entry that came without its value has an empty one. */
static const char *fill_values(struct reader *r, const struct pb_field *f, struct pb_list *map)
{
    const struct pb_field *value = &f->type->fields[1];
    for (uint32_t i = 0; i < map->count && value->kind == PB_MESSAGE; i++) {
        void *entry = pb_at(map, i, f->type->size);
        const char *fault = pb_pointer(value, entry) ? NULL : new_message(r, value->type, pb_member(value, entry));
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
    uint32_t kept = 0, room = 4;
    while (room < 2 * (size_t)map->count)
        room *= 2;
    uint32_t *slots = take(r, room * sizeof *slots);
    if (!slots)
        return too_big;
    for (uint32_t i = 0; i < map->count; i++) {
        struct trb_name *key = pb_at(map, i, width);
        uint32_t *slot = slot_of(slots, room - 1, map, width, slice_name(*key));
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

/* ---------------------------------------------------------------------------------- a message */
static const char *read_field(struct reader *r, const struct pb_type *type, const struct pb_field *f,
                              const struct wire_field *w, void *to)
{
    void *member = pb_member(f, to);
    if (f->flags & PB_LIST)
        return read_element(r, f, w, member);
    if (f->oneof)
        clear_others(type, f, to);
    if (f->has)
        *pb_has(f, to) = true;
    return read_value(r, f, w, member);
}

static const char *read_fields(struct reader *r, const struct pb_type *type, struct trb_slice message, void *to)
{
    struct wire_reader in = wire_read(message);
    struct wire_field w;
    const char *fault = NULL;
    while (!fault && wire_next(&in, &w)) {
        const struct pb_field *f = find(type, w.number);
        if (is_known(f, &w))
            fault = read_field(r, type, f, &w, to);
    }
    return fault ? fault : in.broken ? broken : NULL;
}

/* A list with new elements is finished once they are all there. */
static const char *finish_maps(struct reader *r, const struct pb_type *type, const uint32_t *counts, void *to)
{
    const char *fault = NULL;
    for (uint32_t i = 0; i < type->count && !fault; i++) {
        const struct pb_field *f = &type->fields[i];
        if (f->flags & PB_MAP && counts[f->list - 1])
            fault = finish_map(r, f, pb_member(f, to));
    }
    return fault;
}

static const char *read_with_lists(struct reader *r, const struct pb_type *type, struct trb_slice message, void *to)
{
    uint32_t counts[PB_LISTS] = {0};
    const char *fault = count_lists(type, message, counts);
    fault = fault ? fault : make_rooms(r, type, counts, to);
    fault = fault ? fault : read_fields(r, type, message, to);
    return fault ? fault : finish_maps(r, type, counts, to);
}

static const char *read_into(struct reader *r, const struct pb_type *type, struct trb_slice message, void *to)
{
    if (r->depth == PB_DEPTH)
        return too_deep;
    r->depth++;
    const char *fault = type->lists ? read_with_lists(r, type, message, to) : read_fields(r, type, message, to);
    r->depth--;
    return fault;
}

const char *pb_read(const struct pb_type *type, struct trb_slice message, struct pb_memory memory, void *ret)
{
    struct reader r = {.memory = memory, .left = message.len * PB_BUDGET_FACTOR + PB_BUDGET_FREE};
    memset(ret, 0, type->size);
    set_all_absent(type, ret);
    return read_into(&r, type, message, ret);
}
