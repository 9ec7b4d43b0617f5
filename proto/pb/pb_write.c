/* pb_write: a struct into protobuf's wire format, by its table. */
#include <pb/pb_layout.h>
#include <wire/wire.h>

static const struct pb_field pair_fields[] = {
    {.number = 1, .kind = PB_STRING, .flags = PB_ALWAYS, .offset = offsetof(struct trb_pair, key)},
    {.number = 2, .kind = PB_STRING, .flags = PB_ALWAYS, .offset = offsetof(struct trb_pair, value)},
};
const struct pb_type pb_pair_pb = {
    .name = "pair", .fields = pair_fields, .size = sizeof(struct trb_pair), .count = 2, .dense = 2};

static uint64_t number_of(uint32_t kind, const void *at)
{
    uint64_t value = 0;
    int32_t small;
    switch (kind) {
    case PB_BOOL: return *(const bool *)at;
    case PB_INT32:
        memcpy(&small, at, sizeof small);
        return (uint64_t)(int64_t)small;                /* negative ones have ten bytes */
    case PB_UINT32:
    case PB_FLOAT: memcpy(&value, at, 4); return value;
    default: memcpy(&value, at, 8); return value;
    }
}

static void write_number(uint32_t kind, uint64_t value, struct text *to)
{
    if (kind == PB_FLOAT || kind == PB_DOUBLE)
        wire_put_fixed(to, kind == PB_FLOAT ? 4 : 8, value);
    else
        wire_put_varint(to, value);
}

static void write_message(uint32_t number, const struct pb_type *type, const void *message, struct text *to)
{
    size_t mark = wire_begin(to, number);
    if (message)
        pb_write(type, message, to);
    wire_end(to, mark);
}

static struct trb_slice bytes_at(const void *at)        /* of a name or a slice: they look alike */
{
    struct trb_slice bytes;
    memcpy(&bytes, at, sizeof bytes);
    return bytes;
}

static void write_list(const struct pb_field *f, const struct pb_list *list, struct text *to)
{
    size_t width = pb_element(f);
    for (uint32_t i = 0; i < list->count; i++) {
        const void *element = pb_at(list, i, width);
        if (f->kind == PB_MESSAGE)
            write_message(f->number, f->type, element, to);
        else
            wire_put_bytes_always(to, f->number, bytes_at(element));
    }
}

static void write_packed(const struct pb_field *f, const struct pb_list *list, struct text *to)
{
    if (!list->count)
        return;
    size_t mark = wire_begin(to, f->number);
    for (uint32_t i = 0; i < list->count; i++)
        write_number(f->kind, number_of(f->kind, pb_at(list, i, pb_width(f))), to);
    wire_end(to, mark);
}

/* The stride is the caller's: pairs may stand in larger structs. */
static void write_pairs(const struct pb_field *f, const struct trb_pairs *pairs, struct text *to)
{
    for (uint32_t i = 0; i < pairs->count; i++)
        write_message(f->number, f->type, trb_pair_at(pairs, i), to);
}

static void write_bytes(const struct pb_field *f, struct trb_slice bytes, struct text *to)
{
    if (bytes.len || f->flags & PB_ALWAYS || (bytes.at && f->flags & PB_PRESENT))
        wire_put_bytes_always(to, f->number, bytes);
}

static void write_scalar(const struct pb_field *f, const void *from, struct text *to)
{
    uint64_t value = number_of(f->kind, pb_member(f, from));
    if (f->has ? !*pb_has(f, from) : !value && !(f->flags & PB_ALWAYS))
        return;
    wire_put_tag(to, f->number, pb_wire_type(f->kind));
    write_number(f->kind, value, to);
}

static void write_one(const struct pb_field *f, const void *from, struct text *to)
{
    if (f->kind == PB_STRING || f->kind == PB_BYTES)
        write_bytes(f, bytes_at(pb_member(f, from)), to);
    else if (f->kind != PB_MESSAGE)
        write_scalar(f, from, to);
    else if (pb_pointer(f, from) || f->flags & PB_ALWAYS)
        write_message(f->number, f->type, pb_pointer(f, from), to);
}

void pb_write(const struct pb_type *type, const void *from, struct text *to)
{
    for (uint32_t i = 0; i < type->count; i++) {
        const struct pb_field *f = &type->fields[i];
        if (f->flags & PB_PAIRS)
            write_pairs(f, pb_member(f, from), to);
        else if (!(f->flags & PB_LIST))
            write_one(f, from, to);
        else if (pb_wire_type(f->kind) == WIRE_BYTES)
            write_list(f, pb_member(f, from), to);
        else
            write_packed(f, pb_member(f, from), to);
    }
}
